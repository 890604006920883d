"""Texts that models write, scored against those of people: with intervals, baselines, and comparisons."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from langue.console import say
from langue.data import PairDataSettings, ReadSettings, Tally
from langue.data.parallel import Pair, read_any_pairs, valid_pairs
from langue.errors import LangueError
from langue.metrics.rouge import KINDS as ROUGE
from langue.metrics.rouge import rouge, rouge_statistics, split_of
from langue.metrics.scripts import one_language
from langue.metrics.significance import (
    Difference,
    Score,
    approximate_randomization,
    as_mean,
    bootstrap,
    mean_of,
)
from langue.metrics.speech import error_rate, error_statistics
from langue.metrics.translation import KINDS as TRANSLATION
from langue.metrics.translation import Languages, TranslationMetric
from langue.tasks.rewriting.predict import Rewrite

PAIR_TASKS = ("translate", "summarize")
COMPARED = (*PAIR_TASKS, "transcribe")

Statistics = dict[str, tuple[np.ndarray, Score]]
"""By metric: (pairs, k) counts, and how their sums become a score."""

_SENTENCE = re.compile(r"(?<=[.!?؟।។])\s+|(?<=[。！？｡])\s*|\n+")


def statistics(
    task: str, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None
) -> tuple[Statistics, dict[str, str]]:
    """The counts of a task's metrics for each pair, and signatures that say how they count.

    Args:
        task: its name.
        predicted: what a model wrote.
        expected: what people wrote.
        languages: how the latter are split.

    Raises:
        LangueError: nothing to score, or sacreBLEU is not installed.
    """
    if task == "transcribe":
        return {name: (counts, error_rate) for name, counts in error_statistics(predicted, expected).items()}, {}
    if task == "summarize":
        language = one_language(languages)
        scores = rouge_statistics(predicted, expected, language=language)
        signatures = {"rouge": f"tok:{split_of(language, expected)}|stem:no"}
        return {kind: (as_mean(scores[:, place]), mean_of) for place, kind in enumerate(ROUGE)}, signatures
    metrics = [TranslationMetric(kind, languages) for kind in TRANSLATION]
    counted: Statistics = {metric.kind: (metric.statistics(predicted, expected), metric.score) for metric in metrics}
    return counted, {metric.kind: metric.signature for metric in metrics}


def read_pairs_of(task: Any, data: Any, settings: PairDataSettings, tally: Tally | None = None) -> list[Pair]:
    """The pairs of a source, under the column names that the task reads or that its training read; the tally gets what
    is left out.

    Raises:
        LangueError: it has none, too much would be left out, or they do not say what the model has to be told.
    """
    events = read_any_pairs(data, settings, task.columns)
    tally = tally or Tally()
    names = data if isinstance(data, str) else "the rows"
    pairs = valid_pairs(events, names, settings, ReadSettings().option, tally)
    if tally.records:
        say(f"left out of {len(pairs):,} pairs: {tally.words()}")
    if not pairs:
        raise LangueError(f"there are no pairs of texts in {data}")
    if not isinstance(task, Rewrite) or all(pair.tags for pair in pairs):
        return pairs
    usual = task.usual_tags()
    return [pair if pair.tags else pair._replace(tags=usual) for pair in pairs]


def evaluate_pairs(
    task: Any, pairs: Sequence[Pair], language: str | None = None, **options: Any
) -> tuple[dict[str, Any], list[str]]:
    """Metrics, intervals of 95 %, signatures, and of summaries the baselines; and the model's answers.

    Args:
        task: a task.
        pairs: texts, and what people made of them.
        language: of the latter, which decides how they are split; by default as the task knows, or by their script.
        options: of the search.
    """
    languages = language or task.languages_of(pairs)
    metrics, answers = task.evaluate(pairs, languages=languages, **options)
    expected = [pair.target for pair in pairs]
    counted, signatures = statistics(task.name, answers, expected, languages)
    result: dict[str, Any] = {"metrics": metrics, "intervals": intervals_of(counted)}
    if signatures:
        result["signatures"] = signatures
    if task.name == "summarize":
        result["baselines"] = baselines([pair.source for pair in pairs], expected, one_language(languages))
    return result, answers


def intervals_of(counted: Statistics) -> dict[str, list[float]]:
    """The bounds of 95 % of each metric."""
    intervals = {name: bootstrap(counts, score) for name, (counts, score) in counted.items()}
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}


def baselines(
    texts: Sequence[str], summaries: Sequence[str], language: str | None = None
) -> dict[str, dict[str, float]]:
    """Scores of summaries without a model: a text's first sentence (lead), and, with the summary in hand, the sentence
    of it that scores best (oracle), which no extract of one sentence can beat."""
    sentences = [[part.strip() for part in _SENTENCE.split(text) if part.strip()] or [text] for text in texts]
    chosen = {
        "lead": [parts[0] for parts in sentences],
        "oracle": [_best(parts, summary, language) for parts, summary in zip(sentences, summaries, strict=True)],
    }
    return {name: rouge(predicted, summaries, language=language) for name, predicted in chosen.items()}


def _best(sentences: Sequence[str], summary: str, language: str | None) -> str:
    scores = rouge_statistics(sentences, [summary] * len(sentences), language=language)
    return sentences[int(scores[:, ROUGE.index("rouge_l")].argmax())]


def compare(
    first: Any,
    second: Any,
    expected: Sequence[str],
    *,
    samples: int = 1000,
    write: Callable[[Any], list[str]],
    languages: Languages = None,
) -> tuple[dict[str, Difference], dict[str, str]]:
    """The differences between two models' scores, and how likely luck alone would make as large ones.

    Args:
        first: a task.
        second: another that does the same.
        expected: what both should write.
        samples: shuffles of the test.
        write: gives what a task does write.
        languages: how what is expected is split.

    Returns:
        The differences by metric, and signatures that say how was counted.

    Raises:
        LangueError: they are for different things.
    """
    if first.name != second.name:
        raise LangueError(f"the one model was trained to {first.name}, the other to {second.name}")
    mine, signatures = statistics(first.name, write(first), expected, languages)
    theirs, _ = statistics(second.name, write(second), expected, languages)
    return {
        name: approximate_randomization(mine[name][0], theirs[name][0], mine[name][1], samples=samples) for name in mine
    }, signatures
