"""Checkpoints that can be trusted: whole or not there, and every byte accounted for."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from langue.errors import LangueError
from langue.train.disk import sync

MANIFEST = "manifest.json"
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What training goes on from.

    Attributes:
        step: updates so far.
        state: everything that is no tensor: counts, best loss, ….
        tensors: by file: "model", "optimizer" and perhaps "average", each name → tensor.
    """

    step: int
    state: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]


def save(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `step-NNNNNNNN` into a folder: beside its place, synced, with a manifest of hashes, then renamed.

    Only when the new one stands, older ones than the last `keep` are removed, and what a kill left of others.

    Raises:
        LangueError: the disk is full or cannot be written; earlier checkpoints are whole.
    """
    final = folder / f"step-{checkpoint.step:08d}"
    beside = folder / f".{final.name}.writing"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for name, tensors in checkpoint.tensors.items():
            save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, _file(beside, name))
        (beside / STATE).write_bytes(_in_json({"step": checkpoint.step, **checkpoint.state}))
        files = sorted(beside.iterdir())
        manifest = {"version": 1, "files": {file.name: _describe(file) for file in files}}
        (beside / MANIFEST).write_bytes(_in_json(manifest))
        for path in [*files, beside / MANIFEST, beside]:
            sync(path)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(beside, final)
        sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        reason = "the disk is full" if _is_full(error) else str(error)
        raise LangueError(
            f"checkpoint {final} could not be written: {reason}; earlier checkpoints are whole, "
            f"so make room and continue with --resume"
        ) from None
    older = [path for path in _steps(folder) if path.name < final.name]
    for old in [*older[: max(0, len(older) - keep + 1)], *folder.glob(".step-*.writing")]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def latest(folder: Path) -> Checkpoint | None:
    """The highest step whose files are what its manifest says.

    Damaged ones are named in a warning and set aside as `step-NNNNNNNN.damaged`, so that they count no more among
    those that are kept.
    """
    for path in reversed(_steps(folder)):
        try:
            return load(path)
        except LangueError as error:
            warnings.warn(f"{error}; going back to the one before", stacklevel=2)
            _set_aside(path)
    return None


def load(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        LangueError: names the file that is missing or damaged.
    """
    verify(path)
    state = json.loads((path / STATE).read_text(encoding="utf-8"))
    tensors = {file.stem: load_file(file) for file in sorted(path.glob("*.safetensors"))}
    return Checkpoint(state.pop("step"), state, tensors)


def verify(path: Path) -> None:
    """Compare every file of a checkpoint with its manifest.

    Raises:
        LangueError: names the file that is missing, damaged or unknown.
    """
    try:
        text = (path / MANIFEST).read_bytes()
        manifest = json.loads(text)
        files = dict(manifest["files"])
        # As `save` writes it, to the byte: a change in white space is damage as well.
        if manifest["version"] != 1 or STATE not in files or text != _in_json(manifest):
            raise KeyError("version")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise LangueError(f"checkpoint {path} is damaged: {MANIFEST} cannot be read") from None
    there = {file.name for file in path.iterdir()} - {MANIFEST}
    for name in sorted(files.keys() | there):
        if name not in there:
            raise LangueError(f"checkpoint {path} is damaged: {name} is missing")
        try:
            found = _describe(path / name)
        except OSError as error:
            raise LangueError(f"checkpoint {path} is damaged: {name} cannot be read: {error.strerror}") from None
        if files.get(name) != found:
            raise LangueError(f"checkpoint {path} is damaged: {name} is not what {MANIFEST} says")


def _steps(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.name[5:].isdigit())


def _set_aside(path: Path) -> None:
    place = path.with_name(f"{path.name}.damaged")
    shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):  # it may stay where it is: whoever comes by again passes over it again
        path.rename(place)


def _is_full(error: Exception) -> bool:
    """Whether there was no room; safetensors tells the number of the error in its text alone."""
    told = re.search(r"os error (\d+)", str(error))
    number = int(told[1]) if told else getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _in_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
