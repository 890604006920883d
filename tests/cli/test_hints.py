"""Hints: a command that one names can be pasted, and all that is missing is named at once."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

import langue
from langue import cli
from langue.cli.verbs import VERBS, Verb
from langue.data.labelled import missing_columns
from langue.errors import LangueError
from langue.experiment import RunFolder
from langue.models import ModelConfig, build, save_model
from langue.text import TokenizerSettings, train_tokenizer
from tiny import text, write_tiny

SOURCES = sorted(Path(langue.__file__).parent.rglob("*.py"))


def sentences() -> list[tuple[str, str]]:
    """All texts of the package that speak to a user, with what is filled in as ·, and where each stands."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in notes | inner:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "·" for part in node.values]
                found.append((f"{path.name}:{node.lineno}", "".join(map(str, parts))))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append((f"{path.name}:{node.lineno}", node.value))
    return found


def test_no_command_in_a_sentence_hides_a_part_of_itself():
    for place, sentence in sentences():
        for command in re.findall(rf"langue (?:{'|'.join(VERBS)})\b[^\n;,)]*", sentence):
            assert "…" not in command, (place, sentence)
        assert "say so again" not in sentence, place


def test_every_verb_in_a_sentence_is_one():
    for place, sentence in sentences():
        for verb, second in re.findall(r"(?:: |by |with |, then |^|\n  )langue ([a-z]+)\b(?: ([a-z]+)\b)?", sentence):
            assert verb in VERBS, (place, sentence)
            inner = VERBS[verb]
            assert isinstance(inner, Verb) or not second or second in inner, (place, sentence)


def test_names_that_the_documents_use_exist():
    root = Path(__file__).parents[2]
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for program in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for name in re.findall(r"(?<!from )\blangue\.(\w+)", program):
                assert hasattr(langue, name), (page, name)
    assert langue.LangueError is LangueError
    assert "LangueError" in dir(langue)


@pytest.mark.parametrize(
    ("needed", "values", "said"),
    [
        (("text",), {"body": 1, "label": 2}, "t has no column text; it has body, label; say which it is, as in"),
        (("text", "label"), {"label": 2}, "t has no column text; it has label"),
        (("source", "target"), {}, "t has no columns source and target"),
        (("a", "b", "c"), {"b": 1}, "t has no columns a and c; it has b"),
    ],
)
def test_all_missing_columns_are_named(needed, values, said):
    assert str(missing_columns("t", needed, values)).startswith(said)


def test_the_columns_that_may_be_meant_are_named_as_an_option():
    found = str(missing_columns("t", ("text", "label"), {"labels": 1, "review": 2, "id": 3}))
    assert "say which they are, as in --data.columns '{text: review, label: labels}' of langue train" in found
    renamed = str(missing_columns("t", {"text": "body"}, {"text": 1}))
    assert renamed == "t has no column body; it has text"


ROWS = {
    "classify": [{"x": "a"}, "no columns text and label"],
    "answer": [{"x": "a"}, "no columns question and context and answers"],
    "tag": [{"x": "a"}, "no columns tokens and tags"],
    "translate": [{"x": "a"}, "no columns source and target"],
    "transcribe": [{"x": "a"}, "no columns audio and text"],
    "embed": [{"anchor": "a"}, "no column positive"],
}


@pytest.mark.parametrize("task", ROWS)
def test_a_table_without_any_of_its_columns(task, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    row, said = ROWS[task]
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 5)
    forms = {"translate": "seq2seq", "generate": "decoder"}
    recipe = {"task": task, "data": {"train": "rows.jsonl", "dev": None}, "model": {"form": forms.get(task, "encoder")}}
    (tmp_path / "recipe.yaml").write_text(json.dumps({**recipe, "tokenizer": {"kind": "byte"}}))
    assert cli.run(["train", "recipe.yaml", "--out", "run"]) == 2
    assert said in capsys.readouterr().err


@pytest.fixture(scope="module")
def decoder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hints") / "a model"
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), [text()])
    tokenizer.save(folder)
    save_model(
        build(ModelConfig(vocab_size=tokenizer.vocab_size, layers=1, width=16, heads=2, context=16)), folder / "model"
    )
    return folder


def test_the_verb_that_fits_is_a_whole_command(decoder: Path, capsys):
    assert cli.run(["tag", str(decoder), "a"]) == 2
    hint = capsys.readouterr().err.strip().partition("use it by: ")[2]
    words = shlex.split(hint)
    assert words == ["langue", "generate", str(decoder)]
    assert cli.run([*words[1:], "--max-tokens", "2"]) == 0


def test_an_index_says_how_it_was_made(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("docs.txt").write_text("one two three\n")
    build_it = ["index", "build", "docs.txt", "--kind", "memory", "--out", "my index"]
    assert cli.run([*build_it, "--size", "400", "--metadata", "year"]) == 0
    assert cli.run(build_it) == 2
    options = capsys.readouterr().err.partition("was made with ")[2].partition("; ")[0]
    assert cli.run([*build_it, *shlex.split(options)]) == 0
    assert cli.run(["index", "search", "none here", "x"]) == 2
    words = shlex.split(capsys.readouterr().err.strip().partition("to make one: ")[2])
    assert words == ["langue", "index", "build", "DOCS", "--out", "none here"]


def test_all_files_that_a_run_lacks_are_named(tmp_path: Path):
    with pytest.raises(LangueError, match=r"recipe\.yaml and environment\.json are missing"):
        RunFolder(tmp_path).recipe()
    write_tiny(tmp_path)
    with pytest.raises(LangueError, match=r"folder: environment\.json is missing"):
        RunFolder(tmp_path).recipe()
