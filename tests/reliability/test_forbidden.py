"""Files that may not be read: that is said, and none is called missing or damaged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from langue.errors import ForbiddenError
from langue.files import check_folder, seal
from langue.hub.folder import CTRANSLATE2, is_published
from langue.hub.gguf_file import GGUFFile
from langue.hub.weights import read_weights
from langue.models import ModelConfig, build, load_model, save_model
from langue.report.record import count_parameters
from langue.training.checkpoint import Checkpoint, latest, save

NOBODY = 65_534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, in which a test that root runs ends up as nobody."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        user = os.geteuid()
        yield Path(name)
        os.seteuid(user)


def forbid(path: Path) -> None:
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def write_model(folder: Path) -> Path:
    save_model(build(ModelConfig(vocab_size=8, width=8, layers=1, heads=1, context=8)), folder)
    return folder / "model.safetensors"


DOORS: dict[str, Callable[[Path], object]] = {
    "model.safetensors": lambda path: load_model(path.parent),
    "weights.safetensors": lambda path: read_weights(path),
    "report.safetensors": lambda path: count_parameters(path),
    "a.gguf": lambda path: GGUFFile(path),
    CTRANSLATE2: lambda path: is_published(path.parent),
    "listed": lambda path: check_folder(path.parent),
    "manifest.json": lambda path: check_folder(path.parent),
}


@pytest.mark.parametrize("name", DOORS)
def test_a_file_that_may_not_be_read_is_neither_missing_nor_damaged(name: str, folder: Path) -> None:
    path = folder / name
    if name == "model.safetensors":
        write_model(folder)
    else:
        path.write_bytes(b"x" * 64)
    if name in ("listed", "manifest.json"):
        seal(folder)
    forbid(path)
    with pytest.raises(ForbiddenError, match=rf"^{path} cannot be read: Permission denied$"):
        DOORS[name](path)


def test_a_checkpoint_that_may_not_be_read_is_not_set_aside(folder: Path) -> None:
    for step in (1, 2):
        save(folder, Checkpoint(step, {}, {"model": {"w": torch.zeros(2)}}), keep=2)
    forbid(folder / "step-00000002" / "model.safetensors")
    with pytest.raises(ForbiddenError, match=r"step-00000002/model\.safetensors cannot be read: Perm"):
        latest(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000001", "step-00000002"]
