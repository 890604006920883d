"""The options of the verbs that write reach all of the search, and each does what Python's does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import langue
from langue.cli import run
from langue.cli.options import chosen
from langue.cli.searching import RewriteOptions
from langue.data import ReadSettings
from langue.engine import GenerationSettings, SamplingSettings
from langue.experiment import train
from langue.search import IndexSettings
from langue.search.mine import MineSettings
from langue.tasks.recipes import read_recipe
from langue.text import TokenizerSettings
from pair_rows import write_pairs

QUICK = {"data.test": "null", "training.steps": "4", "training.evaluate_every": "4", "model.layers": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator, and a decoder that writes."""
    folder = tmp_path_factory.mktemp("searching")
    path = write_pairs(folder)
    recurrent = {"model.mixer": "lstm", "model.position": "none", "model.cross": "bahdanau"}
    train(read_recipe(path, {**QUICK, **recurrent}), folder / "pairs", report=False)
    (folder / "train.en").rename(folder / "train.txt")
    writes = {"task": "generate", "model.form": "decoder", "data.train": "train.txt", "data.dev": "0.1"}
    writes |= {"training.batch_tokens": "null", "training.batch_size": "4"}
    train(read_recipe(path, {**QUICK, **writes}), folder / "writer", report=False)
    return folder


def told(arguments: list[str], capsys) -> list[dict]:
    capsys.readouterr()
    assert run(arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


SEARCH = ("top_k", "stopping", "length_penalty", "batch_rows", "no_repeat_ngram")
READING = ("max_line_bytes", "max_dropped")


@pytest.mark.parametrize(
    ("verb", "settings", "names"),
    [
        *((verb, GenerationSettings, SEARCH) for verb in ("generate", "translate", "summarize")),
        ("play", SamplingSettings, ("top_k", "min_p", "repetition_penalty")),
        ("tokenizer train", TokenizerSettings, [name for name in TokenizerSettings.model_fields if name != "path"]),
        *((verb, ReadSettings, ("text", *READING)) for verb in ("tokenizer train", "tokenizer report")),
        *((verb, ReadSettings, ("documents", "text", *READING)) for verb in ("data prepare", "evaluate")),
        *((verb, ReadSettings, READING) for verb in ("compare", "summarize")),
        ("index mine", ReadSettings, ("max_line_bytes",)),
        ("index mine", MineSettings, ("negatives", "margin")),
        ("index build", IndexSettings, ("size", "overlap", "documents")),
    ],
)
def test_options_are_settings_in_their_own_words(verb, settings, names, capsys):
    assert run([*verb.split(), "--help"]) == 0
    printed = "".join(letter for letter in capsys.readouterr().out if letter.isalnum())
    for name in names:
        assert "".join(letter for letter in name if letter.isalnum()) in printed
        description = settings.model_fields[name].description or ""
        assert "".join(letter for letter in description if letter.isalnum()) in printed


def test_only_what_the_command_line_sets_is_passed_on():
    assert chosen(RewriteOptions()) == {}
    # The usual number of beams of a task is another one, so the engine's own must be passed on as well.
    assert chosen(RewriteOptions(beams=1)) == {"beams": 1}


def test_a_setting_out_of_bounds_is_named_as_an_option(capsys):
    assert run(["translate", "nowhere", "--top-p", "2"]) == 2
    assert "--top-p: input should be less than or equal to 1, got 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        {"min_tokens": 9},
        {"max_tokens": 3},
        {"length_penalty": 2.0, "length_offset": 5.0, "stopping": "likely"},
        {"coverage_penalty": 3.0},
        {"groups": 2, "diversity": 2.0, "samples": 4},
        {"no_repeat_ngram": 1},
        {"repetition_penalty": 3.0},
        {"beams": 1, "temperature": 1.5, "top_k": 9, "top_p": 0.9, "min_p": 0.01, "seed": 5, "samples": 3},
        {"batch_rows": 1, "batch_tokens": 1},
        {"prefix": "da bo"},
        {"must": ["bo", "ko sa"]},
    ],
    ids=str,
)
def test_options_do_what_pythons_do(folder, capsys, options):
    given = []
    for name, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            given += ["--" + name.replace("_", "-"), str(each)]
    found = told(["translate", str(folder / "pairs"), "the old king", "a red boat", *given, "--json"], capsys)
    expected = langue.load(folder / "pairs").rewrite(["the old king", "a red boat"], **options)
    assert [row["target"] for row in found] == [each.text for each in expected]
    if options.get("samples", 1) > 1:
        assert [row["texts"] for row in found] == [each.texts for each in expected]
    for row, each in zip(found, expected, strict=True):
        assert row["score"] == pytest.approx(each.scores[0], abs=1e-4)
        assert sum(row["log_probabilities"]) == pytest.approx(row["score"], abs=1e-2)
        assert len(row["tokens"]) == len(row["log_probabilities"])


