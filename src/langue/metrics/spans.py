"""Spans of tags: which entities a row of BIO tags names, and the F1 of entities (CoNLL's conlleval)."""

from __future__ import annotations

from collections.abc import Sequence

from langue.errors import LangueError
from langue.metrics.check import check_columns
from langue.metrics.classification import f1_sets

Span = tuple[str, int, int]
"""Kind, first token, token after the last."""


def spans(tags: Sequence[str]) -> set[Span]:
    """The entities of a row of tags: `B-KIND` begins one, `I-KIND` goes on, `O` is outside.

    An `I-KIND` that follows nothing of its kind begins an entity, as in conlleval, so that IOB1 can be read too.

    Raises:
        LangueError: a tag of another form.
    """
    entities: set[Span] = set()
    kind, start = "", 0
    for place, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        if not (tag == "O" or (mark in ("B", "I") and name)):
            raise LangueError(f"{tag!r} is not a BIO tag; tags are O, B-KIND and I-KIND")
        if mark != "I" or name != kind:
            if kind:
                entities.add((kind, start, place))
            kind, start = name, place
    return entities


def f1_spans(predicted: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> float:
    """F1 of entities over all rows: one is right if its kind and both ends are; 0 where there is none at all.

    Raises:
        LangueError: nothing to score, rows of different lengths, or tags that are not BIO.
    """
    check_columns(predicted, expected)
    for guess, truth in zip(predicted, expected, strict=True):
        if len(guess) != len(truth):
            raise LangueError(f"a row of {len(truth)} tokens has {len(guess)} predicted tags; give one for each token")
    return f1_sets(list(map(spans, predicted)), list(map(spans, expected)), "micro")
