"""`Langue/Translate-v0`: a source is read, its translation written, and a metric or an embedder judges it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from langue.data import PairDataSettings, Tally
from langue.data.parallel import Pair, read_any_pairs, valid_pairs
from langue.environments.environment import EnvironmentSettings, Outcome, Scene, TextEnvironment, row_of
from langue.errors import LangueError
from langue.metrics import TranslationMetric
from langue.metrics.scripts import language_in
from langue.settings import Settings

Metric = Literal["chrf", "bleu", "ter"]

COLUMNS = ("source", "target")


class EmbedderReward(Settings):
    """A reward without references: the cosine of source and translation, times a length term.

    The length term is 1 where neither is more than `ratio` times as long as the other, in characters, and beyond that
    falls as the ratio grows.
    """

    embedder: str
    """A run or another folder of a model that gives vectors, of both languages."""
    ratio: float = Field(default=2.0, ge=1)
    """How many times as long one may be as the other."""
    device: str = "auto"
    """cpu, cuda, …"""

    @cached_property
    def _task(self) -> Any:
        from langue.tasks import load

        return load(self.embedder, self.device, task="embed")

    def value(self, pair: Pair, text: str) -> float:
        """From −1 to 1; 0 of no text."""
        if not text.strip():
            return 0.0
        first, second = self._task.embed([pair.source, text])
        cosine = float(first @ second) / max(1e-12, math.sqrt(float(first @ first) * float(second @ second)))
        longer, shorter = sorted((len(pair.source.strip()), len(text.strip())), reverse=True)
        return cosine * min(1.0, self.ratio * shorter / longer)


class TranslateSettings(EnvironmentSettings):
    """Settings of `Langue/Translate-v0`."""

    data: Any
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


class Translate(TextEnvironment):
    """A source is the observation, its translation the action."""

    name, kind = "Langue/Translate-v0", TranslateSettings
    settings: TranslateSettings

    def __init__(self, render_mode: str | None = None, **settings: Any):
        super().__init__(render_mode, **settings)
        self.pairs = _pairs(self.name, self.settings)
        self.size, reward = len(self.pairs), self.settings.reward
        self._value: Callable[[Pair, str], float] = (
            reward.value if isinstance(reward, EmbedderReward) else partial(self._score, self._metric(reward))
        )

    def scene(self, seed: int, episode: int) -> Scene:
        pair = self.pairs[row_of(len(self.pairs), seed, episode)]
        return Scene(
            pair.source,
            lambda text: Outcome(self._value(pair, text), info={"reference": pair.target}),
            {"tags": pair.tags},
            partial(self._value, pair),
        )

    def _metric(self, kind: Metric) -> TranslationMetric:
        language = self.settings.language or language_in(pair.target for pair in self.pairs)
        return TranslationMetric(kind, language, sentences=True)

    @staticmethod
    def _score(metric: TranslationMetric, pair: Pair, text: str) -> float:
        share = metric.corpus([text], [pair.target]) / 100
        return 1 - share if metric.kind == "ter" else share


def _pairs(name: str, settings: TranslateSettings) -> list[Pair]:
    source = str(settings.data) if isinstance(settings.data, Path) else settings.data
    reading = settings.model_dump(include={"columns", "max_line_bytes", "max_dropped"})
    data, shown = PairDataSettings(train="", **reading), source if isinstance(source, str) else "the rows"
    pairs = valid_pairs(read_any_pairs(source, data, COLUMNS), shown, data, "{}:".format, Tally())
    if not pairs:
        raise LangueError(f"{name}: there are no pairs of texts in {shown}")
    return pairs
