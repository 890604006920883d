"""Texts in Markdown that stay what they are: nothing in a name becomes markup, a link, a cell or a tag.

CommonMark 0.31, sections 2.4 and 6.1, and the tables of GitHub Flavored Markdown, section 4.10.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#$!])")
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """A text without line ends and signs that nobody sees, each stretch of them one space."""
    return _UNSEEN.sub(" ", text).strip()


def plain(text: str) -> str:
    """A text in a heading, a sentence or a cell."""
    return _SPECIAL.sub(r"\\\1", one_line(text))


def code(text: str) -> str:
    """A text letter by letter, in a cell too."""
    text = one_line(text)
    fence = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def block(text: str, language: str) -> str:
    """A text of several lines letter by letter, between fences that it cannot close."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
