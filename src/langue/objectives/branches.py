"""Texts that begin alike as branches of one row: what they have in common is read once, and learns once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from langue.batch import TRUNK

POSITIONS = 1 << 10
"""Positions of a row with several texts at most: attention looks at all pairs of them, and hides most."""


class BranchedRow(NamedTuple):
    """A row of texts behind what they have in common.

    Attributes:
        texts: their numbers.
        trunk: tokens that they have in common.
        length: tokens of all of it.
    """

    texts: list[int]
    trunk: int
    length: int


def rows_of(ids: np.ndarray, trunks: np.ndarray, lengths: np.ndarray) -> list[BranchedRow]:
    """Rows of texts, those with the same beginning in one as far as there is room.

    Args:
        ids: (B, T) tokens.
        trunks: (B,) tokens of each text's beginning.
        lengths: (B,) tokens of each text, its beginning included.
    """
    rows: list[BranchedRow] = []
    open_rows: dict[bytes, int] = {}
    for number, (text, trunk, length) in enumerate(zip(ids, trunks.tolist(), lengths.tolist(), strict=True)):
        beginning = text[:trunk].tobytes()
        place = open_rows.get(beginning)
        if place is not None and rows[place].length + length - trunk <= POSITIONS:
            row = rows[place]
            rows[place] = BranchedRow([*row.texts, number], trunk, row.length + length - trunk)
        else:
            open_rows[beginning] = len(rows)
            rows.append(BranchedRow([number], trunk, length))
    return rows


class Branches(NamedTuple):
    """Texts side by side in rows.

    Attributes:
        texts: (N,) their numbers.
        ids: (R, L) tokens of the rows.
        valid: (R, L) bool, False on padding.
        documents: (R, L) the text of each position, by its place in the row; of the trunk `TRUNK`.
        places: (N, T) the number of each text's positions among those of all rows, flattened.
    """

    texts: np.ndarray
    ids: np.ndarray
    valid: np.ndarray
    documents: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray, lengths: np.ndarray, rows: Sequence[BranchedRow]) -> Branches:
        """Rows with the tokens of their texts, (B, T) of lengths (B,)."""
        texts = np.array([text for row in rows for text in row.texts])
        packed = np.zeros((len(rows), max(row.length for row in rows)), np.int64)
        documents, places = np.zeros_like(packed), np.zeros((len(texts), ids.shape[1]), np.int64)
        place, positions = 0, np.arange(packed.size)
        for number, (members, trunk, _) in enumerate(rows):
            start, end = number * packed.shape[1], trunk
            line, marks = packed[number], documents[number]
            line[:trunk], marks[:trunk] = ids[members[0], :trunk], TRUNK
            for document, text in enumerate(members):
                own = slice(end, end + lengths[text] - trunk)
                line[own], marks[own] = ids[text, trunk : lengths[text]], document
                places[place, :trunk] = positions[start : start + trunk]
                places[place, trunk : lengths[text]] = positions[start + own.start : start + own.stop]
                place, end = place + 1, own.stop
        valid = np.arange(packed.shape[1]) < np.array([row.length for row in rows])[:, None]
        return cls(texts, packed, valid, documents, places)
