"""The text of reStructuredText, by docutils, with Sphinx's directives and roles as far as they hold text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

from langue.pages.page import Page, PageError

_SETTINGS = {
    "report_level": 5,
    "halt_level": 6,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "syntax_highlight": "none",
}
_UNSEEN = (nodes.comment, nodes.system_message, nodes.substitution_definition, nodes.raw, nodes.problematic)
_LISTS_OF_NAMES = ("toctree", "index", "include", "literalinclude")
"""Directives that name files or words and hold no text."""

_known_directive, _known_role = directives.directive, roles.role


class _Unknown(Directive):
    """A directive that docutils does not know: its arguments, and what stands below it."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[Any] = defaultdict(lambda: directives.unchanged, {"class": directives.unchanged})

    def run(self) -> list[nodes.Node]:
        if self.name in _LISTS_OF_NAMES:
            return []
        container = nodes.container()
        container += [nodes.paragraph(text=argument) for argument in self.arguments]
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


def _directive(directive_name: str, language_module: Any, document: Any) -> Any:
    directive, messages = _known_directive(directive_name, language_module, document)
    return (directive, messages) if directive is not None else (_Unknown, [])


def _role(role_name: str, language_module: Any, lineno: int, reporter: Any) -> Any:
    role, messages = _known_role(role_name, language_module, lineno, reporter)
    return (role, messages) if role is not None else (_text_of_role, [])


def _text_of_role(
    name: str, raw: str, text: str, *others: Any, **options: Any
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The title of `title <target>`, or the target itself."""
    title, bracket, _ = text.partition("<")
    return [nodes.inline(raw, title.strip() if bracket and title.strip() else text.lstrip("!~"))], []


# As Sphinx does it (sphinx.util.docutils): docutils has no other place to say what becomes of unknown names.
directives.directive, roles.role = _directive, _role


def read_rst(path: Path) -> Iterator[Page]:
    """A document's blocks without their markup; nothing that it includes is read.

    Raises:
        PageError: it is no UTF-8.
    """
    try:
        markup = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PageError("invalid UTF-8") from None
    document = publish_doctree(markup, source_path=str(path), settings_overrides=_SETTINGS)
    title = " ".join(document.get("title", "").split())
    yield Page("\n\n".join(filter(None, map(str.strip, _blocks(document)))), known={"title": title} if title else {})


def _blocks(node: Any) -> Iterator[str]:
    """Paragraphs, headings, literal blocks and the like, in order."""
    for child in node.children:
        if isinstance(child, _UNSEEN):
            continue
        if isinstance(child, nodes.TextElement):
            yield child.astext()
        else:
            yield from _blocks(child)
