"""Classifiers and taggers of every kind are judged by rows that are partly wrong on purpose, and tell which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import langue
from labelled_rows import RECIPE, learn, sentences, write_recipe, write_rows
from langue import cli
from langue.errors import LangueError
from langue.report.judging import judging_page

PAIRS = [
    {"sentence1": "fine day", "sentence2": second, "label": label}
    for second, label in (("fine town", "same"), ("grim town", "other")) for _ in range(80)
]  # fmt: skip
SETS = [
    {"text": f"{a} film {b}", "label": [name for name, there in (("A", a), ("B", b)) if there]}
    for a in ("", "lovely") for b in ("", "grim") for _ in range(40)
]  # fmt: skip
CHOICES = [
    {"text": "the film was", "choices": ["lovely", "sour"] if right == 0 else ["cold", "dull", "lovely"],
     "label": right}
    for right in (0, 2) for _ in range(60)
]  # fmt: skip
NAMES = [
    {"tokens": ["the", word, "went", "on"], "tags": ["O", tag, "O", "O"]}
    for word, tag in (("lovely", "B-PER"), ("grim", "B-LOC")) for _ in range(60)
]  # fmt: skip
PLAIN = [{**row, "tags": [tag[-3:] for tag in row["tags"]]} for row in NAMES]

CASES = {
    "single": (sentences(200), {}, {"label": "good"}, {"label": "bad"}),
    "pairs": (PAIRS, {}, {"label": "other"}, {"label": "same"}),
    "labels": (SETS, {"classify__kind": "labels", "training__steps": 150}, {"label": ["A"]}, {"label": ["B"]}),
    "choice": (CHOICES, {"classify__kind": "choice"}, {"label": 0}, {"label": 1}),
    "entities": (NAMES, {"task": "tag"}, {"tags": ["O", "B-PER", "O", "O"]}, {"tags": ["O", "B-LOC", "O", "O"]}),
    "words": (PLAIN, {"task": "tag"}, {"tags": ["O", "PER", "O", "O"]}, {"tags": ["O", "LOC", "O", "O"]}),
}
"""Rows, changes of the recipe, what rows that are made wrong are known by, and what they are then called."""


ANSWERS = {"labels": 24, "entities": 48, "words": 48}
"""Answers to twelve rows, where they are not one for each."""


def learnt(folder: Path, rows: list[dict], **changes: str) -> Path:
    write_recipe(folder, rows, RECIPE.replace("task: classify", f"task: {changes.pop('task', 'classify')}"))
    return learn(folder, rows, **changes).folder.path


@pytest.mark.parametrize("kind", CASES)
def test_rows_that_are_wrong_on_purpose_are_the_mistakes(kind, tmp_path):
    rows, changes, known, wrong = CASES[kind]
    run = learnt(tmp_path, rows, **changes)
    chosen = [row for row in rows if known.items() <= row.items()][:3]
    others = [row for row in rows if not known.items() <= row.items()][-9:]
    file = write_rows(tmp_path / "rows.jsonl", [*[{**row, **wrong} for row in chosen], *others])
    result = langue.evaluate(run, str(file), precision=0.5, mistakes=True)
    assert [mistake.place for mistake in result["mistakes"]] == [f"{file}, line {line}" for line in (1, 2, 3)]
    assert sum(part["count"] for part in result["calibration"]["bins"]) == ANSWERS.get(kind, 12)
    if result["confusion"]:
        counts = result["confusion"]["counts"]
        assert sum(map(sum, counts)) - sum(row[place] for place, row in enumerate(counts)) == 3
    if kind != "choice":
        assert min(score["precision"] for score in result["labels"].values()) < 1
    assert result["thresholds"]["all"]["precision"] >= 0.5
    page = judging_page("mine", result)
    assert "<strong>3</strong> of 12 rows" in page
    judged = json.loads((run / "judging.json").read_text())
    assert judged["wrong"] == len(judged["mistakes"]) == 0


def test_numbers_are_neither_right_nor_wrong(tmp_path):
    rows = [{"text": "lovely " * n + "film", "label": n / 2} for n in range(7) for _ in range(10)]
    run = learnt(tmp_path, rows, classify__kind="number", training__steps="4")
    assert not (run / "judging.json").exists()
    result = langue.evaluate(run, str(tmp_path / "train.jsonl"))
    assert "calibration" not in result
    for options in ({"precision": 0.9}, {"mistakes": True}):
        with pytest.raises(LangueError, match="--precision and --mistakes are for answers that are right or wrong"):
            langue.evaluate(run, str(tmp_path / "train.jsonl"), **options)


def test_models_of_other_tasks_are_named(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("a lovely film and a grim day in town " * 80)
    recipe = "task: generate\ntokenizer: {kind: char}\nmodel: {layers: 1, width: 16, heads: 2, context: 16}\n"
    (tmp_path / "recipe.yaml").write_text(recipe + "data: {train: text.txt}\ntraining: {steps: 2, device: cpu}\n")
    run = learn(tmp_path).folder.path
    assert cli.run(["evaluate", str(run), "--data", str(tmp_path / "text.txt"), "--precision", "0.9"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "langue: --precision is for models trained to classify or tag, and this one was trained to generate"
