"""From a result to a table in `docs/benchmarks.md`, between two marks that stand around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import HERE, Result
from langue.errors import LangueError

PAGE = HERE.parent / "docs" / "benchmarks.md"


def render(result: Result) -> str:
    """A Markdown table with the notes beneath it."""
    columns: dict[str, str] = result["columns"]
    body = [[_shown(row.get(key)) for key in columns] for row in result["rows"]]
    numeric = [any(isinstance(row.get(key), int | float) for row in result["rows"]) for key in columns]
    rule = [" ---: " if is_number else " --- " for is_number in numeric]
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "|".join(rule) + "|"]
    lines += ["| " + " | ".join(cells) + " |" for cells in body]
    return "\n".join([*lines, "", *result.get("notes", [])]).rstrip()


def _shown(value: Any) -> str:
    """A cell: three significant digits, thousands apart."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if value else "0"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def replace(page: str, name: str, text: str) -> str:
    """The page with what stands between the marks of a benchmark replaced.

    Raises:
        LangueError: the page has no such marks.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise LangueError(f"the page needs the marks {begin} and {end}, between which the table is written")
    return f"{before}{begin}\n{text}\n{end}{after}"


def write(name: str, results: Sequence[Result], page: Path = PAGE) -> None:
    """Put the tables of a benchmark, one for each kind of machine, and where they were measured into the page."""
    content = page.read_text(encoding="utf-8")
    tables = [f"**{result['about']['kind']}**\n\n{render(result)}\n\n{measured(result)}" for result in results]
    page.write_text(replace(content, name, "\n\n".join(tables)), encoding="utf-8")


def measured(result: Result) -> str:
    """One line about when, where and of which commit."""
    facts = result["about"]
    where = facts["accelerator"] or f"{facts['processor']}, {facts['threads']} of {facts['cores']} cores"
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    return f"*{facts['date']}, commit {facts['commit']}, {where}; {versions}.*"
