"""Sources as an encoder gets them: encoded, in pieces that it has room for, with a count of what was done to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from langue.account import accounting, note_length, note_split
from langue.data.pair_encoder import PairEncoder
from langue.data.records import is_blank
from langue.engine import GenerationSettings, Request
from langue.metrics.scripts import UNSPACED
from langue.text.sentences import Span, sentences

Long = Literal["split", "cut"]

_LETTER = f"[{''.join(UNSPACED.values())}]"
_WITHIN = re.compile(
    rf"""
      (?<=[.!?…;:؛。！？])\s+                 # also where no rule finds the end of a sentence
    | (?<=[；：])
    | (?<={_LETTER}[.!?…])(?={_LETTER})       # scripts without spaces with the marks of others
    | (?<={_LETTER})\s+(?={_LETTER})          # Thai and Lao have a space between sentences, and no mark
    | \n\s*
    """,
    re.VERBOSE,
)
"""Places at which a sentence is split that is too long by itself."""


@dataclass
class Sources:
    """Texts in pieces.

    Attributes:
        ids: tokens of each piece.
        owners: the text that each piece belongs to.
        empty: how many texts said nothing, and have no piece.
    """

    ids: list[list[int]] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    empty: int = 0

    def requests(
        self,
        start: list[int],
        settings: GenerationSettings,
        ends: Sequence[int],
        suppress_tokens: Sequence[int],
        prefixes: Sequence[list[int]] | None,
        phrases: Sequence[list[list[int]]] | None,
    ) -> list[Request]:
        """The pieces as an engine gets them: of a text's first it is known how it begins, and of a text in one piece
        what has to stand in it."""
        counts = Counter(self.owners)
        firsts = [not number or owner != self.owners[number - 1] for number, owner in enumerate(self.owners)]
        return [
            Request(
                start,
                settings,
                ends,
                source=ids,
                suppress_tokens=suppress_tokens,
                prefix=prefixes[owner] if prefixes and first else (),
                phrases=phrases[owner] if phrases and counts[owner] == 1 else (),
            )
            for ids, owner, first in zip(self.ids, self.owners, firsts, strict=True)
        ]


def read_sources(texts: Sequence[str], sides: PairEncoder, tags: Sequence[str], long: Long) -> Sources:
    """Encode texts.

    Args:
        texts: in order; an empty one gets no piece.
        sides: how they are encoded.
        tags: what the model is told before each.
        long: what becomes of a text that the model has no room for: it is split between sentences, or cut.
    """
    sources = Sources()
    numbers, _ = sides.resolved(tags)
    room = sides.max_source - len(numbers) - sides.around
    encoded = sides.encode_sources(texts)
    for owner, (text, ids) in enumerate(zip(texts, encoded, strict=True)):
        if is_blank(text):
            sources.empty += 1
            continue
        pieces = [ids]
        if len(ids) > room and long == "split":
            with accounting(None):  # the text has been read once
                pieces = [piece for piece in _pieces(text, lambda some: sides.encode_sources([some])[0], room) if piece]
            note_split(len(pieces) > 1)
        note_length(max(map(len, pieces), default=0), room, f"the context of {sides.max_source} tokens")
        for piece in pieces:
            sources.ids.append(sides.framed(numbers, piece[:room]))
            sources.owners.append(owner)
    return sources


def _pieces(text: str, encode: Callable[[str], list[int]], room: int) -> list[list[int]]:
    """As many sentences together as there is room for; one that is too long by itself is split where it has a pause,
    and without any stays so."""
    spans: list[Span] = []
    for start, end in sentences(text):
        breaks = [] if len(encode(text[start:end])) <= room else [*_WITHIN.finditer(text, start, end)]
        starts, ends = [start, *(pause.end() for pause in breaks)], [*(pause.start() for pause in breaks), end]
        for part in zip(starts, ends, strict=True):
            if part[0] == part[1]:
                continue
            if spans and len(encode(text[spans[-1][0] : part[1]])) <= room:
                spans[-1] = spans[-1][0], part[1]
            else:
                spans.append(part)
    return [encode(text[start:end]) for start, end in spans]
