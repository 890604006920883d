"""Rows of texts that belong together, as numbers to learn vectors from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled
from langue.data.retrieval_pairs import RowKind, grade_of, scores_of, texts_in
from langue.errors import LangueError
from langue.text import Tokenizer
from langue.text.reading import Reading


def encoded_rows(
    tokenizer: Tokenizer, rows: Sequence[Labelled], kind: RowKind, reading: Reading, context: int
) -> list[list[list[int]]]:
    """Framed token numbers of each row's texts: an anchor as a query, all others of its row as documents; sentences and
    texts alone as what they are."""
    texts = [texts_in(row, kind) for row in rows]
    first, other = ("query", "document") if kind == "pairs" else (None, None)
    firsts = reading.encode(tokenizer, [row[0] for row in texts], context, first)
    others = iter(reading.encode(tokenizer, [text for row in texts for text in row[1:]], context, other))
    return [[anchor, *(next(others) for _ in row[1:])] for anchor, row in zip(firsts, texts, strict=True)]


def examples(rows: Sequence[Sequence[Sequence[int]]], targets: Sequence[Any]) -> list[EncodedExample]:
    """The same as examples, with what is to be learnt of each."""
    return [
        EncodedExample(ids, [np.zeros(len(text), np.int8) for text in ids], target)
        for ids, target in zip(rows, targets, strict=True)
    ]


def own_targets(rows: Sequence[Labelled], kind: RowKind, loss: str) -> list[Any]:
    """The targets that rows hold themselves: grades, a teacher's scores, or nothing but which texts there are.

    Raises:
        LangueError: a row does not say it, or says what no cosine can be; names the place.
    """
    if loss in ("cosent", "cosine"):
        grades = [grade_of(row) for row in rows]
        high = next((number for number, grade in enumerate(grades) if abs(grade) > 1), None)
        if loss == "cosine" and high is not None:
            raise LangueError(
                f"{rows[high].place}: a score of {grades[high]:g} is no cosine, which is 1 at most; divide all by the "
                "greatest, or leave out embed.loss, since cosent asks for their order alone"
            )
        return grades
    if loss in ("margin", "divergence"):
        return [np.array(scores_of(row, len(texts_in(row, kind))), np.float32) for row in rows]
    return [0] * len(rows)
