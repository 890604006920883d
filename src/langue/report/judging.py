"""Answers that are labels on a page: the scores of each label, what was taken for what, calibration, and mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langue.content import read_json
from langue.metrics.judgements import Confusion, Judging, OperatingPoint
from langue.report.page import render
from langue.settings import Settings, parse
from langue.tasks.judging import WrongAnswer

FILE = "judging.json"
"""The file of a run's folder that keeps how its answers to its held-out rows were."""

SHOWN = 500
"""Mistakes that a page shows at most, the worst."""

KEPT = 20
"""Mistakes that a run keeps for its report."""

LABELS = 40
"""Labels of a confusion matrix that is drawn; of more nobody could read it."""

OFTEN = 20
"""Pairs of labels that are listed by how often one was taken for the other."""


class JudgedRun(Settings):
    """The answers of a run's model to rows that it has not learnt from."""

    measured_on: str
    """The name of the rows."""
    rows: int
    """Their number."""
    metrics: dict[str, float]
    """Scores of all labels together."""
    judging: Judging
    """All that can be said label by label."""
    mistakes: tuple[WrongAnswer, ...]
    """The worst."""
    wrong: int
    """Rows that were answered wrongly."""


def read_judged(run: Path) -> JudgedRun | None:
    """The answers of a run's model, where it was judged.

    Raises:
        LangueError: the file is damaged.
    """
    path = run / FILE
    return parse(JudgedRun, read_json(path), str(path)) if path.is_file() else None


def judging_page(name: str, result: Mapping[str, Any]) -> str:
    """A page of all answers to labelled rows, with the mistakes among them.

    Args:
        name: the model's.
        result: what `evaluate` gave, mistakes included.
    """
    judging = Judging.model_validate({key: result[key] for key in Judging.model_fields})
    return render(
        "judging.html",
        title=f"What {name} took for what",
        result=result,
        metrics=[(key.replace("_", " "), value) for key, value in result["metrics"].items()],
        wrong=len(result["mistakes"]),
        **judging_parts(judging, result["mistakes"][:SHOWN]),
    )


def judging_parts(judging: Judging, mistakes: Sequence[Any]) -> dict[str, Any]:
    """The content of a page's parts."""
    return {
        "judging": judging,
        "points": _points(judging),
        "matrix": _matrix(judging.confusion),
        "often": often_mistaken(judging.confusion, OFTEN),
        "bins": _bars(judging),
        "mistakes": mistakes,
    }


def often_mistaken(confusion: Confusion | None, count: int) -> list[tuple[str, str, int]]:
    """The pairs of labels of which one was taken for the other most often: right, answered, times."""
    if confusion is None:
        return []
    pairs = [
        (right, answered, times)
        for right, row in zip(confusion.labels, confusion.counts, strict=True)
        for answered, times in zip(confusion.labels, row, strict=True)
        if times and right != answered
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:count]


def _points(judging: Judging) -> list[tuple[str, OperatingPoint | None]]:
    thresholds = judging.thresholds
    return [] if thresholds is None else [("all", thresholds.all), *thresholds.labels.items()]


def _matrix(confusion: Confusion | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows of cells, each with its share of its row; none of more labels than can be looked at."""
    if confusion is None or len(confusion.labels) > LABELS:
        return []
    return [
        (
            label,
            [
                {"count": count, "share": round(100 * count / max(1, sum(row))), "right": place == number}
                for place, count in enumerate(row)
            ],
        )
        for number, (label, row) in enumerate(zip(confusion.labels, confusion.counts, strict=True))
    ]


def _bars(judging: Judging) -> list[dict[str, float]]:
    """The bins of the reliability curve that have answers, in hundredths of the picture's sides."""
    most = max((part.count for part in judging.calibration.bins), default=1)
    return [
        {
            "left": 100 * part.low,
            "width": 100 * (part.high - part.low),
            "height": 100 * part.accuracy,
            "x": 100 * part.confidence,
            "weight": 0.25 + 0.75 * part.count / max(1, most),
            "count": part.count,
        }
        for part in judging.calibration.bins
        if part.count
    ]
