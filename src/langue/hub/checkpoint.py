"""A checkpoint: a model with all that belongs to it, and the folder in which Langue keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langue.content import read_json, write_json
from langue.errors import LangueError
from langue.files import replacing, seal
from langue.models import Model, write_model
from langue.models.build import plain
from langue.settings import parse
from langue.text import Tokenizer
from langue.text.reading import FILE as READING
from langue.text.reading import Reading

LABELS = "labels.json"
ORIGIN = "origin.json"
SOURCE_TOKENIZER = "source-tokenizer.json"
"""Beside a model's configuration, where what it reads has a vocabulary of its own."""


@dataclass(frozen=True)
class PretrainedModel:
    """A model and what belongs to it.

    Attributes:
        model: the model.
        tokenizer: its tokenizer, if it came with one.
        labels: the name of each output of its classifier, where they have names.
        origin: what the format that it was read from says and a model has no use for, so that it can be written back:
            `architecture`, `dtype`, and single settings.
        source_tokenizer: of what an encoder–decoder reads, where that has a vocabulary of its own.
        reading: how a text is given to a model that represents it by a vector, where that is known.
        tokenizer_path: where the tokenizer was read from, so that a recipe can name it; None where it has no file of
            its own.
        source_tokenizer_path: the same of `source_tokenizer`.
    """

    model: Model
    tokenizer: Tokenizer | None = None
    labels: Sequence[str] | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    source_tokenizer: Tokenizer | None = None
    reading: Reading | None = None
    tokenizer_path: Path | None = None
    source_tokenizer_path: Path | None = None


def save_checkpoint(checkpoint: PretrainedModel, run: Path) -> None:
    """Write what every verb takes: `model/` and the tokenizer, without a recipe, since nothing was trained.

    Raises:
        LangueError: the disk is full or cannot be written.
    """
    (run / "model").mkdir(parents=True, exist_ok=True)
    _write_beside(checkpoint, run / "model")
    seal(run / "model")
    if checkpoint.tokenizer is not None:
        checkpoint.tokenizer.save(run)


def write_flat(checkpoint: PretrainedModel, folder: Path) -> None:
    """Write a model of Langue's with its tokenizer into one folder without others in it, as hubs like them; what
    adapters add to their base is added up."""
    whole = checkpoint if checkpoint.model.base is None else replace(checkpoint, model=plain(checkpoint.model))
    _write_beside(whole, folder)
    if checkpoint.tokenizer is not None:
        checkpoint.tokenizer.save(folder)


def _write_beside(checkpoint: PretrainedModel, folder: Path) -> None:
    """Write a model, and all that belongs to it but its tokenizer."""
    write_model(checkpoint.model, folder)
    if checkpoint.labels is not None:
        write_json(folder / LABELS, list(checkpoint.labels))
    if checkpoint.origin:
        write_json(folder / ORIGIN, dict(checkpoint.origin))
    if checkpoint.reading is not None:
        write_json(folder / READING, checkpoint.reading.model_dump())
    write_source_tokenizer(checkpoint, folder)


def write_source_tokenizer(checkpoint: PretrainedModel, folder: Path) -> None:
    """Keep the tokenizer of what a model reads, where that is another than that of what it writes."""
    if checkpoint.source_tokenizer is not None:
        content = checkpoint.source_tokenizer.engine.to_str(pretty=True)
        (folder / SOURCE_TOKENIZER).write_text(content, encoding="utf-8")


def read_labels(folder: Path) -> list[str] | None:
    """The names of a classifier's outputs, or None where they have none.

    Raises:
        LangueError: the file is damaged.
    """
    labels = _read(folder / LABELS, list)
    if labels is not None and not all(isinstance(label, str) for label in labels):
        raise LangueError(f"{folder / LABELS} is damaged: it does not hold a list of names")
    return labels


def read_origin(folder: Path) -> dict[str, Any]:
    """`PretrainedModel.origin`, which is empty for what Langue trained.

    Raises:
        LangueError: the file is damaged.
    """
    return _read(folder / ORIGIN, dict) or {}


def read_reading(folder: Path) -> Reading | None:
    """The reading of texts that a folder's model was trained with, or None where it has none.

    Raises:
        LangueError: the file is damaged.
    """
    content = _read(folder / READING, dict)
    return None if content is None else parse(Reading, content, str(folder / READING))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder beside its place, which takes its place when all that is written in it is on the disk, or is gone.

    Raises:
        LangueError: the place is taken.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise LangueError(f"{path} already exists; remove it or choose another name")
    with replacing(path) as stage:
        stage.mkdir()
        yield stage
        seal(stage)


def _read(path: Path, kind: type) -> Any:
    try:
        return read_json(path, kind)
    except FileNotFoundError:
        return None
