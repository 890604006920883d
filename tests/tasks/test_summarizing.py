"""Summaries and their scores: from the command line, beside baselines, and one model against another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

import langue
from langue.cli import run as command
from langue.data import PairDataSettings
from langue.errors import LangueError
from langue.evaluation.pairs import read_pairs_of
from langue.experiment import train
from langue.tasks.recipes import read_recipe
from langue.tasks.summarize.baselines import baselines
from pair_rows import pairs, write_pairs
from tiny import write_tiny

ROWS = [
    {"text": f"{source}. It is a thing of value. {target}!", "summary": f"{target} {source.split()[0]}"}
    for source, target in pairs(30)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two translators of one tokenizer, and a summariser."""
    folder = tmp_path_factory.mktemp("runs")
    path = write_pairs(folder)
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    common = {"data.test": "null", "training.steps": "3"}
    train(read_recipe(path, common), folder / "one", report=False)
    longer = {
        **common,
        "training.steps": "60",
        "training.learning_rate": "0.02",
        "model.dropout": "0",
        "model.width": "32",
        "tokenizer.path": str(folder / "one"),
    }
    train(read_recipe(path, longer), folder / "two", report=False)
    summaries = {**common, "task": "summarize", "data.train": str(folder / "sums.jsonl")}
    train(read_recipe(path, summaries), folder / "sum", report=False)
    return folder


