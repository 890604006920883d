"""A page of a document, and the error of a file that holds none: what every reader of pages gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PageError(Exception):
    """A file that cannot be read; the message says why in a few words."""


class Page(NamedTuple):
    """A web page or a letter, a page of a PDF, a slide, a sheet, a chapter."""

    text: str
    place: str = ""
    """Its place in its file, such as `page=3`; empty where a file is one page."""
    known: Mapping[str, str | int] = {}
    """Facts about it by name, such as `title` and `page`; `sent` is a time in ISO 8601."""
