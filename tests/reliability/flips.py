"""Flipping single bits in what Langue has written, and telling what came of it."""

from __future__ import annotations

import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from written import Written

from langue.errors import LangueError

CAUGHT, HARMLESS, SILENT, TRACEBACK = "caught", "harmless", "silent", "traceback"


def flip_all(written: Written, folder: Path, flips: int, seed: int = 0) -> dict[str, Counter[str]]:
    """Make a folder and flip bits in each of its files, one at a time.

    Args:
        written: the kind of folder.
        folder: a place for it and for its damaged copies.
        flips: bits of each file.
        seed: of their places.

    Returns:
        Outcomes by file. "harmless": what is read is the same as without the flip, to the bit.
    """
    made = folder / "made"
    folder.mkdir(parents=True, exist_ok=True)
    written.make(made)
    expected = written.read(made)
    draws, outcomes = np.random.default_rng(seed), {}
    for file in sorted(path for path in made.rglob("*") if path.is_file() and path.stat().st_size):
        name = file.relative_to(made).as_posix()
        bits = draws.choice(8 * file.stat().st_size, min(flips, 8 * file.stat().st_size), replace=False)
        outcomes[name] = Counter(_flip_one(written, made, name, int(bit), expected) for bit in bits)
    return outcomes


def _flip_one(written: Written, made: Path, name: str, bit: int, expected: Any) -> str:
    damaged = made.with_name("damaged")
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(made, damaged)
    content = bytearray((damaged / name).read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    (damaged / name).write_bytes(content)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            same = _comparable(written.read(damaged), damaged) == _comparable(expected, made)
        except LangueError:
            return CAUGHT
        except BaseException as error:  # a panic of Rust's is no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            print(f"{name}, bit {bit}: {type(error).__name__}: {error}")
            return TRACEBACK
    if any(name.rpartition("/")[2] in str(warning.message) or "damaged" in str(warning.message) for warning in said):
        return CAUGHT
    if not same:
        print(f"{name}, bit {bit}: another result without a word")
    return HARMLESS if same else SILENT


def _comparable(value: Any, folder: Path) -> str:
    return repr(value).replace(str(folder), "FOLDER").replace(f"name='{folder.name}'", "name='FOLDER'")
