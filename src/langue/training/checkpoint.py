"""Checkpoints that can be trusted: whole or not there, and every byte accounted for."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from safetensors.torch import save as serialize
from torch import Tensor

from langue.content import read_json
from langue.errors import ForbiddenError, LangueError, listed, reading
from langue.files import MANIFEST, Manifest, check_folder, digest, remove_files, replacing, seal
from langue.settings import parse
from langue.training.log import ADVICE
from langue.training.types import Progress

STATE = "state.json"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The state that a training goes on from.

    Attributes:
        step: updates so far.
        state: everything that is no tensor: counts, best loss, ….
        tensors: by file, then by name: "model" (what is trained), "optimizer", and perhaps "average" and "frozen".
        frozen: SHA-256 of the file of what is not trained, which all checkpoints of a run share; None where all is.
        base: SHA-256 of the weights that adapters stand on, which no checkpoint holds; None without adapters.
        path: where it was read; None of one that is to be written.
    """

    step: int
    state: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]
    path: Path | None = None
    frozen: str | None = None
    base: str | None = None

    def weights(self, *, averaged: bool) -> dict[str, Tensor]:
        """All parameters of the model; with `averaged`, their average where the training keeps one."""
        trained = "average" if averaged and "average" in self.tensors else "model"
        return {**self.tensors.get("frozen", {}), **self.part(trained)}

    def progress(self) -> Progress:
        """Progress of the training.

        Raises:
            LangueError: names the file and what in it no training could have written.
        """
        file, state = self._file(STATE), {**self.state, "step": self.step}
        missing = [name for name in Progress.model_fields if name not in state]
        if missing:
            raise self._refusal(f"{file} is damaged: it does not say {listed(missing)}")
        try:
            return parse(Progress, state, f"{file} is damaged")
        except LangueError as error:
            raise self._refusal(str(error)) from None

    def part(self, name: str, expected: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
        """The tensors of one file.

        Args:
            name: of the file, without its ending.
            expected: tensors of the names, shapes and kinds that they must have; None takes any.

        Raises:
            LangueError: names the file and the first tensor that is not as expected.
        """
        file, tensors = self._file(f"{name}{SUFFIX}"), self.tensors.get(name)
        if tensors is None:
            raise self._refusal(f"{file} is missing")
        expected = tensors if expected is None else expected
        for key in sorted(expected.keys() | tensors.keys()):
            right, actual = _outline(expected.get(key)), _outline(tensors.get(key))
            if right != actual:
                raise self._refusal(f"{file} does not fit the training: {key!r:.100} should be {right} but is {actual}")
        return tensors

    def _file(self, name: str) -> str:
        return f"{name} of step {self.step}" if self.path is None else str(self.path / name)

    def _refusal(self, fault: str) -> LangueError:
        there = "" if self.path is None else f"; move {self.path} away to go on from the checkpoint before"
        return LangueError(f"{fault}{there}")


def _outline(tensor: Tensor | None) -> str:
    """Shape and kind of a tensor, in words."""
    if tensor is None:
        return "missing"
    return f"{'×'.join(map(str, tensor.shape)) or 'a number'} of {str(tensor.dtype).removeprefix('torch.')}"


def save_frozen(folder: Path, tensors: Mapping[str, Tensor]) -> str | None:
    """Write what a training does not change, once for all of its checkpoints.

    Returns:
        The file's SHA-256, by which `save` refers to it; None where there are no such tensors.

    Raises:
        LangueError: the disk is full or cannot be written.
    """
    if not tensors:
        return None
    content = serialize({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    fingerprint = hashlib.sha256(content).hexdigest()
    file = _frozen_file(folder, fingerprint)
    if not (file.is_file() and digest(file) == fingerprint):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stage:
            stage.write_bytes(content)
    return fingerprint


def _frozen_file(folder: Path, fingerprint: str) -> Path:
    return folder / f"frozen-{fingerprint[:16]}{SUFFIX}"


def save(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write `step-NNNNNNNN` into a folder: beside its place, synced, with a manifest of hashes, then renamed.

    An earlier one of the same step is called `step-NNNNNNNN.old` until the new one stands. Only then, older ones than
    the last `keep` are removed.

    Raises:
        LangueError: the disk is full or cannot be written; earlier checkpoints are whole.
    """
    final = folder / f"step-{checkpoint.step:08d}"
    old = final.with_name(f"{final.name}.old")
    with replacing(final, advice=ADVICE) as stage:
        stage.mkdir()
        for name, tensors in checkpoint.tensors.items():
            on_cpu = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
            save_file(on_cpu, stage / f"{name}{SUFFIX}")
        state = {"step": checkpoint.step, **checkpoint.state, "frozen": checkpoint.frozen, "base": checkpoint.base}
        (stage / STATE).write_text(json.dumps(state, indent=2) + "\n")
        seal(stage)
        if final.exists():
            _remove(old)
            final.rename(old)
    _remove(old)
    older = [path for path in steps(folder) if _number(path) < checkpoint.step]
    for path in older[: max(0, len(older) - keep + 1)]:
        _remove(path)
    return final


def latest(folder: Path) -> Checkpoint | None:
    """The highest step whose files are what its manifest says.

    Damaged ones are named in a warning and set aside as `step-NNNNNNNN.damaged`, so that they count no more among
    those that are kept.

    Raises:
        ForbiddenError: the last one may not be read; it may be sound.
    """
    for path in reversed(steps(folder)):
        try:
            return load(path)
        except ForbiddenError:
            raise
        except LangueError as error:
            warnings.warn(f"{error}; going back to the one before", stacklevel=2)
            _set_aside(path)
    return None


def load(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        LangueError: names the file that is missing or damaged.
    """
    names = verify(path)
    with reading(path / STATE):
        state = read_json(path / STATE)
    step = state.pop("step", None)
    if type(step) is not int or step < 0 or (_is_step(path) and step != _number(path)):
        raise LangueError(f"{path / STATE} is damaged: step cannot be {step!r:.60} in {path.name}")
    tensors = {}
    for name in names:
        if name.endswith(SUFFIX):
            with reading(path / name):
                tensors[name.removesuffix(SUFFIX)] = load_file(path / name)
    fingerprint, base = state.pop("frozen", None), state.pop("base", None)
    if fingerprint is not None:
        tensors["frozen"] = _load_frozen(path.parent, fingerprint)
    return Checkpoint(step, state, tensors, path, fingerprint, base)


def _load_frozen(folder: Path, fingerprint: Any) -> dict[str, Tensor]:
    if not isinstance(fingerprint, str) or not re.fullmatch("[0-9a-f]{64}", fingerprint):
        raise LangueError(f"{folder} is damaged: {str(fingerprint)!r:.80} is no fingerprint of frozen weights")
    file = _frozen_file(folder, fingerprint)
    if not file.is_file():
        raise LangueError(f"{file} is missing, which holds the weights that the training does not change")
    with reading(file):
        if digest(file) != fingerprint:
            raise LangueError(f"{file} is damaged: its bytes are not those that were written")
        return load_file(file)


def verify(path: Path) -> list[str]:
    """Compare every file of a checkpoint with its manifest.

    Returns:
        The names of the files.

    Raises:
        LangueError: names the file that is missing or damaged.
    """
    manifest = Manifest.read(path)
    if manifest is None or STATE not in manifest.files:
        raise LangueError(f"{path} is damaged: {MANIFEST} is missing or does not list its files")
    check_folder(path)
    return sorted(manifest.files)


def steps(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the last one last; one that is being replaced comes before the new one."""
    paths = [path for path in folder.glob("step-*") if _is_step(path)]
    return sorted(paths, key=lambda path: (_number(path), path.suffix != ".old"))


def _is_step(path: Path) -> bool:
    return path.name.startswith("step-") and path.name.removesuffix(".old")[5:].isdecimal()


def _number(path: Path) -> int:
    return int(path.name.removesuffix(".old").removeprefix("step-"))


def _set_aside(path: Path) -> None:
    place, number = path.with_name(f"{path.name}.damaged"), 1
    while place.exists():
        place, number = path.with_name(f"{path.name}.damaged-{number + 1}"), number + 1
    with suppress(OSError):  # it may stay where it is: whoever comes by again passes over it again
        path.rename(place)


def _remove(path: Path) -> None:
    """Remove the files of a checkpoint that its manifest lists; what somebody else put beside them stays."""
    try:
        manifest = Manifest.read(path)
    except LangueError:
        return
    if manifest is not None:
        remove_files(path, [*manifest.files, MANIFEST])
        with suppress(OSError):
            path.rmdir()
