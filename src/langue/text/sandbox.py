"""A sandbox for the templates that come with models: Jinja's own, with bounds of steps, time and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import do_indent
from jinja2.sandbox import ImmutableSandboxedEnvironment

from langue.errors import LangueError, reason

MOST_STEPS = 1_000_000
"""Iterations of loops and calls of one rendering; a conversation of 1,000 turns takes some 10,000."""

MOST_SECONDS = 5.0
"""Seconds that one rendering may take."""

MOST_CHARACTERS = 16_000_000
"""Characters of a template's text, or of any string on the way to it."""

LONGEST_SOURCE = 1_000_000
"""Characters of a template."""

WIDENING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map", "translate"})
"""Methods of strings that make much of little, which no chat is written with."""


class RefusedByTemplate(Exception):
    """A conversation that a template itself refuses, with its own words."""


class _Budget:
    """Budget of one rendering."""

    def __init__(self) -> None:
        self.steps = 0
        self.until = time.monotonic() + MOST_SECONDS

    def step(self) -> None:
        """Count one iteration or call.

        Raises:
            SecurityError: there were too many, or they took too long.
        """
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise SecurityError(f"it takes more than {MOST_STEPS:,} steps")
        if self.steps % 256 == 0 and time.monotonic() > self.until:
            raise SecurityError(f"it takes more than {MOST_SECONDS:.0f} seconds")


_budget: ContextVar[_Budget] = ContextVar("_budget")


class _ChatEnvironment(ImmutableSandboxedEnvironment):
    """Environment whose loops, calls and strings are counted."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = _filtered(loop.iter, "counted")
        for child in list(tree.iter_child_nodes()):
            _bound_joins(child)
        return tree

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:  # pyrefly: ignore[bad-override]
        _budget.get().step()
        _check_growth(obj, args)
        return bounded(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _check_binop(operator, left, right)
        return bounded(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> None:
        """Nothing, so that `str.format` is refused as any other attribute is."""
        return

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not (isinstance(obj, str) and attr in WIDENING) and super().is_safe_attribute(obj, attr, value)


class _Generation(Extension):
    """Block `{% generation %}`, by which some templates mark what the assistant writes; its text stands as it is."""

    tags = {"generation"}  # noqa: RUF012 (Jinja's own attribute)

    def parse(self, parser: Any) -> Any:
        """The nodes of its body."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _bound_joins(node: Any) -> None:
    """Bound all that `~` joins below a node."""
    for field, value in node.iter_fields():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, nodes.Node):
                _bound_joins(part)
        if isinstance(value, nodes.Concat):
            setattr(node, field, _filtered(value, "bounded"))
        elif isinstance(value, list):
            wrapped = [_filtered(part, "bounded") if isinstance(part, nodes.Concat) else part for part in value]
            setattr(node, field, wrapped)


def counted(values: Iterable[Any]) -> Iterator[Any]:
    """Values of a loop, each of which is a step."""
    budget = _budget.get()
    for value in values:
        budget.step()
        yield value


def bounded(value: Any) -> Any:
    """A value that is not too long.

    Raises:
        SecurityError: it is.
    """
    if isinstance(value, str | list | tuple) and len(value) > MOST_CHARACTERS:
        raise SecurityError(f"it makes more than {MOST_CHARACTERS:,} characters")
    return value


def _check_growth(function: Any, args: tuple[Any, ...]) -> None:
    """Refuse a call of a string's method whose result would be too long to be made at all."""
    text = getattr(function, "__self__", None)
    if not isinstance(text, str):
        return
    name = getattr(function, "__name__", "")
    if name == "replace" and len(args) > 1:
        _check_replacement(text, str(args[0]), str(args[1]))
    elif name == "join" and args:
        _check_join(args[0], text)


def _check_replacement(text: str, old: str, new: str) -> None:
    _check_size(len(text) + max(0, len(new) - len(old)) * (text.count(old)))


