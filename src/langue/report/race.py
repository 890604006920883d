"""The report of a race: one table, three pictures, text from each model, on one page."""

from __future__ import annotations

from pathlib import Path

from langue.report.compare import PANELS, Runner, panel_svg, runners, write_picture
from langue.report.page import render, tables
from langue.report.record import Record, read_record
from langue.report.result import MemberResult, RaceResult
from langue.report.words import duration, short


def write_race(folder: Path, result: RaceResult) -> None:
    """Draw `report.html`, `race.png` and `race.svg` from a race's result and its run folders."""
    records = {member.name: read_record(folder / member.run) for member in result.members}
    field = runners(result.members, records)
    write_picture(folder, field)
    (folder / "report.html").write_text(_page(result, field, records), encoding="utf-8")


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
        title=f"{result.ranked()[0].name} comes first of {len(result.members)}",
        result=result,
        findings=findings(result),
        rows=rows,
        curves=curves,
        settings=tables({**first.recipe, "model": "by preset, see each report"}, "recipe"),
        machine=tables(first.environment, "machine"),
    )


def _row(member: MemberResult, runner: Runner, best: dict[str, float]) -> dict[str, object]:
    early, late = member.early(), member.late()
    return {
        "name": member.name,
        "colour": runner.colour,
        "run": member.run,
        "sample": member.sample,
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


def findings(result: RaceResult) -> list[str]:
    """What the numbers say, in sentences; nothing that they do not say."""
    ranked = result.ranked()
    first, last = ranked[0], ranked[-1]
    if first is last:
        return [f"{first.name} reached {first.bits_per_byte:.3f} bits per byte."]
    said = [
        f"{first.name} predicts unseen text best: {first.bits_per_byte:.3f} bits per byte, "
        f"{100 * (1 - first.bits_per_byte / ranked[1].bits_per_byte):.1f} % fewer than {ranked[1].name} and "
        f"{100 * (1 - first.bits_per_byte / last.bits_per_byte):.1f} % fewer than {last.name}."
    ]
    fastest = max(result.members, key=lambda member: member.tokens_per_second)
    slowest = min(result.members, key=lambda member: member.tokens_per_second)
    said.append(
        f"{fastest.name} trains fastest, at {short(fastest.tokens_per_second)} tokens per second, "
        f"{fastest.tokens_per_second / slowest.tokens_per_second:.1f} times {slowest.name}."
    )
    gain = {member.name: member.early() - member.late() for member in result.members}
    most, least = max(gain, key=gain.__getitem__), min(gain, key=gain.__getitem__)
    said.append(
        f"{most} makes most of a long context: {gain[most]:.3f} bits per byte between its first eighth and its "
        f"second half; {least} makes least of it, {gain[least]:.3f}."
    )
    return said
