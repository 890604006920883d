"""Pages of scanned documents, recognized by docling, whose models have to be on this machine already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from langue.extra import need
from langue.pages.page import Page


def read_scan(path: Path) -> Iterator[Page]:
    """The pages of a PDF that hold text for the eye alone, with their numbers from 1.

    Nothing is fetched: `docling-tools models download` puts the models where docling looks for them.

    Raises:
        Exception: it is damaged, or the models are not there.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    document = need("docling.document_converter", "scans", f"reading {path}").DocumentConverter().convert(path).document
    for number in sorted(document.pages):
        yield Page(document.export_to_text(page_no=number), f"page={number}", {"page": number})
