"""Markdown: what stands in a name is shown and nothing else, in headings, cells, spans and fences."""

import re

import pytest

from langue.report.markdown import block, code, plain

NASTY = [
    "<img src=x onerror=alert(1)>",
    "a|b",
    "`code`",
    "[x](javascript:alert(1))",
    "**bold**",
    "a\nb",
    "&lt;",
    "# no",
]


@pytest.mark.parametrize("text", NASTY)
def test_every_sign_of_markup_is_escaped(text):
    found = plain(text)
    assert not re.search(r"(?<!\\)[<>|`*_\[\]&#]", found)
    assert "\n" not in found
    assert re.sub(r"\\(.)", r"\1", found) == text.replace("\n", " ")


@pytest.mark.parametrize("text", [*NASTY, "``two`` and `", "`", ""])
def test_a_span_holds_its_text_whatever_backticks_it_has(text):
    found = code(text)
    fence = re.match(r"`+", found)[0]
    assert found.endswith(fence)
    inner = found[len(fence) : -len(fence)]
    assert fence not in re.findall(r"`+", inner)
    assert not re.search(r"(?<!\\)\|", found)
    assert inner.replace("\\|", "|").strip() == text.replace("\n", " ").strip()


def test_a_fence_cannot_be_closed_from_within():
    assert block("a\n````\nb", "text") == "`````text\na\n````\nb\n`````"
