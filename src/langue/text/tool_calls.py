"""Calls of tools in what an assistant writes, in the forms of the families that are read."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
"""Hermes, Qwen, SmolLM3 and others: `<tool_call>{"name": …, "arguments": …}</tool_call>`, one or several."""

LISTED = re.compile(r"\A\s*\[TOOL_CALLS\]\s*(\[.*\])\s*\Z", re.DOTALL)
"""Mistral: a list of such objects."""

PYTHON_TAG = "<|python_tag|>"
"""Llama 3.1 and later: this, or nothing, before one object, whose arguments are called `parameters`."""


class AssistantTurn(NamedTuple):
    """An assistant's answer.

    Attributes:
        content: what it says.
        calls: the tools that it calls, each {"name": …, "arguments": {…}}.
    """

    content: str
    calls: list[dict[str, Any]]


def read_calls(text: str) -> AssistantTurn:
    """Words of an assistant and the tools that it calls; what is no sound call is text."""
    for pattern in (TAGGED, LISTED):
        calls = [call for match in pattern.finditer(text) for call in _calls(match[1])]
        if calls:
            return AssistantTurn(pattern.sub("", text).strip(), calls)
    calls = _calls(text.strip().removeprefix(PYTHON_TAG))
    return AssistantTurn("", calls) if calls else AssistantTurn(text, [])


def _calls(text: str) -> list[dict[str, Any]]:
    """The calls that a text of JSON is; none where it is none, or anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    calls = [_call(part) for part in (value if isinstance(value, list) else [value])]
    return [call for call in calls if call is not None] if all(calls) else []


def _call(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    arguments = value.get("arguments", value.get("parameters"))
    if not isinstance(value.get("name"), str) or not isinstance(arguments, dict):
        return None
    return {"name": value["name"], "arguments": arguments}


def message_of(answer: AssistantTurn) -> dict[str, Any]:
    """The message of an answer, as OpenAI writes it and templates read it, to be put behind a conversation."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.content}
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for number, call in enumerate(answer.calls)
        ]
    return message
