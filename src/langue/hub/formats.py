"""The formats by name: what `langue import` reads and `langue export` writes."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.hub.checkpoint import Checkpoint
from langue.hub.folder import is_published
from langue.hub.read import Precision, read_published

# By the end of a file's name: `module:function` from a path and a precision to a checkpoint.
READERS: dict[str, str] = {".gguf": "langue.hub.gguf:read_checkpoint"}

# By name: `module:function` that writes a checkpoint into an empty folder.
WRITERS: dict[str, str] = {
    "hf": "langue.hub.write:write_published",
    "gguf": "langue.hub.gguf:write_checkpoint",
    "gguf-q8_0": "langue.hub.gguf:write_packed_checkpoint",
    "onnx": "langue.hub.onnx:write_checkpoint",
}


def is_foreign(path: Path) -> bool:
    """Whether this is a Hugging Face folder, or a file of another format that is read."""
    return is_published(path) or (path.suffix in READERS and path.is_file())


def read_source(source: str, dtype: Precision = "float32") -> Checkpoint:
    """Read a Hugging Face folder, `hf:OWNER/NAME`, or a file of another format.

    Raises:
        LangueError: it is nothing that Langue can read.
    """
    if source.startswith("hf:"):
        from langue.hub.download import download

        return read_published(download(source.removeprefix("hf:")), dtype)
    path = Path(source)
    if path.suffix in READERS and path.is_file():
        return _fetch(READERS[path.suffix])(path, dtype)
    if (path / "recipe.yaml").is_file() or (path / "model").is_dir():
        raise LangueError(f"{path} is Langue's already; every verb takes it as it is")
    return read_published(path, dtype)


def write_format(name: str, checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint into an empty folder.

    Raises:
        LangueError: there is no such format, or it has no such model.
    """
    if name not in WRITERS:
        nearest = difflib.get_close_matches(name, WRITERS, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(WRITERS)}"
        raise LangueError(f"there is no format {name!r}; {hint}")
    _fetch(WRITERS[name])(checkpoint, folder)


def _fetch(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
