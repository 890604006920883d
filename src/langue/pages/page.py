"""A page of a document, and the error of a file that holds none: what every reader of pages gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from langue.errors import LangueError


class PageError(Exception):
    """A file that cannot be read; the message says why in a few words."""


class MissingReader(LangueError):
    """A library that reads such files is not installed, or cannot be used.

    Attributes:
        reason: it in a few words, the same for all such files.
    """

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.reason = reason


class Page(NamedTuple):
    """A web page or a letter, a page of a PDF, a slide, a sheet, a chapter."""

    text: str
    place: str = ""
    """Its place in its file, such as `page=3`; empty where a file is one page."""
    known: Mapping[str, str | int] = {}
    """Facts about it by name, such as `title` and `page`; `sent` is a time in ISO 8601."""
