"""Links of the pages that lead out of them, to files of the repository, as the names of these files on the site."""

from __future__ import annotations

import re
from typing import Any

OUTWARDS = re.compile(r"\[([^\]]+)\]\((?:\.\./)+[^)]+\)")


def on_page_markdown(markdown: str, **page: Any) -> str:
    """The text of a page, as MkDocs hands it over before it makes HTML of it."""
    return OUTWARDS.sub(lambda link: link[1], markdown)
