"""The main text of a web page, without menus, banners and what else stands around it, by trafilatura."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trafilatura import extract

from langue.pages.encoding import decode
from langue.pages.html import read_html
from langue.pages.page import Page


def read_main_text(path: Path) -> Iterator[Page]:
    """A web page's main text with a blank line between blocks; all that is visible where trafilatura finds none.

    Raises:
        UnknownText: its bytes are no text of the encoding that it names.
        TooDeepError: its elements are nested too deeply.
    """
    raw = path.read_bytes()
    title, visible = read_html(raw)
    main = extract(decode(raw), include_comments=False, include_tables=True, favor_recall=True, no_fallback=False)
    yield Page("\n\n".join((main or "").split("\n")) or visible, known={"title": title} if title else {})
