"""The report of a race: one table, three pictures, text from each model, on one page."""

from __future__ import annotations

from pathlib import Path

from langue.files import write_text
from langue.report.compare import PANELS, Runner, panel_svg, runners, write_picture
from langue.report.page import render, tables
from langue.report.record import Record, read_record
from langue.report.result import MemberResult, RaceResult, findings
from langue.report.settings import effective_settings
from langue.report.words import duration, short


def write_race(folder: Path, result: RaceResult) -> None:
    """Draw `report.html`, `race.png` and `race.svg` from a race's result and its run folders."""
    records = {member.name: read_record(folder / member.run) for member in result.members}
    field = runners(result.members, records)
    write_picture(folder, field)
    write_text(folder / "report.html", _page(result, field, records))


def _page(result: RaceResult, field: list[Runner], records: dict[str, Record]) -> str:
    by_name = {runner.member.name: runner for runner in field}
    best = {
        "bits": min(member.bits_per_byte for member in result.members),
        "early": min(member.early() for member in result.members),
        "late": min(member.late() for member in result.members),
        "speed": max(member.tokens_per_second for member in result.members),
    }
    rows = [_row(member, by_name[member.name], best) for member in result.ranked()]
    curves = [
        {
            "title": title,
            "unit": unit,
            "wide": panel_svg(field, panel, "full" if panel == "seconds" else "half"),
            "narrow": panel_svg(field, panel, "narrow"),
        }
        for panel, (title, unit) in PANELS.items()
    ]
    first = records[result.members[0].name]
    return render(
        "race.html",
        title=_title(result),
        result=result,
        findings=findings(result),
        rows=rows,
        curves=curves,
        settings=tables({**effective_settings(first.recipe), "model": "by preset, see each report"}, "recipe"),
        machine=tables(first.environment, "machine"),
    )


def _title(result: RaceResult) -> str:
    if result.is_disturbed() and result.timed:
        return f"{len(result.members)} models on a disturbed machine"
    return f"{result.ranked()[0].name} comes first of {len(result.members)}"


def _row(member: MemberResult, runner: Runner, best: dict[str, float]) -> dict[str, object]:
    early, late = member.early(), member.late()
    return {
        "name": member.name,
        "colour": runner.colour,
        "run": member.run,
        "sample": member.sample.rstrip(),
        "cells": [
            (f"{member.bits_per_byte:.3f}", member.bits_per_byte == best["bits"]),
            (short(member.parameters), False),
            (short(member.tokens_per_second), member.tokens_per_second == best["speed"]),
            (short(member.tokens), False),
            (duration(member.seconds), False),
            (f"{early:.3f}", early == best["early"]),
            (f"{late:.3f}", late == best["late"]),
        ],
    }
