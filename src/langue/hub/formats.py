"""The formats by name: what `langue import` reads and `langue export` writes."""

from __future__ import annotations

from pathlib import Path

from langue import remote
from langue.errors import LangueError, hint
from langue.hub.checkpoint import PretrainedModel
from langue.hub.folder import is_published
from langue.hub.read import Precision, read_published
from langue.lazy import fetch

# By the end of a file's name: `module:function` from a path and a precision to a checkpoint.
READERS: dict[str, str] = {".gguf": "langue.hub.gguf:read_checkpoint"}

# By name: `module:function` that writes a checkpoint into an empty folder.
WRITERS: dict[str, str] = {
    "hf": "langue.hub.write:write_published",
    "gguf": "langue.hub.gguf:write_checkpoint",
    "gguf-q8_0": "langue.hub.gguf:write_packed_checkpoint",
    "onnx": "langue.hub.onnx:write_checkpoint",
    "gguf-adapter": "langue.hub.gguf_adapter:write_adapter",
    "peft": "langue.hub.peft:write_peft",
    "langue": "langue.hub.checkpoint:write_flat",
}


def local(source: Path | str) -> Path:
    """The folder or file of a model on this machine; see `langue.remote.local`.

    Raises:
        LangueError: there is no such model, or no network to fetch it by.
    """
    return remote.local(source, remote.MODEL)


def is_foreign(path: Path) -> bool:
    """True for a Hugging Face folder, a file of another format that is read, or a folder with one."""
    return is_published(path) or _only_file(path) is not None


def read_source(source: str, dtype: Precision = "float32") -> PretrainedModel:
    """Read a Hugging Face folder, a name of a model, a file of another format, or a folder with one such file.

    Raises:
        LangueError: it is nothing that Langue can read.
    """
    path = local(source)
    file = None if is_published(path) else _only_file(path)
    if file is not None:
        return fetch(READERS[file.suffix])(file, dtype)
    if (path / "recipe.yaml").is_file() or (path / "model").is_dir():
        raise LangueError(f"{path} is Langue's already; every verb takes it as it is")
    return read_published(path, dtype)


def write_format(name: str, checkpoint: PretrainedModel, folder: Path) -> None:
    """Write a checkpoint into an empty folder.

    Raises:
        LangueError: there is no such format, or it has no such model.
    """
    if name not in WRITERS:
        raise LangueError(f"there is no format {name!r}; {hint(name, WRITERS)}")
    fetch(WRITERS[name])(checkpoint, folder)


def _only_file(path: Path) -> Path | None:
    """The file of a format that is read: this one, or the only one in this folder."""
    files = [path] if path.is_file() else list(path.glob("*")) if path.is_dir() else []
    readable = [file for file in files if file.suffix in READERS and file.is_file()]
    return readable[0] if len(readable) == 1 else None
