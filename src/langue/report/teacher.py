"""The comparison of a student with its teacher, as a run's folder holds it, in words for report and card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langue.content import read_json

TEACHER = "teacher.json"
"""In a run's folder: what teacher and student reach on the same rows, each with an interval of 95 %."""


def comparison_rows(run: Path) -> list[tuple[str, str]]:
    """Names and values of what was measured of both; none where no teacher was compared with."""
    if not (run / TEACHER).is_file():
        return []
    held = read_json(run / TEACHER)
    name, where = str(held["metric"]).replace("_", " "), f"on {held['rows']:,} {held['unit']} of {held['split']} data"
    sizes = f"{held['teacher_parameters']:,} parameters, this model {held['student_parameters']:,}"
    rows = [("teacher", f"{held['teacher_name']}, {sizes}")]
    rows += [(f"{name} of {who} {where}", _shown(held[key])) for who, key in (("the teacher", "teacher"),
             ("this model", "student"), ("this model less the teacher's", "difference"))]  # fmt: skip
    speed = held["teacher_seconds"] / held["student_seconds"]
    return [*rows, ("speed beside the teacher's", f"{speed:.2f} times, on the same rows")]


def _shown(interval: Mapping[str, Any]) -> str:
    return f"{interval['score']:.4f}, 95 % within {interval['low']:.4f} … {interval['high']:.4f}"
