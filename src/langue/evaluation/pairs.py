"""Texts that models write, scored against those of people: with intervals, baselines, and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langue.console import say
from langue.data import PairDataSettings, ReadSettings, Tally
from langue.data.parallel import Pair, read_any_pairs, valid_pairs
from langue.errors import LangueError
from langue.evaluation.measurement import MeasureSettings
from langue.evaluation.settings import recipe_data
from langue.files import write_text
from langue.metrics.significance import Difference, approximate_randomization
from langue.metrics.translation import Languages
from langue.tasks.rewriting.predict import Rewrite


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


def evaluate_pairs(task: Rewrite, data: Any, settings: MeasureSettings, run: Path | str | None) -> dict[str, Any]:
    """Counts, metrics, intervals of 95 %, signatures, and of summaries the baselines.

    Args:
        task: a task.
        data: texts, and what people made of them.
        settings: of which language is that of the latter, by default as the task knows, or by their script.
        run: the run that says how pairs are read.
    """
    tally = Tally()
    pairs = read_pairs_of(task, data, recipe_data(run, task.name, settings.reading), tally)
    languages = settings.language or task.languages_of(pairs)
    answers = task.write(pairs)
    metrics, statistics = task.loss(pairs), task.statistics(answers, [pair.target for pair in pairs], languages)
    if settings.predictions is not None:
        write_text(settings.predictions, "".join(answer.replace("\n", " ") + "\n" for answer in answers))
    optional = {"signatures": dict(statistics.signatures), "baselines": task.baselines(pairs, languages)}
    return {
        "examples": len(pairs),
        "rows": len(pairs),
        "dropped": tally.dropped(),
        "metrics": {**metrics, **statistics.scores()},
        "intervals": statistics.intervals(),
        **{name: part for name, part in optional.items() if part},
    }


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
    mine, theirs = (task.statistics(write(task), expected, languages) for task in (first, second))
    return {
        name: approximate_randomization(counts, theirs.counts[name][0], score, samples=samples)
        for name, (counts, score) in mine.counts.items()
    }, dict(mine.signatures)
