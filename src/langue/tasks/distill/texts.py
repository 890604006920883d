"""Sequence-level distillation (Kim & Rush 2016): a teacher writes what a student learns, once, before the training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from langue.console import progress
from langue.errors import LangueError
from langue.files import make_folders, piece_of, replacing, write_text
from langue.tasks.distill.settings import TaughtRecipe
from langue.tasks.distill.training import TAUGHT, WrittenTraining, load_teacher, weights_of
from langue.tasks.training_task import training_task
from langue.training import choose_device

TOGETHER = 256
"""Inputs that a teacher gets at once, whose texts are kept when a setting-up is broken off."""


def write_texts(recipe: TaughtRecipe, folder: Path, run: Path) -> TaughtRecipe:
    """Let the teacher write what is learnt, as JSON lines in a folder; the recipe whose data these are.

    Rows that were to be set aside to evaluate by stay people's own, and are written beside it.

    Args:
        recipe: that names the teacher.
        folder: of the run's data.
        run: the run that is being set up; what was written in it before it was broken off is not written again.

    Raises:
        LangueError: there is no such teacher, or the data cannot be read.
    """
    settings = recipe.distill
    assert settings is not None
    kind = writer_of(recipe)
    teacher = load_teacher(settings, recipe.task)
    weights = weights_of(teacher.model)
    teacher.model.to(choose_device(recipe.training.device))
    inputs = kind.inputs_for(recipe, teacher)
    if not inputs:
        raise LangueError(f"there is nothing in {recipe.data.train} that a teacher could be asked about")
    make_folders(folder)
    train, dev = folder.absolute() / "taught-train.jsonl", folder.absolute() / "taught-dev.jsonl"
    parts = [inputs[start : start + TOGETHER] for start in range(0, len(inputs), TOGETHER)]
    pieces = [piece_of(run, _key(recipe, weights, part)) for part in parts]
    with progress("the teacher writes", float(len(inputs)), "texts") as advance:
        for part, piece in zip(parts, pieces, strict=True):
            if not piece.is_file():
                _write(piece, kind.rows_by(recipe, teacher, part))
            advance(float(len(part)))
    with replacing(train) as place, place.open("wb") as file:
        for piece in pieces:
            file.write(piece.read_bytes())
    changes: dict[str, Any] = {"train": str(train)}
    held_out = kind.held_out(recipe)
    if held_out is not None:
        _write(dev, held_out)
        changes["dev"] = str(dev)
    about = {"teacher": str(settings.teacher), "weights": weights, "texts": len(inputs)}
    write_text(folder / TAUGHT, json.dumps({**about, **settings.texts.model_dump()}, indent=2) + "\n")
    return kind.with_texts(recipe, teacher, changes)


def writer_of(recipe: TaughtRecipe) -> type[WrittenTraining]:
    """The training task of a recipe whose teacher writes.

    Raises:
        LangueError: its models do not.
    """
    kind = training_task(recipe)
    if not issubclass(kind, WrittenTraining):
        raise LangueError(f"distill.what: a model to {recipe.task} writes no texts; learn from its logits")
    return kind


def _key(recipe: TaughtRecipe, weights: str, some: list[Any]) -> str:
    """The SHA-256 of all that a teacher's rows for some inputs depend on."""
    settings = recipe.model_dump_json(include={"task", "data", "distill", "transcribe"})
    content = [weights, settings, recipe.training.device, *map(repr, some)]
    return hashlib.sha256("\0".join(content).encode("utf-8", "surrogatepass")).hexdigest()


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with replacing(path) as place, place.open("wb") as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False, default=str) + "\n").encode("utf-8", "surrogatepass"))
