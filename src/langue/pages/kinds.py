"""Kinds of documents: the reader of each, and the libraries that it needs."""

from __future__ import annotations

from typing import NamedTuple


class PageKind(NamedTuple):
    """A way to read pages."""

    name: str
    """The name of such files in a sentence."""
    target: str
    """`module:function` that gives the pages of a file; imported in the process that reads."""
    libraries: tuple[str, ...]
    extra: str = "documents"
    """The extra of Langue that brings the libraries."""


_WEB = ("selectolax", "webencodings")
_WEB_PAGE = PageKind("HTML", "langue.pages.html:read_page", _WEB)

KINDS = {
    "html": _WEB_PAGE,
    "htm": _WEB_PAGE,
    "xhtml": _WEB_PAGE,
    "pdf": PageKind("PDF", "langue.pages.pdf:read_pdf", ("pypdf",)),
    "docx": PageKind("DOCX", "langue.pages.office:read_docx", ("docx",)),
    "pptx": PageKind("PPTX", "langue.pages.office:read_pptx", ("pptx",)),
    "xlsx": PageKind("XLSX", "langue.pages.office:read_xlsx", ("openpyxl",)),
    "epub": PageKind("EPUB", "langue.pages.epub:read_epub", _WEB),
    "eml": PageKind("EML", "langue.pages.mail:read_eml", _WEB),
    "rst": PageKind("RST", "langue.pages.rst:read_rst", ("docutils",)),
}
"""By a file's ending."""

MAIN_TEXT = PageKind("HTML", "langue.pages.main_text:read_main_text", (*_WEB, "trafilatura"))
SCAN = PageKind("PDF", "langue.pages.scan:read_scan", ("docling",), "scans")

PAGES = tuple(f".{name}" for name in KINDS)
"""Endings of files that are read by pages."""
