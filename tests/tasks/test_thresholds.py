"""Thresholds of a classifier: those that an evaluation finds can be pasted, and part its rows as it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import langue
from labelled_rows import BAD, GOOD, NEUTRAL, learn, write_rows
from langue import cli
from langue.errors import LangueError


def noisy(count: int, seed: int) -> list[dict]:
    """Texts of three labels, some of which are told by no word, and some wrong."""
    draws = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        label = str(draws.choice(["good", "bad", "none"]))
        words = {"good": GOOD, "bad": BAD, "none": NEUTRAL}[label]
        shown = str(draws.choice(["good", "bad", "none"])) if draws.random() < 0.3 else label
        rows.append({"text": f"{draws.choice(NEUTRAL)} {draws.choice(words)}", "label": shown})
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("thresholds")
    return learn(folder, noisy(150, 0), training__steps=40).folder.path


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return noisy(120, 1)


def test_an_evaluations_thresholds_part_the_same_rows(run, rows, tmp_path):
    file, texts, labels = write_rows(tmp_path / "rows.jsonl", rows), *zip(*map(dict.values, rows), strict=True)
    found = langue.evaluate(run, file, precision=0.75)["thresholds"]
    task = langue.load(run)
    answers = task.classify(list(texts), threshold=found["all"]["threshold"])
    sure = [(answer, label) for answer, label in zip(answers, labels, strict=True) if answer is not None]
    assert 0 < len(sure) == found["all"]["count"] < len(rows)
    assert np.mean([answer == label for answer, label in sure]) == pytest.approx(found["all"]["precision"])
    points = {label: point for label, point in found["labels"].items() if point is not None}
    assert points
    for label, point in points.items():
        answers = task.classify(list(texts), threshold={label: point["threshold"]})
        assert answers.count(label) == point["count"]
        assert None not in task.classify(list(texts), threshold={label: 0.0})


def test_a_label_with_a_threshold_goes_before_and_others_stay_as_they_were(run, rows):
    task, texts = langue.load(run), [row["text"] for row in rows]
    usual = task.classify(texts, scores=True)
    low, high = (task.classify(texts, threshold={"good": share}) for share in (0.2, 0.9))
    for judged, flagged, sure in zip(usual, low, high, strict=True):
        assert flagged == ("good" if judged["scores"]["good"] >= 0.2 else judged["label"])
        assert sure == (None if judged["label"] == "good" and judged["scores"]["good"] < 0.9 else judged["label"])
    assert len({judged["label"] for judged, flagged in zip(usual, low, strict=True) if flagged == "good"}) > 1
    assert None in high


def test_from_a_shell(run, rows, tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", rows)
    judged = langue.load(run).classify([row["text"] for row in rows], scores=True)
    shares = sorted(max(row["scores"].values()) for row in judged)
    middle = (shares[59] + shares[60]) / 2
    assert cli.run(["classify", str(run), "--file", str(file), "--threshold", f"{middle}"]) == 0
    assert capsys.readouterr().out.splitlines().count("unsure") == 60
    names = [f"--threshold={label}=1" for label in ("good", "bad", "none")]
    assert cli.run(["classify", str(run), rows[0]["text"], "--json", *names]) == 0
    assert json.loads(capsys.readouterr().out)["label"] is None
    for wrong, said in [
        (["0.9", "good=0.5"], "neither a probability"),
        (["good"], "neither a probability"),
        (["goood=0.5"], "no label 'goood'; did you mean good?"),
        (["90"], "no probability from 0 to 1"),
        (["nan"], "no probability from 0 to 1"),
    ]:
        assert cli.run(["classify", str(run), "a day", *(f"--threshold={one}" for one in wrong)]) == 2
        assert said in capsys.readouterr().err


def test_several_labels_and_choices(tmp_path):
    rows = [{"text": f"{a} film", "label": ["A", "B"] if a else []} for a in ("", "lovely") for _ in range(20)]
    task = langue.load(learn(tmp_path / "labels", rows, classify__kind="labels", training__steps=20).folder.path)
    shares = task.classify("lovely film", scores=True)["scores"]
    assert task.classify("lovely film", threshold=1.0) == []
    assert task.classify("lovely film", threshold={"A": shares["A"], "B": 1.0}) == ["A"]
    rows = [{"text": "the film", "choices": ["lovely", "dull"], "label": 0} for _ in range(20)]
    task = langue.load(learn(tmp_path / "choices", rows, classify__kind="choice", training__steps=2).folder.path)
    assert task.classify(rows[0], threshold=0.0) is not None
    assert task.classify(rows[0], threshold=1.0) is None
    rows = [{"text": "film", "label": n} for n in range(4)]
    task = langue.load(learn(tmp_path / "number", rows, classify__kind="number", training__steps=2).folder.path)
    with pytest.raises(LangueError, match="a number, which has no probability"):
        task.classify("film", threshold=0.5)
