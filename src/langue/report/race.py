"""The report of a race: one table, three pictures, text from each model, on one page."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

from langue.files import write_text
from langue.report.compare import PANELS, Runner, panel_svg, runners, write_picture
from langue.report.curves import Curve
from langue.report.page import render, tables
from langue.report.record import Record, read_record
from langue.report.result import MemberResult, RaceResult, findings
from langue.report.settings import effective_settings
from langue.wording import duration, short, without_gaps


def write_race(folder: Path, result: RaceResult) -> None:
    """Draw `report.html` and the pictures `race.svg` and `race.png` from a race's result and its run folders."""
    records = {member.name: read_record(folder / member.run) for member in result.members}
    field = runners(result.members, records)
    write_picture(folder, field)
    write_text(folder / "report.html", _page(result, field, records))


CELLS: tuple[tuple[Callable[[MemberResult], float], Callable[[float], str], Callable[..., float] | None], ...] = (
    (attrgetter("bits_per_byte"), "{:.3f}".format, min),
    (attrgetter("parameters"), short, None),
    (attrgetter("tokens_per_second"), short, max),
    (attrgetter("tokens"), short, None),
    (attrgetter("seconds"), duration, None),
    (MemberResult.early, "{:.3f}".format, min),
    (MemberResult.late, "{:.3f}".format, min),
)
"""The cells of a row: a member's number, its text, and the choice of the best among all members' numbers."""


def _page(result: RaceResult, field: list[Runner], records: dict[str, Record]) -> str:
    colours = {runner.member.name: runner.colour for runner in field}
    rows = [
        {
            "name": member.name,
            "colour": colours[member.name],
            "run": member.run,
            "sample": without_gaps(member.sample),
            "cells": [
                (text(value(member)), best is not None and value(member) == best(map(value, result.members)))
                for value, text, best in CELLS
            ],
        }
        for member in result.ranked()
    ]
    curves = [
        Curve(title, unit, panel_svg(field, panel, wide), panel_svg(field, panel, "narrow"))
        for (panel, (title, unit)), wide in zip(PANELS.items(), ("full", "half", "half"), strict=True)
    ]
    first = records[result.members[0].name]
    settings = effective_settings(first.recipe, sampled=bool(first.samples()))
    return render(
        "race.html",
        title=_title(result),
        result=result,
        findings=findings(result),
        rows=rows,
        curves=curves,
        settings=tables({**settings, "model": "by preset, see each report"}, "recipe"),
        machine=tables(first.environment, "machine"),
    )


def _title(result: RaceResult) -> str:
    if result.is_disturbed() and result.timed:
        return f"{len(result.members)} models on a disturbed machine"
    return f"{result.ranked()[0].name} comes first of {len(result.members)}"
