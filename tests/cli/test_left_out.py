"""What was left out stands in every answer in JSON that is about data, by reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import langue
from cli.conftest import TOO_LONG
from labelled_rows import learn, sentences
from langue import cli
from langue.models import ModelConfig, build, save_model
from langue.text import Tokenizer

TEXT = {"invalid UTF-8": 30, "line too long": 1}
PAIRS = {"line too long": 1, "one side empty": 9}
VERBS = {
    "evaluate writer --data bad.txt --documents line": TEXT,
    "evaluate writer --data bad.jsonl": {"not text": 9},
    "evaluate writer --data good.jsonl": {},
    "evaluate rewriter --data pairs.jsonl": PAIRS,
    "evaluate rewriter --data good.jsonl": {},
    "summarize rewriter --file pairs.jsonl --scores": PAIRS,
    "compare rewriter rewriter --data pairs.jsonl --samples 9": PAIRS,
    "tokenizer report writer bad.txt": TEXT,
}


@pytest.mark.parametrize("line", VERBS)
def test_what_was_left_out_is_counted(line: str, losing: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(losing)
    assert cli.run([*line.split(), "--max-dropped", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["dropped"] == VERBS[line]
    assert told.get("examples", 1) >= 1


@pytest.mark.parametrize(("recipe", "counts"), [("write.yaml", TEXT), ("pairs.yaml", PAIRS)])
def test_a_plan_and_a_training_count_alike(recipe, counts, losing: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(losing)
    options = ["--data.max_dropped", "1", "--training.steps", "1", "--json"]
    for command in (["plan", recipe], ["train", recipe, "--out", str(tmp_path / "run"), "--no-report"]):
        assert cli.run([*command, *options, *(["--data.dev", "null"] if recipe == "write.yaml" else [])]) == 0
        assert json.loads(capsys.readouterr().out)["dropped"] == counts


def test_what_may_be_longer_is_read(losing: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(losing)
    for line in ("evaluate rewriter --data", "compare rewriter rewriter --samples 9 --data"):
        options = ["pairs.jsonl", "--max-dropped", "1", "--max-line-bytes", str(2 * len(TOO_LONG)), "--json"]
        assert cli.run([*line.split(), *options]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["dropped"], told["examples"]) == ({"one side empty": 9}, 10)


def test_a_store_knows_what_its_making_left_out(losing: Path, tmp_path: Path, capsys) -> None:
    options = ["--tokenizer", str(losing / "writer"), "--documents", "line", "--max-dropped", "1"]
    assert cli.run(["data", "prepare", str(losing / "bad.txt"), "--out", str(tmp_path / "store"), *options]) == 0
    capsys.readouterr()
    assert cli.run(["evaluate", str(losing / "writer"), "--data", str(tmp_path / "store"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == TEXT


def test_blank_lines_of_labelled_tables_are_counted(tmp_path: Path) -> None:
    run = learn(tmp_path, sentences(30), training__steps=1)
    lines = [json.dumps(row) for row in sentences(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join([lines[0], "", lines[1], " ", *lines[2:]]) + "\n")
    found = langue.evaluate(run.folder.path, str(tmp_path / "rows.jsonl"))
    assert (found["rows"], found["dropped"]) == (4, {"empty": 2})
    assert langue.evaluate(run.folder.path, str(tmp_path / "train.jsonl"))["dropped"] == {}


@pytest.fixture
def embedder(losing: Path, tmp_path: Path) -> Path:
    tokenizer = Tokenizer.load(losing / "writer")
    tokenizer.save(tmp_path / "embedder")
    config = ModelConfig(form="encoder", vocab_size=tokenizer.vocab_size, layers=1, width=16, heads=2, context=16)
    save_model(build(config), tmp_path / "embedder" / "model")
    return tmp_path / "embedder"


def test_tables_and_search_sets_of_vectors(embedder: Path, tmp_path: Path) -> None:
    rows = [json.dumps({"anchor": word, "positive": word.upper()}) for word in ("a", "b", "c")]
    (tmp_path / "rows.jsonl").write_text("\n\n".join(rows) + "\n")
    task = langue.load(embedder, task="embed")
    assert langue.evaluate(task, str(tmp_path / "rows.jsonl"))["dropped"] == {"empty": 2}
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    for name in ("corpus", "queries"):
        texts = [{"_id": f"{name[0]}{number}", "text": f"text {number}"} for number in range(3)]
        (beir / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\tc0\t1\nq0\tc9\t1\n")
    found = langue.evaluate(task, str(beir))
    assert found["dropped"] == {"query without judgements": 2, "judged document that is missing": 1}
    assert np.isfinite(list(found["metrics"].values())).all()


def test_mined_pairs(embedder: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.rmtree("index", ignore_errors=True)
    Path("docs.txt").write_text("one two\n\nthree four\n")
    assert cli.run(["index", "build", "docs.txt", "--out", "index", "--kind", "memory"]) == 0
    Path("rows.jsonl").write_text('{"anchor": "one", "positive": "two"}\n\n')
    capsys.readouterr()
    options = ["--data", "rows.jsonl", "--out", "mined.jsonl", "--mode", "text", "--json"]
    assert cli.run(["index", "mine", "index", *options]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == {"empty": 1}
