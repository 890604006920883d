"""`langue data look`: a person, a script and a page are told the same of data, and a training goes by it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from labelled_rows import sentences, write_rows
from langue import cli
from langue.data.columns import spread
from langue.data.look import look_at
from langue.report.look import look_page


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": n, **row, "region": "nsew"[n % 4]} for n, row in enumerate(sentences(60))]
    rows[7]["text"] += " <b>caf\u00c3\u00a9</b>"
    rows[9]["label"] = None
    write_rows(tmp_path / "rows.jsonl", [*rows, rows[0]])
    return tmp_path


def test_one_of_a_kind_is_counted_in_the_singular(here: Path, capsys) -> None:
    write_rows(here / "same.jsonl", [{**row, "by": "Ann", "audio": "day.wav"} for row in sentences(20)])
    assert cli.run(["data", "look", "same.jsonl", "--task", "classify"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  by +1 value: Ann 100.0 %$", out, re.MULTILINE)
    assert re.search(r"^  audio +recordings, always the same$", out, re.MULTILINE)


def test_a_person_is_told_in_lines(here: Path, capsys) -> None:
    assert cli.run(["data", "look", "rows.jsonl"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("rows.jsonl: 61 rows; text from column text, label from column label; labels ")
    assert re.search(r"^  id +names or numbers of rows, 60 different ones$", out, re.MULTILINE)
    assert re.search(r"^  label +2 labels: .*; missing in 1 row$", out, re.MULTILINE)
    assert re.search(r"^  region +4 values: n 26.2 %, ", out, re.MULTILINE)
    assert "a training stops at it: 1 row, label is empty (the first: rows.jsonl, line 10)" in out
    assert "whose text came before" in out
    assert "odd: 1 row with HTML (the first: rows.jsonl, line 8)" in out
    assert out.count("\n    text ") == 3
    assert out.endswith("train on it: langue train rows.jsonl\n")


def test_a_script_is_told_the_same(here: Path, capsys) -> None:
    assert cli.run(["data", "look", "rows.jsonl", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["task"], facts["dropped"]) == (61, "classify", {"label is empty": 1})
    assert facts["read_as"] == {"text": "text", "label": "label"}
    by_name = {column["name"]: column for column in facts["columns"]}
    assert by_name["region"]["values"] == {"n": 16, "s": 15, "e": 15, "w": 15}
    texts = [json.loads(line)["text"] for line in (here / "rows.jsonl").read_text().splitlines()]
    assert by_name["text"]["characters"] == spread(len(text) for text in texts)
    assert facts["odd"]["HTML"] == {"rows": 1, "first": "rows.jsonl, line 8"}
    assert len(facts["examples"]) == 3


def test_columns_task_and_rows_can_be_named(here: Path, capsys) -> None:
    assert cli.run(["data", "look", "rows.jsonl", "--columns", "{label: region}", "--rows", "20", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["whole"], facts["read_as"]["label"]) == (20, False, "region")
    assert cli.run(["data", "look", "rows.jsonl", "--task", "generate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "generate"


def test_data_of_which_no_task_is_known_are_looked_at_all_the_same(tmp_path: Path, capsys) -> None:
    write_rows(tmp_path / "numbers.jsonl", [{"a": n, "b": n / 7} for n in range(30)])
    assert cli.run(["data", "look", str(tmp_path / "numbers.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "has no column of texts to learn from; it has a, b" in out
    assert "no task is known for such data" in out


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path, capsys) -> None:
    assert cli.run(["data", "look", str(tmp_path / "nothing.csv")]) == 2
    assert capsys.readouterr().err == f"langue: there is no file {tmp_path / 'nothing.csv'}\n"


def test_a_page_holds_what_it_shows_and_runs_nothing_that_data_say(here: Path, capsys) -> None:
    write_rows(
        here / "evil.jsonl", [{"text": f"<script>alert({n})</script> and a text", "label": "<i>"} for n in range(9)]
    )
    assert cli.run(["data", "look", "evil.jsonl", "--out", "pages/look.html"]) == 0
    page = (here / "pages" / "look.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(0)" in page
    assert not re.search(r"""(src|href)=["']|url\(|@import""", page)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_bars_of_a_page_are_the_lengths(here: Path) -> None:
    page = look_page(look_at(["rows.jsonl"]))
    heights = [float(height) for height in re.findall(r"<i style=\"height: ([\d.]+)%\">", page)]
    assert max(heights) == 100
    words = [len(json.loads(line)["text"].split()) for line in (here / "rows.jsonl").read_text().splitlines()]
    most = spread(words)["most"]
    counts = [words.count(length) for length in range(int(most) + 1)]
    counts.append(sum(length > most for length in words))
    assert heights == [round(100 * count / max(counts), 1) for count in counts]
