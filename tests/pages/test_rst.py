"""reStructuredText as docutils parses it, with the names that Sphinx adds."""

import pytest

from langue.pages.page import Page, PageError
from langue.pages.rst import read_rst


def text(path, markup: str) -> str:
    path.write_text(markup)
    (page,) = read_rst(path)
    return page.text


def test_markup_is_gone_and_text_is_there(tmp_path):
    path = tmp_path / "a.rst"
    path.write_text("Title\n=====\n\nSome *text*, ``code``\nand `a link <x>`_.\n\n* one\n* two\n\n::\n\n  x = 1\n")
    assert list(read_rst(path)) == [
        Page("Title\n\nSome text, code\nand a link.\n\none\n\ntwo\n\nx = 1", known={"title": "Title"})
    ]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (":ref:`a title <x>` and :py:func:`~os.path.join`", "a title and os.path.join"),
        (".. function:: open(file)\n   :noindex:\n\n   Opens a *file*.", "open(file)\n\nOpens a file."),
        (".. toctree::\n   :maxdepth: 2\n\n   intro", ""),
        (".. comment\n\nx", "x"),
        (".. include:: secret.txt\n\nx", "x"),
        (".. raw:: html\n   :file: secret.txt\n\nx", "x"),
        ("+---+---+\n| a | b |\n+---+---+", "a\n\nb"),
    ],
)
def test_other_peoples_directives_and_roles_keep_their_text(tmp_path, markup, expected):
    (tmp_path / "secret.txt").write_text("secret")
    assert text(tmp_path / "a.rst", markup) == expected


def test_what_is_no_utf8_is_refused(tmp_path):
    (tmp_path / "a.rst").write_bytes(b"caf\xe9")
    with pytest.raises(PageError, match="invalid UTF-8"):
        list(read_rst(tmp_path / "a.rst"))
