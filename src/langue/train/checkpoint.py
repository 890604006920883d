"""Checkpoints that can be trusted: whole or not there, and every byte accounted for."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from langue.errors import LangueError

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

    Only when the new one stands, older ones than the last `keep` are removed.

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
        content = {"step": checkpoint.step, **checkpoint.state}
        (beside / STATE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        files = sorted(beside.iterdir())
        manifest = {"version": 1, "files": {file.name: _describe(file) for file in files}}
        (beside / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in [*files, beside / MANIFEST, beside]:
            _sync(path)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(beside, final)
        _sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "os error 2" in str(error)
        reason = "the disk is full" if full else str(error)
        raise LangueError(
            f"checkpoint {final} could not be written: {reason}; earlier checkpoints are whole, "
            f"so make room and continue with --resume"
        ) from None
    for old in _steps(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def latest(folder: Path) -> Checkpoint | None:
    """The highest step whose files are what its manifest says; damaged ones are named in a warning and passed over."""
    for path in reversed(_steps(folder)):
        try:
            return load(path)
        except LangueError as error:
            warnings.warn(f"{error}; going back to the one before", stacklevel=2)
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
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        if manifest["version"] != 1 or STATE not in files:
            raise KeyError("version")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise LangueError(f"checkpoint {path} is damaged: {MANIFEST} cannot be read") from None
    there = {file.name for file in path.iterdir()} - {MANIFEST}
    for name in sorted(files.keys() | there):
        if name not in there:
            raise LangueError(f"checkpoint {path} is damaged: {name} is missing")
        if files.get(name) != _describe(path / name):
            raise LangueError(f"checkpoint {path} is damaged: {name} is not what {MANIFEST} says")


def _steps(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.name[5:].isdigit())


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
