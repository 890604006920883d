"""Text from pages: HTML by the standard library's parser, PDF by pypdf."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from langue.extra import need

PAGES = (".html", ".htm", ".pdf")

# Elements within a line; all others stand apart from what is around them.
_INLINE = frozenset(
    [
        *("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "del", "em", "font", "i", "img", "ins"),
        *("kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt"),
        *("u", "var", "wbr"),
    ]
)
_UNSEEN = frozenset(("script", "style", "template", "noscript", "svg", "iframe", "object"))
_ENCODING = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


class PageError(Exception):
    """A page that cannot be read; the message says why in a few words."""


def read_html(path: Path) -> tuple[str, str]:
    """The title and the visible text of a page, with a blank line between blocks.

    Raises:
        PageError: it cannot be read, or its bytes are no text of the encoding that it names, UTF-8 if it names none.
    """
    try:
        raw = path.read_bytes()
    except OSError:
        raise PageError("unreadable file") from None
    named = _ENCODING.search(raw[:4096])
    try:
        markup = raw.decode(named[1].decode() if named else "utf-8-sig")
    except LookupError:
        assert named is not None
        raise PageError(f"unknown encoding {named[1].decode()}") from None
    except UnicodeDecodeError:
        raise PageError("invalid UTF-8") from None
    parser = _Text()
    parser.feed(markup)
    parser.close()
    text = re.sub(r"[^\S\n]+", " ", "".join(parser.parts))
    return " ".join("".join(parser.title).split()), re.sub(r"\s*\n\s*", "\n\n", text).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self._unseen = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title"
        self._unseen += tag in _UNSEEN
        if tag not in _INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if tag not in _INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._unseen:
            # A line of the markup's source means no more than a space.
            self.parts.append(data.replace("\n", " "))


def read_pdf(path: Path) -> Iterator[tuple[int, str]]:
    """The pages that hold text, with their numbers from 1.

    Raises:
        PageError: the file is damaged, is no PDF, or wants a password.
        LangueError: pypdf is not installed.
    """
    pypdf = need("pypdf", "search", f"reading {path}")
    # What it says about odd files is nothing a user could act on; what cannot be read is named below.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(path, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise PageError("encrypted PDF")
        for number, page in enumerate(reader.pages, 1):
            text = clean(page.extract_text())
            if text.strip():
                yield number, text
    except PageError:
        raise
    except Exception:  # a broken file makes pypdf raise whatever its parser stumbles over
        raise PageError("unreadable PDF") from None


def clean(text: str) -> str:
    """Without NUL and halves of surrogate pairs, which a broken font's table leaves and nobody can store."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
