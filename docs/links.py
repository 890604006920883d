"""Links of the pages that lead out of them, to files of the repository, as the names of these files on the site."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, page: Any, **more: Any) -> str:
    """The text of a page, as MkDocs hands it over before it makes HTML of it."""
    folders = page.file.src_uri.count("/")  # which a page lies in: so many steps up still lead to another page
    outwards = re.compile(rf"\[([^\]]+)\]\((?:\.\./){{{folders + 1},}}[^)]+\)")
    return outwards.sub(lambda link: link[1], markdown)
