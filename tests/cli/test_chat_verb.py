"""`langue chat`: messages from the command line or a pipe, commands, forms, and tools that are called."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import langue
from langue.cli import run
from langue.cli.chat import Dialogue
from langue.experiment import train
from langue.tasks.recipes import read_recipe
from langue.text.chat import ChatTemplate

TEMPLATE = (
    "{% if tools %}<|start|>T<|end|>{% endif %}{% for m in messages %}<|start|>{{ m.role[0] }}"
    "{% if m.tool_calls is defined %}{% for call in m.tool_calls %}"
    "<tool_call>{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}</tool_call>"
    "{% endfor %}{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>a{% endif %}"
)
TOOL = "def add(x: int, y: int) -> int:\n    '''Adds.'''\n    return x + y\n"
CALL = [{"type": "function", "function": {"name": "add", "arguments": {"x": 1, "y": 2}}}]
PLAIN = [{"role": "user", "content": "up?"}, {"role": "assistant", "content": "down."}]
TOOLS = [
    {"role": "user", "content": "1+2?"},
    {"role": "assistant", "content": "", "tool_calls": CALL},
    {"role": "tool", "content": "3"},
    {"role": "assistant", "content": "It is 3."},
]
DESCRIBED = [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {}}}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder that has two conversations by heart."""
    folder = tmp_path_factory.mktemp("chat")
    rows = [{"messages": PLAIN, "tools": []}, {"messages": TOOLS, "tools": DESCRIBED}] * 8
    (folder / "talks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "talk.jinja").write_text(TEMPLATE, encoding="utf-8")
    recipe = {
        "task": "chat",
        "tokenizer": {"kind": "byte-bpe", "vocab_size": 320},
        "chat": {"template": str(folder / "talk.jinja")},
        "model": {"preset": "gpt-nano", "context": 96, "layers": 2, "width": 64, "heads": 4},
        "data": {"train": str(folder / "talks.jsonl"), "dev": None},
        "training": {"steps": 80, "batch_size": 8, "learning_rate": 0.01},
        "samples": {"max_tokens": 0},
    }
    train(read_recipe(recipe), folder / "run", report=False)
    return folder / "run"


def typed(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_messages_of_the_command_line_are_answered(model, capsys):
    assert run(["chat", str(model), "up?", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "down.\n"
    assert run(["chat", str(model), "up?", "--temperature", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == PLAIN[1]


def test_lines_of_a_pipe_are_messages_and_commands(model, capsys, monkeypatch, tmp_path):
    saved = tmp_path / "talks.jsonl"
    typed(monkeypatch, "up?", "", "/retry", "/show", "/undo", f"/save {saved}", "/reset", "/quit", "up?")
    assert run(["chat", str(model), "--temperature", "0", "--system", "s"]) == 0
    said = capsys.readouterr()
    assert said.out == "down.\ndown.\n"
    assert "system: s\nuser: up?\nassistant: down." in said.err
    assert json.loads(saved.read_text(encoding="utf-8")) == {"messages": [{"role": "system", "content": "s"}]}


def test_tools_are_called_and_their_results_read(model, capsys, tmp_path, monkeypatch):
    (tmp_path / "chat_tools.py").write_text(TOOL, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert run(["chat", str(model), "1+2?", "--tools", "chat_tools:add", "--temperature", "0"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == "It is 3."
    assert "[calls add(x=1, y=2)]" in said.err
    assert run(["chat", str(model), "1+2?", "--tools", "chat_tools:add", "--temperature", "0", "--json"]) == 0
    call, result, answer = map(json.loads, capsys.readouterr().out.splitlines())
    assert call["tool_calls"][0]["function"] == CALL[0]["function"]
    assert result == {"role": "tool", "name": "add", "content": "3"}
    assert answer["content"] == "It is 3."


def test_answers_have_the_form_that_is_asked_for(model, capsys, tmp_path):
    (tmp_path / "form.json").write_text('{"enum": [1, 2]}', encoding="utf-8")
    forms = [["--regex", "[0-9]{3}"], ["--choice", "yes", "--choice", "no"], ["--schema", str(tmp_path / "form.json")]]
    answers = []
    for form in forms:
        assert run(["chat", str(model), "up?", *form]) == 0
        answers.append(capsys.readouterr().out.strip())
    assert answers[0].isdigit()
    assert answers[1] in ("yes", "no")
    assert answers[2] in ("1", "2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up?", "--tools", "nowhere:add"], "cannot be used as a tool"),
        (["up?", "--tools", "json:dumps"], "the tool dumps"),
        (["up?", "--regex", "("], "the form of the output"),
        (["x" * 400], "leaves no room"),
        (["up?", "--beams", "2"], "--beams"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(model, arguments, words, capsys):
    assert run(["chat", str(model), *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_a_turn_is_read_behind_what_was_read_before(model):
    task = langue.load(model)
    dialogue = Dialogue(task, "", {}, {"temperature": 0.0}, as_json=False)
    dialogue.say("up?")
    prefixes = dialogue.options["engine"]._prefixes
    asked = ChatTemplate(task.tokenizer).prompt([*dialogue.messages, {"role": "user", "content": "up?"}])
    spoken = ChatTemplate(task.tokenizer).render(dialogue.messages).ids
    assert prefixes.known(asked) >= len(spoken) - 1  # the token that ended the turn was chosen and never read
    dialogue.say("up?")
    again = Dialogue(langue.load(model), "", {}, {"temperature": 0.0}, as_json=False)
    again.messages = dialogue.messages[:2]
    again.say("up?")
    assert again.messages == dialogue.messages


def test_an_unknown_command_names_the_nearest(model, capsys, monkeypatch):
    typed(monkeypatch, "/rset")
    assert run(["chat", str(model)]) == 2
    assert "did you mean /reset" in capsys.readouterr().err
