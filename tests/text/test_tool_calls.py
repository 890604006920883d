"""Calls of tools are read in the forms of several families, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from langue.text.tool_calls import message_of, read_calls

CALL = '{"name": "f", "arguments": {"x": 1}}'


@pytest.mark.parametrize(
    ("text", "content", "count"),
    [
        (f"<tool_call>\n{CALL}\n</tool_call>", "", 1),
        (f"I look it up.\n<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>", "I look it up.", 2),
        (f"<tool_call>{CALL}", "", 1),
        (f" [TOOL_CALLS] [{CALL}, {CALL}]", "", 2),
        ('{"name": "f", "parameters": {"x": 1}}', "", 1),
        (f"<|python_tag|>{CALL}", "", 1),
        ("It is 3.", "It is 3.", 0),
        ('{"x": 1}', '{"x": 1}', 0),
        ('{"name": "f", "arguments": "x"}', '{"name": "f", "arguments": "x"}', 0),
        ("<tool_call>{broken</tool_call>", "<tool_call>{broken</tool_call>", 0),
        ("[1, 2]", "[1, 2]", 0),
        ("", "", 0),
    ],
)
def test_calls_are_read(text, content, count):
    turn = read_calls(text)
    assert turn.content == content
    assert turn.calls == [{"name": "f", "arguments": {"x": 1}}] * count
    message = message_of(turn)
    assert message["role"] == "assistant"
    assert len(message.get("tool_calls", [])) == count
    assert len({call["id"] for call in message.get("tool_calls", [])}) == count