def _check_join(values: Any, separator: str) -> None:
    if isinstance(values, list | tuple):
        _check_size(sum(len(value) for value in values if isinstance(value, str)) + len(separator) * len(values))


def _check_size(size: float) -> None:
    if size > MOST_CHARACTERS:
        raise SecurityError(f"it makes more than {MOST_CHARACTERS:,} characters")


def _check_binop(operator: str, left: Any, right: Any) -> None:
    """Refuse what makes much of little."""
    if operator == "%" and isinstance(left, str):
        raise SecurityError("it formats strings by %, which chat templates may not")
    if operator == "**" and not (abs(left) < 2**32 and abs(right) < 32):
        raise SecurityError("it raises a number to a large power")
    if operator == "*":
        for value, times in ((left, right), (right, left)):
            if isinstance(value, str | list | tuple) and isinstance(times, int):
                _check_size(len(value) * times)


def _replace(text: Any, old: str, new: str, count: int | None = None) -> str:
    """Jinja's filter `replace`, bounded."""
    _check_replacement(str(text), old, new)
    return str(text).replace(old, new, -1 if count is None else count)


def _join(values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    """Jinja's filter `join`, bounded."""
    items = [item if attribute is None else item[attribute] for item in values]
    texts = [str(item) for item in items]
    _check_join(texts, separator)
    return separator.join(texts)


def _indent(text: str, width: int = 4, first: bool = False, blank: bool = False) -> str:
    """Jinja's filter `indent`, bounded."""
    if not isinstance(width, int) or not 0 <= width <= 80:
        raise SecurityError("it indents by more than 80 characters")
    return do_indent(text, width, first, blank)


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """A value as JSON, as Transformers has it: without HTML's escapes."""
    indent = None if indent is None else min(indent, 8)
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> NoReturn:
    raise RefusedByTemplate(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


@lru_cache(maxsize=32)
def _compiled(source: str) -> Any:
    environment = _ChatEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_Generation, loopcontrols],
        optimized=False,  # which would work out constants before anything is counted
    )
    for name in (
        "batch",
        "center",
        "format",
        "pprint",
        "slice",
        "urlize",
        "wordwrap",
        "xmlattr",
    ):  # make much of little
        del environment.filters[name]
    environment.filters.update(
        counted=counted, bounded=bounded, replace=_replace, join=_join, indent=_indent, tojson=_to_json
    )
    names: dict[str, Any] = environment.globals
    names.update(raise_exception=_refuse, strftime_now=_now)
    del names["lipsum"]
    return environment.from_string(source)


def compiled(source: str) -> Callable[..., str]:
    """The function that renders a template with its variables.

    It stands in Jinja's immutable sandbox: it reaches no file, no module and no attribute with an underscore, changes
    nothing that it gets, and ends within `MOST_STEPS`, `MOST_SECONDS` and `MOST_CHARACTERS`.

    Args:
        source: Jinja.

    Raises:
        LangueError: it is no template; when rendering, that it fails, is stopped, or refuses the conversation.
    """
    if len(source) > LONGEST_SOURCE:
        raise LangueError(f"the chat template has {len(source):,} characters; {LONGEST_SOURCE:,} are allowed")
    try:
        template = _compiled(source)
    except (TemplateError, RecursionError) as error:
        raise LangueError(f"the chat template is damaged: {reason(error)}") from error

    def render(**variables: Any) -> str:
        token = _budget.set(_Budget())
        try:
            pieces: list[str] = []
            length = 0
            for piece in template.generate(**variables):
                pieces.append(piece)
                length += len(piece)
                _check_size(length)
            return "".join(pieces)
        except RefusedByTemplate as error:
            raise LangueError(f"the model's chat template refuses the conversation: {error}") from None
        except SecurityError as error:
            raise LangueError(f"the chat template was stopped: {reason(error)}") from None
        except Exception as error:  # whatever a template's expressions stumble over
            raise LangueError(f"the chat template fails on the conversation: {reason(error)}") from error
        finally:
            _budget.reset(token)

    return render
