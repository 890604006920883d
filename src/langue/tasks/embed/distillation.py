"""A teacher's vectors or scores of the texts that another model learns from: worked out once and kept in the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from langue.console import progress
from langue.data.labelled import Labelled
from langue.data.retrieval_pairs import kind_of, texts_in
from langue.errors import LangueError
from langue.files import check_file, replacing_listed
from langue.files.arrays import write_array
from langue.tasks import load
from langue.tasks.embed.settings import EmbedSettings

TEACHER_ANSWERS = "teacher.npy"
ROWS_TOGETHER = 1024
"""Rows that are asked about at once."""


def write_teacher_answers(settings: EmbedSettings, rows: Sequence[Labelled], folder: Path, device: str) -> None:
    """Ask the teacher about all texts, one after the other: its vector of each, or its score of each row's anchor with
    each other text of its row.

    Raises:
        LangueError: there is no such teacher, or it cannot say what is to be learnt.
    """
    if settings.loss not in ("vectors", "margin", "divergence"):
        known = "vectors, margin and divergence"
        raise LangueError(f"embed.teacher: the loss {settings.loss} learns from no teacher; {known} do")
    assert settings.teacher is not None
    teacher = load(settings.teacher, device)
    wanted = "embed" if settings.loss == "vectors" else "classify"
    if teacher.name != wanted:
        raise LangueError(
            f"embed.teacher: {settings.teacher} is a model to {teacher.name}, but the loss {settings.loss} wants one "
            f"to {wanted}"
        )
    kind, answers = kind_of(rows), []
    with progress("asking the teacher", float(len(rows)), "rows") as advance:
        for start in range(0, len(rows), ROWS_TOGETHER):
            some = [texts_in(row, kind) for row in rows[start : start + ROWS_TOGETHER]]
            answers.append(_vectors(teacher, some, kind) if wanted == "embed" else _scores(teacher, some))
            advance(len(some))
    with replacing_listed(folder) as stage:
        write_array(stage / TEACHER_ANSWERS, np.concatenate(answers))


def _vectors(teacher: Any, rows: Sequence[Sequence[str]], kind: str) -> np.ndarray:
    """(texts of all rows, D), row by row."""
    if kind != "pairs":
        return teacher.embed([text for row in rows for text in row])
    first = teacher.embed([row[0] for row in rows], prompt="query")
    others = iter(teacher.embed([text for row in rows for text in row[1:]], prompt="document"))
    vectors = [[vector, *(next(others) for _ in row[1:])] for vector, row in zip(first, rows, strict=True)]
    return np.stack([vector for row in vectors for vector in row])


def _scores(teacher: Any, rows: Sequence[Sequence[str]]) -> np.ndarray:
    """(texts of all rows but the anchors,): the number that the teacher gives, or the logit of its second label."""
    pairs = [Labelled("a pair", {"sentence1": row[0], "sentence2": text}) for row in rows for text in row[1:]]
    scores = np.stack(teacher.scores(teacher.encode(pairs)))
    if scores.shape[1] > 2:
        raise LangueError(
            f"embed.teacher: a model of {scores.shape[1]} labels gives no one score; train one of kind: number"
        )
    return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]


def read_teacher_answers(folder: Path, texts: Sequence[int], loss: str) -> list[np.ndarray]:
    """The teacher's vectors or scores of each row, of so many texts.

    Raises:
        LangueError: it is not there, or of other rows.
    """
    counts = np.array(texts) if loss == "vectors" else np.array(texts) - 1
    try:
        answers = np.load(check_file(folder / TEACHER_ANSWERS), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise LangueError(f"{folder / TEACHER_ANSWERS}, what the teacher said, cannot be read: {error}") from None
    if len(answers) != counts.sum():
        raise LangueError(
            f"{folder / TEACHER_ANSWERS} is of {len(answers):,} texts, but the data have {counts.sum():,}"
        )
    return np.split(answers, np.cumsum(counts)[:-1])
