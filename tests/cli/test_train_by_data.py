"""Training by data alone: what is chosen is said, written down, and can be gone on from."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from pathlib import Path

import pytest

import langue
from labelled_rows import sentences
from langue import cli
from langue.cli.sources import name_of
from langue.errors import LangueError
from langue.experiment.training import set_up
from langue.recipes import is_recipe
from langue.tasks.recipes import read_recipe
from tiny import text

SHORT = ["--training.steps", "2", "--training.device", "cpu"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text(text(1600), encoding="utf-8")
    write_claims(tmp_path / "claims.csv")
    return tmp_path


def write_claims(path: Path, seed: int = 0) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["claim_id", "statement", "region", "outcome_of_it"])
        writer.writerows([n, row["text"], "nsew"[n % 4], row["label"]] for n, row in enumerate(sentences(80, seed)))


def test_a_text_becomes_a_run_that_writes(here: Path, capsys) -> None:
    assert cli.run(["train", "mine.txt", *SHORT, "--samples.max_tokens", "5"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("mine.txt: 6.93k characters of text, 20 different ones; task generate")
    assert "recipe: runs/mine.yaml" in err
    assert "it wrote (step 2):" in out
    assert 'try: langue generate runs/mine "' in out
    assert langue.load("runs/mine").generate("the", max_tokens=3)
    assert cli.run(["train", "runs/mine.yaml", "--out", "again"]) == 0
    ran, again = read_recipe("runs/mine/recipe.yaml"), read_recipe("again/recipe.yaml")
    assert ran == again


def test_a_table_is_trained_by_the_columns_that_are_chosen(here: Path, capsys) -> None:
    assert cli.run(["train", "claims.csv", *SHORT]) == 0
    assert "text from column statement, label from column outcome_of_it" in capsys.readouterr().err
    assert read_recipe("runs/claims/recipe.yaml").classify.labels == ("bad", "good")
    fields = ["--data.columns", "{label: region}", "--out", "runs/regions"]
    assert cli.run(["train", "claims.csv", *SHORT, *fields]) == 0
    recipe = read_recipe("runs/regions/recipe.yaml")
    assert recipe.classify.labels == ("e", "n", "s", "w")
    assert recipe.data.columns == {"text": "statement", "label": "region"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_column_that_is_not_sure_is_asked_for(here: Path, monkeypatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal("5\n2\n"))
    monkeypatch.setattr(sys, "stderr", shown)
    assert cli.run(["train", "claims.csv", *SHORT]) == 0
    assert "the column of the label may be\n  1  outcome_of_it: " in shown.getvalue()
    assert read_recipe("runs/claims/recipe.yaml").data.columns["label"] == "region"


def test_a_run_that_is_there_is_gone_on_with_by_its_own_recipe(here: Path, capsys) -> None:
    assert cli.run(["train", "mine.txt", *SHORT, "--resume", "auto", "--training.schedule", "constant"]) == 0
    (here / "mine.txt").touch()
    assert cli.run(["train", "mine.txt"]) == 2
    assert "runs/mine holds a run" in capsys.readouterr().err
    assert cli.run(["train", "mine.txt", "--resume", "auto", "--training.steps", "3"]) == 0
    assert "runs/mine: 3 steps" in capsys.readouterr().out
    assert cli.run(["train", "mine.txt", "--resume", "--out", "nothing"]) == 2
    assert not (here / "nothing.yaml").exists()


def test_a_recipe_that_somebody_may_have_changed_is_not_written_over(here: Path) -> None:
    (here / "runs").mkdir()
    (here / "runs" / "mine.yaml").write_text("mine\n")
    assert cli.run(["train", "mine.txt", *SHORT, "--samples.max_tokens", "0"]) == 0
    assert (here / "runs" / "mine.yaml").read_text() == "mine\n"
    assert read_recipe("runs/mine-2.yaml").task == "generate"
    shutil.rmtree(here / "runs" / "mine")
    assert cli.run(["train", "mine.txt", *SHORT, "--samples.max_tokens", "0"]) == 0
    assert sorted(path.name for path in (here / "runs").glob("*.yaml")) == ["mine-2.yaml", "mine.yaml"]


def test_data_are_enough_for_python_and_for_a_plan(here: Path, capsys) -> None:
    assert cli.run(["plan", "claims.csv", "--training.steps", "2"]) == 0
    out, err = capsys.readouterr()
    assert "text from column statement, label from column outcome_of_it" in err
    assert "encoder-nano" in out.splitlines()[0]
    assert "2 steps" in out
    assert not (here / "runs").exists()
    assert cli.run(["recipe", "new", "claims.csv", "--out", "chosen.yaml", *SHORT]) == 0
    made = read_recipe("chosen.yaml")
    write_claims(here / "more.csv", seed=1)
    for sources in ("claims.csv", Path("claims.csv"), ["claims.csv", Path("more.csv")]):
        with set_up(sources, here / "runs" / "mine") as session:
            assert session.trainer.config.seconds == made.training.seconds
        written = read_recipe(sorted((here / "runs").glob("mine*.yaml"))[-1])
        assert (written.task, written.data.columns, written.model) == (made.task, made.data.columns, made.model)
        shutil.rmtree(here / "runs" / "mine")
    for rows in ([{"text": "a", "label": "b"}], iter(["a text"]), []):
        with pytest.raises(LangueError, match="rows are handed over as data"):
            langue.train(rows, "out")
    with pytest.raises(LangueError, match=r"there is no file claim\.csv"):
        langue.train("claim.csv", "out")
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["min.txt"], "there is no file min.txt"),
        (["shakespear"], "did you mean shakespeare?"),
        (["mine.txt", "shakespeare.txt"], "there is no file shakespeare.txt"),
        (["claims.csv", "--data.columns", "{label: statement}"], "it is a text and no label; outcome_of_it or region"),
        (["claims.csv", "--data.columns", "{label: outcome}"], "has no column outcome; it has claim_id"),
        (["claims.csv", "--training.stepz", "3"], "unknown key training.stepz"),
        (["claims.csv", "--task", "prefer"], "--start-from RUN"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_sentence(arguments: list[str], said: str, here: Path, capsys) -> None:
    assert cli.run(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (here / "runs").exists()


def test_a_label_that_is_a_text_is_refused_by_a_recipe_too(here: Path, capsys) -> None:
    fields = ["--data.train", "claims.csv", "--data.columns", "{text: statement, label: claim_id}"]
    assert cli.run(["train", "classify-scratch", *fields, *SHORT]) == 2
    assert "the column claim_id has 72 different values in 72 rows" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["train", "recordings"], ["data", "look", "recordings"]])
def test_a_missing_library_is_told_once_and_is_no_fault_of_the_recordings(
    verb: list[str], here: Path, monkeypatch, capsys
) -> None:
    (here / "recordings").mkdir()
    for name in ("one", "two", "three"):
        (here / "recordings" / f"{name}.wav").write_bytes(b"RIFF")
        (here / "recordings" / f"{name}.txt").write_text(name)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert cli.run(verb) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "langue: reading recordings needs soundfile: pip install 'langue[audio]' adds it"


def test_a_file_of_a_recipes_name_wins_and_it_is_said(here: Path, capsys) -> None:
    assert is_recipe("shakespeare")
    assert not is_recipe("mine.txt")
    (here / "shakespeare").write_text("a text and no recipe\n" * 50)
    assert not is_recipe("shakespeare")
    (here / "shakespeare").write_text(
        "task: generate\ndata: {train: mine.txt}\nmodel: {layers: 1, width: 16, heads: 2}\n"
    )
    assert cli.run(["train", "shakespeare", *SHORT, "--samples.max_tokens", "0"]) == 0
    assert "shakespeare is the file in this folder" in capsys.readouterr().err
    assert (here / "runs" / "shakespeare" / "recipe.yaml").is_file()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("texts/mine.txt", "mine"),
        ("recordings/", "recordings"),
        ("a.tar.gz", "a"),
        ("runs/one/recipe.yaml", "one"),
        ("shakespeare", "shakespeare"),
        ("hf:owner/name:train", "name"),
    ],
)
def test_a_run_is_called_as_what_it_learns_from(source: str, name: str) -> None:
    assert name_of([source]) == name
