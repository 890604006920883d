"""Proposals: tokens that a text repeats, of itself or of its prompt."""

from __future__ import annotations

import numpy as np

SHORTEST, LONGEST = 2, 16
"""Tokens of a text's end that have to have stood in it before, and that are compared at most."""


def repeated(text: np.ndarray, count: int) -> list[int]:
    """Tokens that may go on a text (L,) int64: `count` that followed where its end stood before, as much of the end as
    can be, and the last time that it did, over and over where they end; nothing if too little of it stood anywhere.

    Saxena 2023, "prompt lookup decoding".
    """
    if count < 1 or len(text) <= SHORTEST:
        return []
    places, size = np.flatnonzero(text[:-1] == text[-1]), 1
    while size < LONGEST:
        longer = places[places >= size]
        if len(longer):
            longer = longer[text[longer - size] == text[-1 - size]]
        if not len(longer):
            break
        places, size = longer, size + 1
    return np.resize(text[places[-1] + 1 :], count).tolist() if len(places) and size >= SHORTEST else []
