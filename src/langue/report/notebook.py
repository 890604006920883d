"""A run in a cell of a notebook: its numbers, and the picture of how it learned."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from langue.files import is_held
from langue.report import missing_extra
from langue.report.live import standing
from langue.report.palette import stylesheet
from langue.report.record import Record, number, read_record
from langue.wording import short

TILE = "display:inline-block;margin:0 1.4em .5em 0"
SMALL = "opacity:.7;font-size:.85em"


def run_fragment(run: Path) -> str:
    """A run's HTML, which takes its letters and colours from the notebook; without what draws it has no picture.

    Raises:
        LangueError: the folder holds no run, or a file of it is damaged.
    """
    record = read_record(run)
    tiles = "".join(
        f'<span style="{TILE}"><b style="font-size:1.3em">{escape(value)}</b><br>'
        f'<span style="{SMALL}">{escape(name)}</span></span>'
        for name, value in _tiles(record)
    )
    folder = f'<div style="{SMALL}">{escape(str(run))}: {escape(standing(record, is_held(run)))}</div>'
    return f'<div style="max-width:720px"><div>{tiles}</div>{_picture(record)}{folder}</div>'


def _tiles(record: Record) -> list[tuple[str, str]]:
    """The numbers of the kept weights, and of the test data where there are some."""
    counted = ("step", "tokens", "seconds", "best")
    rows = [row for row in (record.best(), record.test[-1] if record.test else None) if row is not None]
    return [
        (f"{row['split']} {name.replace('_', ' ')}", short(value))
        for row in rows
        for name in row
        if name not in counted and (value := number(row, name)) is not None
    ][:10]


def _picture(record: Record) -> str:
    """The first curve as an image, whose names and colours touch nothing else on the page."""
    if missing_extra():
        return ""
    from langue.report.curves import curves_of

    curves = curves_of(record)
    if not curves:
        return ""
    style = f"<style>{stylesheet()}\nsvg {{ background: var(--paper); }}</style>"
    image = base64.b64encode(curves[0].wide.replace(">", f">{style}", 1).encode()).decode()
    name = escape(f"{curves[0].title}, {curves[0].unit}")
    return f'<img alt="{name}" style="width:100%" src="data:image/svg+xml;base64,{image}">'
