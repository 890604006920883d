"""Books by their spine."""

import pytest

from langue.pages.epub import read_epub
from langue.pages.page import Page, PageError
from zipped import write_zip

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
)
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:title>The\n Boat</dc:title><dc:creator>B. Ee</dc:creator></metadata><manifest>"
    '<item id="x" href="one%20a.xhtml"/><item id="y" href="../two.xhtml"/><item id="n" href="nav.xhtml"/>'
    '</manifest><spine><itemref idref="y"/><itemref idref="x"/></spine></package>'
)
FILES = {
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/one a.xhtml": "<html><body><p>The end.</p></body></html>",
    "two.xhtml": "<html><body><h1>First</h1><p>It began.</p></body></html>",
    "OPS/nav.xhtml": "<html><body>Contents</body></html>",
}
ENCRYPTION = '<encryption xmlns="urn:x"><d><CipherReference URI="{}"/></d></encryption>'


def test_chapters_come_in_the_order_of_the_spine(tmp_path):
    known = {"title": "The Boat", "author": "B. Ee"}
    assert list(read_epub(write_zip(tmp_path / "a.epub", FILES))) == [
        Page("First\n\nIt began.", "chapter=1", {**known, "chapter": 1}),
        Page("The end.", "chapter=2", {**known, "chapter": 2}),
    ]


def test_a_book_is_encrypted_where_its_chapters_are(tmp_path):
    listed = "META-INF/encryption.xml"
    fonts = write_zip(tmp_path / "a.epub", {**FILES, listed: ENCRYPTION.format("OPS/font.otf")})
    assert len(list(read_epub(fonts))) == 2
    with pytest.raises(PageError, match="encrypted EPUB"):
        list(read_epub(write_zip(tmp_path / "b.epub", {**FILES, listed: ENCRYPTION.format("OPS/one%20a.xhtml")})))
