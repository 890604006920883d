"""From what was read and drawn to one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from langue.report.palette import stylesheet
from langue.version import VERSION
from langue.wording import show

Table = Mapping[str, Any]
"""`{"title": …, "rows": [(key, value), …]}`."""


def render(template: str, *, refresh: float | None = None, **content: Any) -> str:
    """Fill a template; text is escaped, so that nothing a model wrote becomes markup.

    Args:
        template: its name.
        refresh: seconds after which a browser reads the page anew; None of one that stays as it is.
        content: by the names that the template has for it.
    """
    environment = Environment(
        loader=PackageLoader("langue.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template(template).render(
        variables=stylesheet(), version=VERSION, refresh=refresh, **content
    )
    return page.encode("utf-8", "replace").decode()  # a folder's name may be no text


def tables(content: Mapping[str, Any], rest: str) -> list[Table]:
    """Nested settings as one table a section that has any; single values and small ones are gathered under `rest`."""
    sections = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    single = {key: value for key, value in content.items() if key not in sections}
    titled = [(rest, single), *sections.items()]
    return [{"title": title, "rows": _flat(section)} for title, section in titled if section]


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", show(value)))
    return rows
