"""Data handed over from Python: a run writes its own copy first, because an iterable may be read only once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from langue.data import TableDataSettings
from langue.data.audio import RATE, read_audio
from langue.data.tables import named_classes
from langue.errors import LangueError
from langue.experiment.run import RunFolder
from langue.files import replacing
from langue.recipe import Recipe

SPLITS = {"train": "train", "dev": "dev", "validation": "dev", "test": "test"}
"""Names that splits may have, and Langue's names for them."""


def materialize(data: Any, recipe: Recipe, folder: Path) -> Recipe:
    """Write what was handed over as JSON lines, and name the files in the recipe.

    Args:
        data: rows or texts, or a mapping with such, or with names of sources, for train, dev and test.
        recipe: whose sources the data take the place of; a share for dev is still set aside.
        folder: where the files are to be.

    Raises:
        LangueError: there is no training data or no row in it, or a row that JSON cannot say.
    """
    parts = _parts(data)
    settings = recipe.data
    changes: dict[str, Any] = {"max_line_bytes": settings.max_line_bytes}
    if isinstance(settings, TableDataSettings) and settings.benchmark is not None:
        # Its files are not read, its dev split neither.
        changes |= {"benchmark": None, "folder": None, "dev": type(settings).model_fields["dev"].default}
    for split, rows in parts.items():
        if isinstance(rows, str | Path):
            changes[split] = str(rows)
            continue
        path = folder.absolute() / f"{split}.jsonl"
        sound = settings.columns.get("audio", "audio") if recipe.task == "transcribe" else None
        longest = _write(rows, path, split, settings.text, sound)
        changes |= {split: str(path), "max_line_bytes": max(changes["max_line_bytes"], longest)}
    return recipe.replace(data=changes)


def kept_data(recipe: Recipe, folder: RunFolder) -> Recipe:
    """A recipe with the data that a run has kept of what was handed over when it began."""
    return recipe.replace(data=folder.recipe().data)


def _parts(data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        data = {"train": data}
    unknown = [name for name in data if name not in SPLITS]
    if unknown or "train" not in data:
        there = ", ".join(map(str, data)) or "nothing"
        raise LangueError(f"data should be rows, or rows by split (train, dev, test); it has {there}")
    parts = {SPLITS[name]: rows for name, rows in data.items()}
    for split, rows in parts.items():
        if not isinstance(rows, Iterable):
            raise LangueError(f"data for {split} should be rows, a dataset or a source's name, not {rows!r:.60}")
    return parts


def _write(rows: Iterable[Any], path: Path, split: str, column: str, sound: str | None) -> int:
    """Write rows as JSON lines; the length of the longest line, in bytes."""
    longest = 0
    with replacing(path) as place, place.open("wb") as file:
        for number, row in enumerate(named_classes(rows), 1):
            values = row if isinstance(row, Mapping) else {column: row}
            if sound in values:
                values = {**values, sound: _kept_sound(values[sound], f"row {number} of the {split} data")}
            try:
                text = json.dumps(values, ensure_ascii=False, default=_plain) + "\n"
            except (TypeError, ValueError) as error:
                raise LangueError(
                    f"row {number} of the {split} data cannot be kept: {error}; leave such columns out"
                ) from None
            # Half a surrogate pair is no UTF-8; the line is told of when it is read.
            longest = max(longest, file.write(text.encode("utf-8", "surrogatepass")))
    if not longest:
        raise LangueError(f"there are no rows in the {split} data that were handed over")
    return longest


def _kept_sound(sound: Any, place: str) -> Any:
    """A path as it is, and all else as samples: JSON has one kind of number, and forgets what an array's meant."""
    if sound is None or isinstance(sound, str | Path) or (isinstance(sound, Mapping) and set(sound) == {"path"}):
        return None if sound is None else str(sound["path"] if isinstance(sound, Mapping) else sound)
    return {"array": read_audio(sound, name=place).tolist(), "sampling_rate": RATE}


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no text, number or list")