def told(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_an_evaluation_tells_scores_intervals_and_signatures(folder: Path, capsys) -> None:
    table = str(folder / "train.tsv")
    assert command(["evaluate", str(folder / "two"), "--data", table, "--json"]) == 0
    found = told(capsys)
    rows = pairs()
    answers = langue.load(folder / "two").translate([source for source, _ in rows])
    assert found["metrics"]["bleu"] == pytest.approx(BLEU().corpus_score(answers, [[t for _, t in rows]]).score)
    assert found["examples"] == len(rows)
    for name in ("bleu", "chrf", "ter"):
        low, high = found["intervals"][name]
        assert low <= found["metrics"][name] <= high
        assert low < high
        assert "version:" in found["signatures"][name]
    assert command(["evaluate", str(folder / "two"), "--data", table]) == 0
    assert "95 % within" in capsys.readouterr().out


def test_a_better_model_is_told_from_a_worse_one(folder: Path, capsys) -> None:
    table = str(folder / "train.tsv")
    runs = [str(folder / "one"), str(folder / "two")]
    assert command(["compare", *runs, "--data", table, "--beams", "1", "--samples", "200", "--json"]) == 0
    chrf = told(capsys)["metrics"]["chrf"]
    assert chrf["second"] - chrf["first"] == pytest.approx(chrf["difference"])
    assert chrf["difference"] > 5
    assert chrf["p"] < 0.02
    assert command(["compare", runs[0], runs[0], "--data", table, "--beams", "1", "--samples", "50", "--json"]) == 0
    assert told(capsys)["metrics"]["chrf"]["p"] == 1
    assert command(["compare", runs[0], str(folder / "sum"), "--data", table]) == 2
    assert "the one model was trained to translate, the other to summarize" in capsys.readouterr().err


def test_two_models_write_together(folder: Path, capsys) -> None:
    one, two = langue.load(folder / "one"), langue.load(folder / "two")
    alone = two.rewrite(["the king"])[0]
    two.join([langue.load(folder / "two")])
    assert two.rewrite(["the king"])[0].text == alone.text
    assert two.rewrite(["the king"])[0].scores == pytest.approx(alone.scores, abs=1e-4)
    one.join([langue.load(folder / "two")])
    mixed = one.rewrite(["the king"])[0]
    assert command(["translate", str(folder / "one"), "the king", "--ensemble", str(folder / "two"), "--json"]) == 0
    assert told(capsys)["target"] == mixed.text
    with pytest.raises(LangueError, match="must share their tokenizers"):
        one.join([langue.load(folder / "sum")])


def test_alignments_are_told_token_by_token(folder: Path, capsys) -> None:
    assert command(["translate", str(folder / "two"), "the king", "--alignments", "--json"]) == 0
    found = told(capsys)
    assert "".join(found["tokens"]).removesuffix("<|end|>").strip() == found["target"]
    # The ending token as well, where the room did not end first.
    assert len(found["alignment"]) == len(found["log_probabilities"]) == len(found["tokens"])
    assert all(0 <= place <= len("the king") for place in found["alignment"])
    assert sum(found["log_probabilities"]) == pytest.approx(found["score"], abs=0.01)


def test_a_translator_shows_where_it_looks(folder: Path, tmp_path: Path, capsys) -> None:
    out, run = tmp_path / "a.html", str(folder / "two")
    assert command(["inspect", "attention", run, "the king", "--out", str(out)]) == 0
    written = langue.load(folder / "two").rewrite(["the king"])[0].best
    assert f"1 layers of 2 heads, {len(written.tokens) + 1} tokens" in capsys.readouterr().out
    assert "alignment, the mean of all heads" in out.read_text()
    assert command(["inspect", "attention", run, "the king", "da ol", "--out", str(tmp_path / "a.svg")]) == 0
    assert "1 layers of 2 heads, 6 tokens" in capsys.readouterr().out
    assert all(name in (tmp_path / "a.svg").read_text() for name in ("alignment: mean of all", "layer 1, head 2"))
    tokens, read, looks = langue.load(folder / "two").attention("the king", "da ol")
    assert tokens == [*"da ol", "<|end|>"]
    assert read == [*"the king", "<|end|>"]
    assert looks[0].shape == (2, 6, 9)


def test_what_cannot_be_looked_at_is_said(folder: Path, tmp_path: Path, capsys) -> None:
    run = ["inspect", "attention", str(folder / "two")]
    assert command([*run, " ", "--out", str(tmp_path / "a.svg")]) == 2
    assert "there is nothing to look at" in capsys.readouterr().err
    assert command([*run, "the king", "da " * 30, "--out", str(tmp_path / "a.svg")]) == 2
    assert "tokens, but the model writes 47 at most; shorten it" in capsys.readouterr().err
    assert command([*run, "the king " * 30, "da", "--out", str(tmp_path / "a.svg")]) == 0
    assert "1 of 1 texts were longer than the context of 48 tokens and were cut" in capsys.readouterr().err


def test_summaries_are_scored_beside_baselines(folder: Path, capsys) -> None:
    table = folder / "sums.jsonl"
    assert command(["summarize", str(folder / "sum"), "--file", str(table), "--scores"]) == 0
    shown = capsys.readouterr().out
    assert "lead" in shown
    assert "oracle" in shown
    assert command(["evaluate", str(folder / "sum"), "--data", str(table), "--json"]) == 0
    found = told(capsys)
    assert {"rouge_1", "rouge_2", "rouge_l", "loss"} <= found["metrics"].keys()
    assert found["baselines"]["oracle"]["rouge_l"] >= found["baselines"]["lead"]["rouge_l"]
    assert command(["summarize", str(folder / "sum"), "the king", "", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == {"text": "", "summary": ""}
    assert command(["summarize", str(folder / "sum"), "the king", "--prompt", "In short:"]) == 2
    assert "--prompt is for decoders" in capsys.readouterr().err


def test_baselines_are_the_first_and_the_best_sentence() -> None:
    text = "A dog barks loudly today. The old king saw a boat. Nothing else."
    found = baselines([text], ["the king saw a boat"])
    scorer = RougeScorer(["rougeL"])
    for name, sentence in (("lead", "A dog barks loudly today."), ("oracle", "The old king saw a boat.")):
        expected = scorer.score("the king saw a boat", sentence)["rougeL"].fmeasure
        assert found[name]["rouge_l"] == pytest.approx(expected)


def test_a_writer_summarises_when_it_is_asked(tmp_path: Path, capsys) -> None:
    run = train(read_recipe(write_tiny(tmp_path)), tmp_path / "run", report=False).folder.path
    asked = [str(run), "the old king saw a red boat", "", "--prompt", " the ", "--max-tokens", "6", "--json"]
    assert command(["summarize", *asked]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert 0 <= len(lines[0]["summary"]) <= 6
    assert lines[1]["summary"] == ""


def test_the_pairs_of_any_rows_are_read() -> None:
    class Task:
        columns = ("text", "summary")

    found = read_pairs_of(Task, iter(ROWS), PairDataSettings(train=""))
    assert [(pair.source, pair.target) for pair in found] == [(row["text"], row["summary"]) for row in ROWS]