def test_texts_begin_and_hold_what_is_asked_of_them(folder, capsys):
    arguments = ["the old king", "a boat", "--prefix", "da bo", "--must", "ko sa", "--must", "un"]
    for row in told(["translate", str(folder / "pairs"), *arguments, "--json"], capsys):
        assert row["target"].startswith("da bo")
        assert "ko sa" in row["target"]
        assert "un" in row["target"]


def test_a_table_asks_for_each_row_by_itself(folder, tmp_path, capsys):
    rows = [
        {"source": "the old king", "must": ["bo", "ko"]},
        {"source": ""},
        {"source": "a boat", "must": "sa|ein", "prefix": "un "},
        {"source": "a boat", "must": None, "prefix": None},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["--prefix", "ein", "--json"]
    found = told(["translate", str(folder / "pairs"), "--file", str(tmp_path / "in.jsonl"), *options], capsys)
    assert [row["source"] for row in found] == [row["source"] for row in rows]
    first, empty, third, last = (row["target"] for row in found)
    assert "bo" in first
    assert "ko" in first
    assert first.startswith("ein")
    assert empty == ""
    assert "sa" in third
    assert "ein" in third
    assert third.startswith("un ")
    assert last.startswith("ein")


def test_a_bad_text_stops_no_others(folder, tmp_path, capsys):
    rows = [
        '{"source": "the king"}',
        '{"text": "a"}',
        "{broken",
        '{"source": "a", "must": [3]}',
        '{"source": "a boat"}',
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "out.txt").write_text("before")
    arguments = ["translate", str(folder / "pairs"), "--file", str(tmp_path / "in.jsonl")]
    capsys.readouterr()
    assert run([*arguments, "--out", str(tmp_path / "out.txt")]) == 1
    lines = (tmp_path / "out.txt").read_text().split("\n")
    assert [bool(line) for line in lines] == [True, False, False, False, True, False]
    told = capsys.readouterr().err
    for reason in ("line 2 has no column source", "line 3: invalid JSON", "line 4: must should be a list", "3 of 5"):
        assert reason in told
    assert run([*arguments, "--json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each.get("target") for each in found] == [lines[0], None, None, None, lines[4]]
    assert ["error" in each for each in found] == [False, True, True, True, False]
    (tmp_path / "in.jsonl").write_text("\n".join(rows[1:4]) + "\n")
    assert run([*arguments, "--out", str(tmp_path / "out.txt")]) == 2
    assert (tmp_path / "out.txt").read_text().split("\n") == lines


def test_a_bad_prompt_stops_no_others(folder, tmp_path, capsys):
    (tmp_path / "in.txt").write_bytes(b"the king\n\xff\nsea\n")
    capsys.readouterr()
    arguments = ["generate", str(folder / "writer"), "--file", str(tmp_path / "in.txt"), "--max-tokens", "3"]
    assert run([*arguments, "--json"]) == 1
    printed = capsys.readouterr()
    found = [json.loads(line) for line in printed.out.splitlines()]
    assert ["error" in each for each in found] == [False, True, False]
    assert "in.txt, line 2: invalid UTF-8" in printed.err


def test_alignments_are_told_in_tokens(folder, capsys):
    found = told(["translate", str(folder / "pairs"), "the king", "--alignments", "--json"], capsys)[0]
    assert found["source_tokens"] == [*"the king", "<|end|>"]
    assert len(found["alignment"]) == len(found["tokens"]) == len(found["log_probabilities"])
    assert all(0 <= place < len(found["source_tokens"]) for place in found["alignment"])


def test_only_line_feeds_end_lines(folder, tmp_path, capsys):
    (tmp_path / "in.txt").write_bytes("\ufeffthe\u2028king\r\n\r\na\x0bboat\x85\nsea".encode())
    out = tmp_path / "out.txt"
    assert run(["translate", str(folder / "pairs"), "--file", str(tmp_path / "in.txt"), "--out", str(out)]) == 0
    lines = out.read_text().split("\n")
    assert len(lines) == 5
    assert lines[1] == lines[4] == ""
    assert "unknown to the tokenizer" not in capsys.readouterr().err


def test_words_in_texts_that_are_split_are_given_up_and_that_is_said(folder, capsys):
    text = " ".join(["the old king saw a red boat."] * 6)
    assert run(["translate", str(folder / "pairs"), text, "--must", "bo"]) == 0
    assert "1 texts were split, and nothing was asked of their parts" in capsys.readouterr().err
    # The word has no room behind the prefix.
    assert run(["translate", str(folder / "pairs"), "a", "--prefix", "sa", "--must", "boko", "--max-tokens", "4"]) == 0
    assert "1 texts lack a word that must stand in them" in capsys.readouterr().err


def test_a_writers_texts_come_with_scores_and_hold_what_is_asked(folder, capsys):
    options = ["--max-tokens", "12", "--beams", "4", "--samples", "2", "--must", "boat", "--json"]
    found = told(["generate", str(folder / "writer"), "the king", "a", *options], capsys)
    assert [row["prompt"] for row in found] == ["the king", "a"]
    for row in found:
        assert len(row["texts"]) == len(row["scores"]) <= 2
        assert all("boat" in text for text in row["texts"])
        for score, logs, tokens in zip(row["scores"], row["log_probabilities"], row["tokens"], strict=True):
            assert sum(logs) == pytest.approx(score, abs=1e-2)
            assert len(tokens) == len(logs)
    summary = told(["summarize", str(folder / "writer"), "the old king saw", "--must", "boat", "--json"], capsys)[0]
    assert "boat" in summary["summary"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--must", "bo", "--beams", "1"], "need a beam search; set beams to 2 or more"),
        (["--must", "bo", "--groups", "2"], "do not go together with groups"),
        (["--must", " "], "a word that must stand in a text is empty"),
        (["--must", "böo"], "the model cannot write 'böo': its tokenizer does not know 'ö'"),
        (["--prefix", "Zug"], "the model cannot write 'Zug': its tokenizer does not know 'Z'"),
        (["--must", "boat boat", "--max-tokens", "3"], "do not fit into 3 new tokens; raise max_tokens"),
        (["--prefix", "da bo", "--max-tokens", "3"], "a prefix of 5 tokens has no room in 3 new ones"),
        (["--samples", "9"], "9 samples cannot come out of 4 beams"),
        (["--stopping", "late"], "stopping"),
    ],
)
def test_mistakes_are_said_and_leave_the_file_that_was_there(folder, tmp_path, monkeypatch, capsys, options, sentence):
    monkeypatch.chdir(tmp_path)
    Path("out.txt").write_text("kept")
    assert run(["translate", str(folder / "pairs"), "the king", "--out", "out.txt", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert Path("out.txt").read_text() == "kept"
