"""Rows to learn from: texts that a policy drew in episodes, and what these earned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, get_args

import torch
from torch import Tensor

from langue.environments import Episode
from langue.written_text import Author, WrittenText

AUTHORS: tuple[Author, ...] = get_args(Author)


@dataclass(frozen=True)
class RolloutRow:
    """One text that the policy drew, as a row to learn from.

    Attributes:
        text: the prompt, what was drawn, and in a decoder's episode of several turns what the environment said.
        source: what an encoder read: (S,) tokens or (S, features).
        group: number of the step's prompts.
        reward: of the episode.
        cut: it did not end by itself.
    """

    text: WrittenText
    source: Any
    group: int
    reward: float
    cut: bool


@dataclass(frozen=True)
class DrawnRows:
    """Rows of one pass.

    Attributes:
        rows: whose groups are numbered within the pass.
        failed: the share of episodes whose environment failed, which have no row.
    """

    rows: list[RolloutRow]
    failed: float

    @classmethod
    def of_all(cls, shares: Sequence[DrawnRows]) -> DrawnRows:
        """The rows of equal shares of a pass together."""
        rows = [row for share in shares for row in share.rows]
        return cls(rows, sum(share.failed for share in shares) / len(shares))

    def of_groups(self, groups: range) -> DrawnRows:
        """The rows of some groups."""
        return DrawnRows([row for row in self.rows if row.group in groups], self.failed)

    def packed(self) -> dict[str, Tensor]:
        """The same as tensors, for a checkpoint; texts and sources stand one behind the other."""
        texts = [row.text for row in self.rows]
        sources, owners = shared_sources(self.rows)
        tensors = {
            "failed": torch.tensor(self.failed, dtype=torch.float64),
            "groups": torch.tensor([row.group for row in self.rows]),
            "rewards": torch.tensor([row.reward for row in self.rows], dtype=torch.float64),
            "cut": torch.tensor([row.cut for row in self.rows]),
            "lengths": torch.tensor([len(text.ids) for text in texts]),
            "ids": torch.tensor([token for text in texts for token in text.ids]),
            "authors": torch.tensor([AUTHORS.index(author) for text in texts for author in text.authors]),
            "drawn": torch.tensor([log for text in texts for log in text.log_probabilities], dtype=torch.float64),
        }
        if owners is not None:
            lengths = torch.tensor([len(source) for source in sources])
            tensors |= {"owners": owners, "sources": torch.cat(sources), "source_lengths": lengths}
        return tensors

    @classmethod
    def unpacked(cls, tensors: Mapping[str, Tensor]) -> DrawnRows:
        """The rows that `packed` gave.

        Raises:
            KeyError: a tensor is missing.
            ValueError: or has not the length that others say.
        """
        lengths = tensors["lengths"].tolist()
        ids, authors, drawn = (_parted(tensors[name].tolist(), lengths) for name in ("ids", "authors", "drawn"))
        texts = [
            WrittenText(tuple(tokens), tuple(AUTHORS[number] for number in writers), tuple(logs))
            for tokens, writers, logs in zip(ids, authors, drawn, strict=True)
        ]
        sources: list[Any] = [None] * len(texts)
        if "owners" in tensors:
            read = tensors["sources"].split(tensors["source_lengths"].tolist())
            read = [tuple(source.tolist()) if source.ndim == 1 else source for source in read]
            sources = [read[owner] for owner in tensors["owners"].tolist()]
        columns = (tensors[name].tolist() for name in ("groups", "rewards", "cut"))
        rows = [RolloutRow(*row) for row in zip(texts, sources, *columns, strict=True)]
        return cls(rows, float(tensors["failed"]))


def _parted(values: Sequence[Any], lengths: Sequence[int]) -> list[Sequence[Any]]:
    """Parts of so many values each, one behind the other.

    Raises:
        ValueError: there are not as many values.
    """
    if sum(lengths) != len(values):
        raise ValueError(f"{len(values)} values are no parts of {sum(lengths)} together")
    ends = list(accumulate(lengths))
    return [values[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def rows_of(episode: Episode, first: int) -> Iterator[RolloutRow]:
    """The rows to learn from in an episode: all turns of a decoder in one row, and each turn of an
    encoder–decoder in one of its own.

    Args:
        episode: that was played.
        first: the number of the first group's episode.
    """
    turns = [turn.reply for turn in episode.turns if "model" in turn.reply.written.authors]
    if not turns:
        return
    group, end = episode.number - first, len(turns) if len(turns[0].source) else 1
    for number in range(end):
        reply = turns[number]
        separate = len(reply.source) > 0
        text = reply.written if separate else episode.written
        source, cut = reply.source if separate else None, reply.cut or episode.truncated
        yield RolloutRow(text, source, group, episode.reward, cut)


def shared_sources(rows: Sequence[RolloutRow]) -> tuple[list[Tensor], Tensor | None]:
    """Each source once, and (rows,) which one is whose; nothing and None without any.

    The texts of a group are written about one source, unless it is what an environment answered.
    """
    if not rows or rows[0].source is None:
        return [], None
    places: dict[Any, int] = {}
    sources: list[Tensor] = []
    owners = []
    for row in rows:
        source = torch.as_tensor(row.source)
        key = row.group, None if source.ndim > 1 else tuple(row.source)
        if key not in places:
            places[key] = len(sources)
            sources.append(source)
        owners.append(places[key])
    return sources, torch.tensor(owners)


def are_distinct(rows: Sequence[RolloutRow]) -> Tensor:
    """(rows,) bool, False of a text that has come before in its group."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    new = []
    for row in rows:
        key = row.group, row.text.ids
        new.append(key not in seen)
        seen.add(key)
    return torch.tensor(new)
