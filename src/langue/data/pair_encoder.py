"""Pairs that have become tokens: filtered, tagged, and held in a few flat arrays however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from langue.account import note_length
from langue.batch import Example
from langue.data.examples import ByNumber
from langue.data.order import epoch_order
from langue.data.parallel import Pair, dropped
from langue.data.records import Dropped
from langue.data.settings import PairSettings
from langue.data.tally import EMPTY, Tally
from langue.errors import LangueError
from langue.text import Tokenizer

PAIRS_TOGETHER = 4096
"""Pairs that are encoded at once, on all cores."""


@dataclass(frozen=True)
class PairEncoder:
    """An encoder of texts into the two sides of an example.

    Attributes:
        source: the source's tokenizer.
        target: the target's, often the same.
        tags: number of each tag among the source's tokens, above its tokenizer's.
        max_source: tokens of a source at most, tags and end included.
        max_target: tokens of a target at most, its end included.
        opening: what a target begins with, whatever it says.
        instruction: what stands before every source.
    """

    source: Tokenizer
    target: Tokenizer
    tags: Mapping[str, int]
    max_source: int
    max_target: int
    opening: tuple[int, ...] = ()
    instruction: str = ""

    @classmethod
    def of(
        cls,
        source: Tokenizer,
        target: Tokenizer,
        settings: PairSettings,
        context: int,
        opening: tuple[int, ...] = (),
    ) -> PairEncoder:
        """The sides of a recipe's pairs."""
        tags = {name: source.vocab_size + number for number, name in enumerate(settings.tags)}
        source_limit, target_limit = (min(n or context, context) for n in (settings.max_source, settings.max_target))
        return cls(source, target, tags, source_limit, target_limit, opening, settings.instruction)

    def resolved(self, tags: Sequence[str]) -> tuple[list[int], tuple[int, ...]]:
        """Tags as tokens before a source, and the tokens that its target begins with: a language's own, if it has one.

        Raises:
            LangueError: a tag is not among those that the model is told, and names no language that it knows.
        """
        numbers, opening = [], self.opening
        for name in tags:
            if name in self.tags:
                numbers.append(self.tags[name])
                continue
            language = self.target.language(name)
            if language is None:
                raise LangueError(f"the model was never told {name!r}; it knows: {', '.join(self.tags) or 'none'}")
            opening = (language,)
        return numbers, opening

    def reading(self, language: str | None) -> PairEncoder:
        """The same for sources of another language; None for that of the tokenizer's own file.

        Raises:
            LangueError: the model does not know the language, or is told none.
        """
        if language is None:
            return self
        number = self.source.language(language)
        if number is None:
            raise LangueError(f"the model knows no language {language!r}; the tokenizer has no such token")
        return replace(self, source=self.source.reading(number))

    def encode(self, pairs: Sequence[Pair]) -> Iterator[tuple[list[int], list[int]]]:
        """Both sides with tags and ends, as long as they are."""
        sources = self.encode_sources([pair.source for pair in pairs])
        targets = self.target.encode_batch([pair.target for pair in pairs])
        for pair, source, target in zip(pairs, sources, targets, strict=True):
            numbers, opening = self.resolved(pair.tags)
            yield self.framed(numbers, source), [*opening, *target, self.target.end]

    def encode_sources(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of what the encoder reads, tags and ends aside."""
        return self.source.encode_batch([f"{self.instruction}{text}" for text in texts])

    def framed(self, tags: Sequence[int], source: Sequence[int]) -> list[int]:
        """A source's tokens as the encoder gets them."""
        return [*tags, *self.source.before, *source, *self.source.after]

    @property
    def around(self) -> int:
        """The number of tokens around a source's own, tags aside."""
        return len(self.source.before) + len(self.source.after)

    def cut(self, source: list[int], target: list[int]) -> tuple[list[int], list[int]]:
        """Sides without what is too much of them; their ends stay."""
        limits = ((source, self.max_source), (target, self.max_target))
        for ids, most in limits:
            note_length(len(ids), most, f"the context of {most} tokens")
        source, target = (ids if len(ids) <= most else [*ids[: most - 1], ids[-1]] for ids, most in limits)
        return source, target


class PairExamples(ByNumber):
    """Examples by number, each with `source` and `target`. Four bytes a token.

    Args:
        encoded: both sides of each, and the number of its corpus.
    """

    def __init__(self, encoded: Iterable[tuple[Sequence[int], Sequence[int], int]]):
        sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        corpora: list[int] = []
        for source, target, corpus in encoded:
            sides[0].append(np.asarray(source, np.int32))
            sides[1].append(np.asarray(target, np.int32))
            corpora.append(corpus)
        self.lengths = np.array([list(map(len, side)) for side in sides], np.int64).reshape(2, -1).T
        self.corpora = np.array(corpora, np.int64)
        self._ids = [np.concatenate(side) if side else np.empty(0, np.int32) for side in sides]
        self._ends = np.concatenate([np.zeros((1, 2), np.int64), self.lengths.cumsum(0)])

    def __len__(self) -> int:
        return len(self.corpora)

    def example(self, number: int) -> Example:
        (start, target_start), (end, target_end) = self._ends[number], self._ends[number + 1]
        return {"source": self._ids[0][start:end], "target": self._ids[1][target_start:target_end]}


def harmless_reasons(settings: PairSettings) -> set[str]:
    """The reasons for which pairs are left out because the settings say so, which is no loss."""
    reasons = {EMPTY, "duplicate", "lengths differ too much"}
    if settings.too_long is not None or settings.max_source is not None or settings.max_target is not None:
        reasons.add("too long")
    if settings.min_tokens > 1:
        reasons.add("too short")
    return reasons


def training_examples(
    pairs: Iterable[Pair | Dropped], encoder: PairEncoder, settings: PairSettings, tally: Tally
) -> PairExamples:
    """The examples to learn from, counted as they pass: in = kept + Σ dropped."""
    return PairExamples(_learnable(pairs, encoder, settings, tally))


def _learnable(
    pairs: Iterable[Pair | Dropped], encoder: PairEncoder, settings: PairSettings, tally: Tally
) -> Iterator[tuple[list[int], list[int], int]]:
    around = encoder.around + len(encoder.source.encode(encoder.instruction))
    readable = tally.sift(pairs)
    while batch := list(islice(readable, PAIRS_TOGETHER)):
        for pair, (source, target) in zip(batch, encoder.encode(batch), strict=True):
            numbers, opening = encoder.resolved(pair.tags)
            own = len(source) - len(numbers) - around, len(target) - len(opening) - 1
            reason = _objection(*own, settings)
            if reason is None and settings.too_long != "cut":
                is_long = len(source) > encoder.max_source or len(target) > encoder.max_target
                reason = "too long" if is_long else None
            if reason is not None:
                tally.drop(dropped(pair, reason))
                continue
            tally.keep(pair.size)
            yield *encoder.cut(source, target), pair.corpus


def _objection(source: int, target: int, settings: PairSettings) -> str | None:
    """The reason for which a pair of so many tokens is not learnt from, if there is one."""
    if min(source, target) < settings.min_tokens:
        return "too short"
    if settings.max_ratio is not None and max(source, target) > settings.max_ratio * min(source, target):
        return "lengths differ too much"
    return None


class CorpusShares:
    """The examples of each epoch, where several corpora have shares of their own.

    Each gets its part of the epoch's places exactly, and goes through its own examples in orders of its own from epoch
    to epoch, so that all of a corpus are seen equally often whatever its share.

    Args:
        corpora: (examples,) the number of each one's corpus.
        shares: of each corpus, adding up to 1.
        seed: of all orders.
    """

    def __init__(self, corpora: np.ndarray, shares: Sequence[float], seed: int):
        self.members = [np.flatnonzero(corpora == number) for number in range(len(shares))]
        self.seed = seed
        ends = np.rint(np.cumsum(shares) * len(corpora)).astype(np.int64)
        self.quotas = np.diff(ends, prepend=0)

    def __call__(self, epoch: int) -> np.ndarray:
        """(examples,) numbers of the epoch's examples."""
        numbers = []
        for corpus, (members, quota) in enumerate(zip(self.members, self.quotas.tolist(), strict=True)):
            if not len(members):
                raise LangueError("a corpus of the mix has no pairs to learn from")
            places = epoch * quota + np.arange(quota)
            numbers.append(members[epoch_order(places, len(members), self.seed, "corpus", corpus)[1]])
        return np.concatenate(numbers)
