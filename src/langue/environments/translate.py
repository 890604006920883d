"""`Langue/Translate-v0`: a source is read, its translation written, and a metric or an embedder judges it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from langue.data import PairDataSettings, Tally
from langue.data.parallel import Pair, read_any_pairs, valid_pairs
from langue.environments.environment import EnvironmentSettings, JudgedEnvironment, Outcome, Rows, Scene, row_of
from langue.errors import LangueError
from langue.lazy import fetch
from langue.metrics.scripts import language_in
from langue.metrics.translation import TranslationMetric
from langue.settings import Settings

Metric = Literal["chrf", "bleu", "ter"]

COLUMNS = ("source", "target")

Values = Callable[[Sequence[Pair], Sequence[str]], list[float]]
"""From pairs and a translation of each to rewards."""


class EmbedderReward(Settings):
    """A reward without references: the cosine of source and translation, times a length term.

    The length term is 1 where neither is more than `ratio` times as long as the other, in characters, and beyond that
    falls as the ratio grows.
    """

    embedder: str
    """A run or another folder of a model that gives vectors, of both languages."""
    ratio: float = Field(default=2.0, ge=1)
    """The longer side's length in lengths of the shorter one, at most."""
    device: str = "auto"
    """cpu, cuda, …"""

    @cached_property
    def _task(self) -> Any:
        return fetch("langue.tasks:load")(self.embedder, self.device, task="embed")

    def loaded(self) -> Values:
        """The function `values`, with its model in memory."""
        assert self._task
        return self.values

    def values(self, pairs: Sequence[Pair], texts: Sequence[str]) -> list[float]:
        """From −1 to 1; 0 of no text."""
        written = [number for number, text in enumerate(texts) if text.strip()]
        if not written:
            return [0.0] * len(texts)
        sides = [pairs[number].source for number in written], [texts[number] for number in written]
        cosines = dict(zip(written, row_cosines(*map(self._task.embed, sides)), strict=True))
        return [
            cosines.get(number, 0.0) * self._length_term(pair.source.strip(), text.strip())
            for number, (pair, text) in enumerate(zip(pairs, texts, strict=True))
        ]

    def _length_term(self, source: str, text: str) -> float:
        shorter, longer = sorted((len(source), len(text)))
        return min(1.0, self.ratio * shorter / longer)


def row_cosines(first: np.ndarray, second: np.ndarray) -> list[float]:
    """The cosine of each row of (n, width) with the same row of another."""
    first, second = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (first, second))
    return (first * second).sum(-1).tolist()


class TranslateEnvironmentSettings(EnvironmentSettings):
    """Settings of `Langue/Translate-v0`."""

    data: Rows
    """A table of pairs with the columns source and target."""
    reward: Metric | EmbedderReward = "chrf"
    """chrF or sentence BLEU as shares of 1, 1 − TER, or `{embedder: RUN}` without references."""
    columns: dict[str, str] = Field(default_factory=dict)
    """A table's names of the columns, such as {source: en, target: de}."""
    max_line_bytes: int = Field(default=1 << 20, ge=1, lt=1 << 31)
    """Longer lines are left out."""
    max_dropped: float = Field(default=0.05, ge=0, le=1)
    """The share of pairs that may be left out because they cannot be used."""
    language: str | None = None
    """Code of the language that is written, by which BLEU and TER split it; null goes by its script."""


class TranslateEnvironment(JudgedEnvironment):
    """A source is the observation, its translation the action."""

    name, kind = "Langue/Translate-v0", TranslateEnvironmentSettings
    settings: TranslateEnvironmentSettings

    def __init__(self, render_mode: str | None = None, **settings: Any):
        super().__init__(render_mode, **settings)
        self.pairs = _pairs(self.name, self.settings)
        self.size, reward = len(self.pairs), self.settings.reward
        self.values = reward.loaded() if isinstance(reward, EmbedderReward) else self._by_metric(reward)

    def scene(self, seed: int, episode: int) -> Scene:
        pair = self.pairs[row_of(len(self.pairs), seed, episode)]
        return self.judged(pair.source, pair, {"tags": pair.tags})

    def outcomes(self, subjects: Sequence[Pair], texts: Sequence[str]) -> list[Outcome]:
        values = self.values(subjects, texts)
        return [Outcome(value, info={"reference": pair.target}) for value, pair in zip(values, subjects, strict=True)]

    def _by_metric(self, kind: Metric) -> Values:
        language = self.settings.language or language_in(pair.target for pair in self.pairs)
        metric = TranslationMetric(kind, language, sentences=True)

        def values(pairs: Sequence[Pair], texts: Sequence[str]) -> list[float]:
            counts = metric.statistics(texts, [pair.target for pair in pairs])
            shares = [metric.score(row) / 100 for row in counts]
            return [1 - share for share in shares] if kind == "ter" else shares

        return values


def _pairs(name: str, settings: TranslateEnvironmentSettings) -> list[Pair]:
    source = str(settings.data) if isinstance(settings.data, Path) else settings.data
    reading = settings.model_dump(include={"columns", "max_line_bytes", "max_dropped"})
    data, shown = PairDataSettings(train="", **reading), source if isinstance(source, str) else "the rows"
    pairs = valid_pairs(read_any_pairs(source, data, COLUMNS), shown, data, "{}:".format, Tally())
    if not pairs:
        raise LangueError(f"{name}: there are no pairs of texts in {shown}")
    return pairs
