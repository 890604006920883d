"""Reports: one self-contained page for a run or a race, drawn from its files alone."""

from __future__ import annotations

from pathlib import Path

from langue.errors import LangueError
from langue.extra import need
from langue.files import write_text
from langue.metrics.cost import FILE, Cost

__all__ = ["missing_extra", "write_cost", "write_race_report", "write_report"]

REPORT = "report.html"
COST = "cost.html"


def missing_extra(*libraries: str) -> str | None:
    """One sentence for the user when what draws is missing or cannot be used, else None.

    Args:
        libraries: wanted besides jinja2, of the extra `report`.
    """
    try:
        for library in (*libraries, "jinja2"):
            need(library, "report", "drawing")
    except LangueError as error:
        return f"no report was drawn: {error}"
    return None


def write_report(run: Path | str, refresh: float | None = None) -> str:
    """Draw `report.html` of a run folder; a second call draws it anew.

    Args:
        run: the folder.
        refresh: seconds after which a browser reads it anew, of a training that goes on.

    Returns:
        A sentence for the user: where the report is, or what to install to get one.

    Raises:
        LangueError: the folder holds no run, or a file of it is damaged.
    """
    if note := missing_extra():
        return note
    from langue.report.run import run_page

    path = Path(run) / REPORT
    write_text(path, run_page(run, refresh))
    return f"report: {path}"


def write_race_report(folder: Path | str) -> str:
    """Draw `report.html`, `race.svg` and, where matplotlib is at hand, `race.png` of a race, from its files.

    Returns:
        A sentence for the user, as `write_report` does.

    Raises:
        LangueError: the folder holds no race, or a file of it is damaged.
    """
    if note := missing_extra():
        return note
    from langue.report.race import write_race
    from langue.report.result import read_result

    folder = Path(folder)
    write_race(folder, read_result(folder))
    return f"report: {folder / REPORT}"


def write_cost(cost: Cost, run: Path, name: str) -> str | None:
    """Write `cost.json` of what it cost to make a model smaller, and draw `cost.html`.

    Args:
        cost: what was measured.
        run: the folder.
        name: of the folder, when it is at its place.

    Returns:
        A sentence for the user where there is no page.
    """
    write_text(run / FILE, cost.model_dump_json(indent=2) + "\n")
    if note := missing_extra():
        return note
    from langue.report.cost_page import cost_page

    write_text(run / COST, cost_page(cost, name))
    return None
