"""The title and the visible text of a web page, parsed as browsers do (Lexbor, by selectolax)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from langue.pages.encoding import decode
from langue.pages.page import Page, PageError

# Elements within a line; all others stand apart from what is around them.
_INLINE = frozenset(
    [
        *("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "del", "em", "font", "i", "img", "ins"),
        *("kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt"),
        *("u", "var", "wbr"),
    ]
)
_UNSEEN = frozenset(("script", "style", "template", "noscript", "svg", "iframe", "object"))
_AS_IT_IS = frozenset(("pre", "listing", "plaintext", "textarea", "xmp"))
"""Elements whose lines end where the markup's do."""

DEEPEST = 10_000
"""Elements within each other. Browsers stop at 512; the parser's time grows with their square."""

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_LEFT_OPEN = frozenset(
    [
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"),
        *("p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"),
        *("rb", "rt", "rtc", "rp"),
    ]
)
"""Elements that need no end: they hold nothing, or the next of their kind ends them."""


class TooDeepError(PageError):
    """A page whose elements are nested deeper than any that was written to be read."""


def read_page(path: Path) -> Iterator[Page]:
    """A web page with its title.

    Raises:
        PageError: it cannot be read; see `read_html`.
    """
    title, text = read_html(path.read_bytes())
    yield Page(text, known={"title": title} if title else {})


def read_html(raw: bytes) -> tuple[str, str]:
    """The title and the visible text of a page, with a blank line between blocks.

    Raises:
        UnknownText: its bytes are no text of the encoding that it names, UTF-8 if it names none.
        TooDeepError: more than `DEEPEST` of its elements are never ended.
    """
    # A line ends one way for parsers (HTML, § 13.2.3.5).
    markup = decode(raw).replace("\r\n", "\n").replace("\r", "\n")
    if markup.count("<") > DEEPEST and _unended(markup) > DEEPEST:
        raise TooDeepError("nested too deeply")
    root = LexborHTMLParser(markup).root
    return _visible(root) if root is not None else ("", "")


def _unended(markup: str) -> int:
    """The most elements that lie within each other by their tags alone."""
    open_of: Counter[str] = Counter()
    depth = deepest = 0
    for end, name in _TAG.findall(markup):
        name = name.lower()
        if name in _LEFT_OPEN:
            continue
        if not end:
            open_of[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif open_of[name]:
            open_of[name] -= 1
            depth -= 1
    return deepest


def _visible(root: LexborNode) -> tuple[str, str]:
    title: str | None = None
    blocks: list[str] = []
    line: list[str] = []
    as_it_is = 0

    def end() -> None:
        text = "".join(line)
        line.clear()
        text = _lines(text) if as_it_is else " ".join(text.split())
        if text:
            blocks.append(text)

    for node, entered in _walk(root):
        tag = node.tag or ""
        if node.is_text_node:
            line.append((node.text_content or "") if entered else "")
        elif tag == "title":
            title = node.text() if title is None and entered else title
        elif tag == "br" and as_it_is:
            line.append("\n" if entered else "")
        elif node.is_element_node and tag not in _INLINE:
            end()
            as_it_is += (tag in _AS_IT_IS) * (1 if entered else -1)
    end()
    return " ".join((title or "").split()), "\n\n".join(blocks)


def _lines(text: str) -> str:
    """Lines as they are, without white space at their ends and without blank ones before and after."""
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def _walk(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """All nodes that may be seen, on the way in and on the way out; without recursion, as trees may be deep."""
    node, path = root, []
    while True:
        yield node, True
        child = None if node.tag in _UNSEEN or node.tag == "title" else node.first_child
        if child is not None:
            path.append(node)
            node = child
            continue
        yield node, False
        while (after := node.next if path else None) is None:
            if not path:
                return
            node = path.pop()
            yield node, False
        node = after
