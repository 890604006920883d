"""Conversations: messages and tools in the one form that chat templates read."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from langue.errors import LangueError, hint, reason

Message = Mapping[str, Any]
"""A message as OpenAI and Transformers write it: `role`, `content`, and of tools `tool_calls` and `name`."""

Tool = Mapping[str, Any] | Callable[..., Any]
"""A function, or its description: {"type": "function", "function": {"name", "description", "parameters"}}."""

ROLES = ("system", "developer", "user", "assistant", "tool")


def conversation(messages: str | Sequence[Message]) -> list[dict[str, Any]]:
    """Messages with `role` and `content` as text, and the arguments of calls as objects.

    Args:
        messages: a text is one message of the user's.

    Raises:
        LangueError: one is no message; names its number.
    """
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if not isinstance(messages, Sequence) or not messages:
        raise LangueError("a conversation is a text, or a list of messages with role and content, at least one")
    return [_message(message, f"message {number}") for number, message in enumerate(messages, 1)]


def _message(message: Any, place: str) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise LangueError(f"{place} is {message!r:.60}, but a message is an object with role and content")
    role = message.get("role")
    if role not in ROLES:
        raise LangueError(f"{place} has the role {role!r:.60}; {hint(str(role), ROLES)}")
    calls = message.get("tool_calls")
    content = _content(message.get("content"), place, may_lack=bool(calls))
    rest = {name: value for name, value in message.items() if name not in ("role", "content", "tool_calls")}
    made = {"role": role, "content": content, **rest}
    return {**made, "tool_calls": [_call(call, place) for call in calls]} if calls else made


def _content(content: Any, place: str, *, may_lack: bool) -> str:
    """The text of a message, whose parts are put together."""
    if content is None and may_lack:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise LangueError(f"{place} has no content; it is a text, or a list of parts of type text")
    texts = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, Mapping) else part
            raise LangueError(f"{place} has a part of type {kind!r:.40}, but the model reads text alone")
        texts.append(part["text"])
    return "".join(texts)


def _call(call: Any, place: str) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise LangueError(f"{place} calls a tool without a name")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            raise LangueError(f"{place} calls {function['name']} with arguments that are no JSON") from None
    rest = {name: call[name] for name in ("id",) if name in call}
    return {**rest, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def described(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Descriptions of tools.

    Raises:
        LangueError: one has no description and is no function whose parameters have type hints.
    """
    return [describe(tool) if callable(tool) else _checked(tool) for tool in tools]


def describe(function: Callable[..., Any]) -> dict[str, Any]:
    """The description of a function by its name, docstring and type hints.

    Its parameters' own descriptions are those of the docstring's `Args:`.

    Raises:
        LangueError: a parameter has no type hint that JSON could be checked by.
    """
    from pydantic import Field, create_model

    name = getattr(function, "__name__", str(function))
    summary, descriptions = _docstring(inspect.getdoc(function) or "")
    fields: dict[str, Any] = {}
    try:
        hints = get_type_hints(function)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise LangueError(f"the tool {name} takes {parameter}, but a tool's parameters have names")
            default = ... if parameter.default is parameter.empty else parameter.default
            field = Field(default, description=descriptions.get(parameter.name))
            fields[parameter.name] = (hints[parameter.name], field)
        schema = create_model(name, **fields).model_json_schema()
    except KeyError as error:
        raise LangueError(f"the tool {name} has no type hint for {error}; a tool says what it takes by them") from None
    except (TypeError, ValueError, NameError) as error:
        raise LangueError(f"the tool {name} cannot be described: {reason(error)}") from error
    return {"type": "function", "function": {"name": name, "description": summary, "parameters": _untitled(schema)}}


def _checked(tool: Any) -> dict[str, Any]:
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise LangueError(f"a tool is a function or its description with a name, not {tool!r:.60}")
    return {"type": "function", "function": dict(function)}


def _untitled(schema: Any) -> Any:
    """A schema without the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {key: _untitled(part) for key, part in value.items()} if name == "properties" else _untitled(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first part of a docstring, and what its `Args:` say of each parameter."""
    summary, *sections = re.split(r"^(\w+):\s*$", text, flags=re.MULTILINE)
    descriptions: dict[str, str] = {}
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title in ("Args", "Arguments", "Parameters"):
            pieces = re.split(r"^ +(\w+)(?: \([^)]*\))?:\s", body, flags=re.MULTILINE)
            descriptions = dict(zip(pieces[1::2], (" ".join(words.split()) for words in pieces[2::2]), strict=True))
    return " ".join(summary.split()), descriptions
