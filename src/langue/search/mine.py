"""Hard negatives: texts that a model takes for answers and that are none, to be learnt from (Xiong et al. 2021, ANCE).

What stands high for a question without being its answer teaches more than a chance neighbour in a batch. But the
higher it stands, the likelier it is an answer that nobody noted; such are told by a score near the right one's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from langue.console import progress
from langue.errors import LangueError
from langue.files import replacing
from langue.search.index import Hit, Index, Mode
from langue.search.vectors import unit
from langue.settings import Settings

BATCH = 256
"""Pairs whose vectors are made together."""

MARGIN = 0.05


Layout = Literal["embed", "classify"]
"""For the task embed a row a pair: `anchor`, `positive`, and `negatives`, a list; for the task classify a row for each
of its texts: `sentence1`, `sentence2`, and a `label` of 1 or 0."""


class MineSettings(Settings):
    """Settings of the search for hard negatives."""

    negatives: int = Field(default=1, ge=1)
    """Negatives for each pair, at most."""
    depth: int = Field(default=50, ge=1)
    """Passages that are looked at for each."""
    skip: int = Field(default=0, ge=0)
    """Passages that are passed over, from the top of those that are left."""
    margin: float | None = Field(default=None, ge=0, le=1)
    """A passage has to score lower than the right text by this share of its score; by meaning, 0.05 unless said
    (Moreira et al. 2024, "NV-Retriever", section 3.2)."""
    mode: Mode = "dense"
    """Mode of the search for them."""


class Mined(NamedTuple):
    """A pair, and texts that are not what the first asks for, the hardest first."""

    anchor: str
    positive: str
    negatives: list[str]


def mine(index: Index, pairs: Sequence[tuple[str, str]], settings: MineSettings | None = None) -> Iterator[Mined]:
    """Look for each pair's first text among passages and keep what is found and is wrong.

    Right are all texts that any pair has for the same anchor, whatever stands in a passage's document beside: a passage
    out of a right text is right, and so is one that holds it. Of equal passages one is kept, and the anchor itself is
    no answer. Case and space make no difference.

    Args:
        index: of passages, among them usually the right ones.
        pairs: anchor and positive.
        settings: what is kept.

    Yields:
        Each pair in its order, with as few negatives as are found.

    Raises:
        LangueError: a margin is asked for among scores that have nothing to do with the pair's.
    """
    settings = settings or MineSettings()
    if settings.margin is not None and settings.mode != "dense":
        raise LangueError(
            f"a margin compares cosines, which mode {settings.mode} has not; leave it out, or search dense"
        )
    right: dict[str, set[str]] = {}
    for anchor, positive in pairs:
        right.setdefault(_plain(anchor), set()).add(_plain(positive))
    with progress("mining", len(pairs), "pairs") as advance:
        for start in range(0, len(pairs), BATCH):
            some = pairs[start : start + BATCH]
            for (anchor, positive), (vector, limit) in zip(some, _limits(index, some, settings), strict=True):
                hits = index.search(anchor, settings.depth, mode=settings.mode, vector=vector)
                wrong = _wrong(hits, _plain(anchor), right[_plain(anchor)], limit)
                yield Mined(anchor, positive, wrong[settings.skip :][: settings.negatives])
            advance(len(some))


def _limits(
    index: Index, pairs: Sequence[tuple[str, str]], settings: MineSettings
) -> Iterable[tuple[np.ndarray | None, float]]:
    """Each anchor's vector, and the score that a wrong passage must not pass."""
    if settings.mode == "text":
        return [(None, np.inf)] * len(pairs)
    queries = unit(index.model.embed([anchor for anchor, _ in pairs], prompt="query"))
    if settings.mode != "dense":
        return [(vector, np.inf) for vector in queries]
    known = unit(index.model.embed([positive for _, positive in pairs], prompt="document"))
    scores = (queries * known).sum(1)
    margin = MARGIN if settings.margin is None else settings.margin
    return zip(queries, (scores - margin * np.abs(scores)).tolist(), strict=True)


def _wrong(hits: Sequence[Hit], anchor: str, right: set[str], limit: float) -> list[str]:
    seen = {anchor}
    wrong = []
    for hit in hits:
        text = _plain(hit.text)
        if text in seen or hit.score > limit or any(text in answer or answer in text for answer in right):
            continue
        seen.add(text)
        wrong.append(hit.text)
    return wrong


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def write_mined(path: Path | str, pairs: Iterable[Mined], layout: Layout = "embed") -> Counter[str]:
    """Write JSON lines, whole or not at all.

    Args:
        path: the file.
        pairs: what `mine` gives.
        layout: for what task, see `Layout`.

    Returns:
        How many `pairs` there were, `negatives`, and pairs `without` one.

    Raises:
        LangueError: the file cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise LangueError(f"{path} cannot be written: there is no folder {path.parent}")
    counts: Counter[str] = Counter(pairs=0, negatives=0, without=0)
    with replacing(path) as place, place.open("w", encoding="utf-8", newline="\n") as file:
        for one in pairs:
            counts.update(pairs=1, negatives=len(one.negatives), without=int(not one.negatives))
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(one, layout))
    return counts


def _rows(one: Mined, layout: Layout) -> Iterator[Mapping[str, Any]]:
    if layout == "embed":
        yield one._asdict()
        return
    for text, label in ((one.positive, 1), *((negative, 0) for negative in one.negatives)):
        yield {"sentence1": one.anchor, "sentence2": text, "label": label}
