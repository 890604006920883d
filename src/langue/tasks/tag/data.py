"""Rows of words and their labels, and the windows of tokens that they are learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from langue.account import note_length
from langue.batch import IGNORE
from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled, list_of, require
from langue.data.values import is_missing, label_name
from langue.errors import LangueError
from langue.tasks.tag.settings import TagSettings
from langue.text import Tokenizer


class WordWindow(NamedTuple):
    """As many of a text's words as the context holds.

    Attributes:
        ids, segments: of the framed row.
        first: number of its first word in the text.
        places: (words,) the row's position of each word's first token, or -1 for a word without one.
    """

    ids: Sequence[int]
    segments: Sequence[int]
    first: int
    places: np.ndarray


def words_of(row: Labelled) -> list[str]:
    """The words of a row: a list in `tokens`, or text in which spaces stand between them.

    Raises:
        LangueError: there are none; names the place.
    """
    require(row, "tokens")
    words = list_of(row.place, "tokens", row.values["tokens"])
    words = words.split() if isinstance(words, str) else _listed(words, "tokens", row)
    if not words:
        raise LangueError(f"{row.place}: tokens is empty")
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise LangueError(f"{row.place}: tokens should be words, got {words!r:.60}")
    return words


def tags_of(row: Labelled) -> list[str]:
    """The labels of a row, one for each word, given as the words are.

    Raises:
        LangueError: there are none, or not as many as words; names the place.
    """
    require(row, "tokens", "tags")
    tags = list_of(row.place, "tags", row.values["tags"])
    tags = tags.split() if isinstance(tags, str) else _listed(tags, "tags", row)
    if any(is_missing(tag) or tag == "" for tag in tags):
        raise LangueError(f"{row.place}: one of the tags is empty")
    if len(tags) != len(words_of(row)):
        raise LangueError(f"{row.place}: there are {len(words_of(row))} tokens and {len(tags)} tags; give one for each")
    return [label_name(tag) for tag in tags]


def _listed(value: Any, column: str, row: Labelled) -> list[Any]:
    if value is not None and not isinstance(value, Sequence):
        raise LangueError(f"{row.place}: {column} should be a list, got {value!r:.60}")
    return list(value or ())


def targets_of(row: Labelled, settings: TagSettings) -> list[int]:
    """The number of each word's label.

    Raises:
        LangueError: a label is unknown; names the place.
    """
    numbers = {label: number for number, label in enumerate(settings.labels)}
    tags = tags_of(row)
    for tag in tags:
        if tag not in numbers:
            known = ", ".join(settings.labels[:20])
            raise LangueError(f"{row.place}: there is no label {tag!r}; known are {known}")
    return [numbers[tag] for tag in tags]


def pieces_of(tokenizer: Tokenizer, rows: Sequence[Labelled], context: int) -> Iterator[list[WordWindow]]:
    """Each row's words as tokens, cut between words into pieces that the context holds.

    Words are encoded together, with a space between them, as the tokenizer has seen them in texts.

    Raises:
        LangueError: a row has no words, or the context no room.
    """
    room = context - len(tokenizer.pair([])[0])
    if room < 1:
        raise LangueError(f"a context of {context} has no room for a text among its special tokens")
    before = tokenizer.pair([-1])[0].index(-1)
    for row in rows:
        words = words_of(row)
        ids, offsets = tokenizer.encode_places(" ".join(words))
        ends = np.cumsum([len(word) + 1 for word in words])  # the space that follows belongs to a word
        owners = np.searchsorted(ends, _middles(offsets), side="right")
        longest = int(np.bincount(owners, minlength=1).max())
        note_length(longest, room, f"the context of {context} tokens in one word")
        yield list(_cut(tokenizer, ids, owners, len(words), room, before))


def _middles(offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """The last character of each token, since the first may be the space before a word."""
    places = np.array(offsets, np.int64).reshape(-1, 2)
    return np.maximum(places[:, 1] - 1, places[:, 0])


def _cut(
    tokenizer: Tokenizer, ids: Sequence[int], owners: np.ndarray, words: int, room: int, before: int
) -> Iterator[WordWindow]:
    starts = np.searchsorted(owners, np.arange(words + 1))
    first = 0
    while first < words:
        # As many words as fit; one that does not fit alone is cut.
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + room, side="right")) - 1)
        row, segments = tokenizer.pair(ids[starts[first] : min(starts[last], starts[first] + room)])
        places = starts[first:last] - starts[first] + before
        yield WordWindow(row, segments, first, np.where(starts[first:last] < starts[first + 1 : last + 1], places, -1))
        first = last


def encoded_pieces(
    tokenizer: Tokenizer, rows: Sequence[Labelled], settings: TagSettings, context: int
) -> Iterator[EncodedExample]:
    """Rows to learn from, with a label at each word's first token and IGNORE at all others.

    Raises:
        LangueError: words or labels are missing or wrong; names the place.
    """
    for row, pieces in zip(rows, pieces_of(tokenizer, rows, context), strict=True):
        right = targets_of(row, settings)
        for piece in pieces:
            target = np.full(len(piece.ids), IGNORE, np.int32)
            for word, place in enumerate(piece.places.tolist(), piece.first):
                if place >= 0:
                    target[place] = right[word]
            yield EncodedExample(piece.ids, piece.segments, target)
