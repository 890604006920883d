"""The chapters of an EPUB book, in the order of its spine (EPUB 3.3, § 5 and 6)."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from langue.pages.html import read_html
from langue.pages.package import open_package
from langue.pages.page import Page, PageError

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_DESCRIPTIONS = {"title": "title", "creator": "author", "language": "language"}
"""Elements of Dublin Core, and the names by which documents are filtered."""


def read_epub(path: Path) -> Iterator[Page]:
    """The chapters that are read in order, each with the title of the book.

    Raises:
        PageError: it is encrypted, or a zip bomb.
        Exception: it is damaged; the parsers raise whatever they stumble over.
    """
    with open_package(path, "EPUB") as book:
        container = ElementTree.fromstring(book.read(_CONTAINER))
        name = container.findall(".//{*}rootfile")[0].attrib["full-path"]
        package = ElementTree.fromstring(book.read(name))
        files = {
            item.attrib["id"]: posixpath.normpath(
                posixpath.join(posixpath.dirname(name), unquote(item.attrib["href"].partition("#")[0]))
            )
            for item in package.findall(".//{*}manifest/{*}item")
        }
        chapters = [files[reference.attrib["idref"]] for reference in package.findall(".//{*}spine/{*}itemref")]
        if _encrypted(book) & set(chapters):
            raise PageError("encrypted EPUB")
        known = _known(package)
        for number, chapter in enumerate(chapters, 1):
            yield Page(read_html(book.read(chapter))[1], f"chapter={number}", {**known, "chapter": number})


def _known(package: ElementTree.Element) -> dict[str, str]:
    known: dict[str, str] = {}
    for name, ours in _DESCRIPTIONS.items():
        text = " ".join((package.findtext(f".//{{http://purl.org/dc/elements/1.1/}}{name}") or "").split())
        if text:
            known[ours] = text
    return known


def _encrypted(book: zipfile.ZipFile) -> set[str]:
    """The files of a book that are encrypted; fonts often are, by which nothing is lost."""
    if _ENCRYPTION not in book.namelist():
        return set()
    listed = ElementTree.fromstring(book.read(_ENCRYPTION))
    return {unquote(reference.attrib.get("URI", "")) for reference in listed.findall(".//{*}CipherReference")}
