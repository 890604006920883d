"""The text of a PDF file's pages, by pypdf."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pypdf

from langue.pages.page import Page, PageError

# What it says about odd files is nothing a user could act on; what cannot be read is named by whoever asked for it.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def read_pdf(path: Path) -> Iterator[Page]:
    """The pages that hold text, with their numbers from 1.

    Raises:
        PageError: it wants a password.
        Exception: it is damaged or no PDF; pypdf raises whatever its parser stumbles over.
    """
    reader = pypdf.PdfReader(path, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise PageError("encrypted PDF")
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        if text.strip():
            yield Page(text, f"page={number}", {"page": number})
