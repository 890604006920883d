"""Bad labelled rows: one sentence on stderr, exit status 2, and nothing half-written, whichever verb reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.test_bad_input import complain
from labelled_rows import RECIPE, sentences, write_rows
from langue import cli

QUESTIONS = [
    {"question": "who", "context": f"{name} went home", "answer": name} for name in ("anna", "tom", "eve", "otto") * 5
]
WORDS = [{"tokens": ["tom", "went"], "tags": ["B-PER", "O"]}] * 20
ROWS = {"classify": sentences(40), "answer": QUESTIONS, "tag": WORDS}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A folder with a recipe, rows and a run of each task."""
    folder = tmp_path_factory.mktemp("prepared")
    for task, rows in ROWS.items():
        write_rows(folder / f"{task}.jsonl", rows)
        content = RECIPE.replace("task: classify", f"task: {task}").replace("train.jsonl", f"{task}.jsonl")
        (folder / f"{task}.yaml").write_text(content)
        steps = ["--training.steps", "2", "--no-report", "--out", str(folder / f"run-{task}")]
        assert cli.run(["train", str(folder / f"{task}.yaml"), *steps]) == 0
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch) -> Path:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


FAULTS = [
    ("classify", {"text": "a"}, "bad.jsonl, line 1 has no column label; it has text"),
    ("classify", {"text": "a", "label": ""}, "bad.jsonl, line 1: label is empty"),
    ("classify", {"text": "a", "label": None}, "bad.jsonl, line 1: label is empty"),
    ("classify", {"body": "a", "label": "good"}, "bad.jsonl, line 1 has no column text; it has body, label; "),
    ("classify", {"text": " ", "label": "good"}, "bad.jsonl, line 1: text is empty"),
    ("classify", {"text": 3, "label": "good"}, "bad.jsonl, line 1: text should be text, got 3"),
    ("answer", {"question": "who", "context": "tom", "answer": "ann"}, "'ann' does not stand in its context"),
    ("answer", {"question": "who", "context": "", "answer": "ann"}, "bad.jsonl, line 1: context is empty"),
    ("answer", {"question": "", "context": "ann", "answer": "ann"}, "bad.jsonl, line 1: question is empty"),
    ("answer", {"question": "who", "text": "ann", "answer": "ann"}, "line 1 has no column context; it has question"),
    ("answer", {"question": "who", "context": "ann"}, "bad.jsonl, line 1 has no column answers"),
    ("answer", {"question": "who", "context": None, "answer": "ann"}, "line 1: context should be text, got None"),
    ("answer", {"question": "who", "context": "ann", "answers": "ann"}, "line 1: answers should be a list such as"),
    ("answer", {"question": "who", "context": "ann", "answers": ["ann"]}, "line 1: answers should be a list such as"),
    ("answer", {"question": "who", "context": "ann", "answers": {"text": ["ann"]}}, "answers should be a list such as"),
    ("classify", {"text": "a", "label": ["good"]}, "bad.jsonl, line 1: label should be one label, got ['good']"),
    ("tag", {"tokens": ["a", "b"], "tags": ["O"]}, "bad.jsonl, line 1: there are 2 tokens and 1 tags"),
    ("tag", {"tokens": ["a", "b"]}, "bad.jsonl, line 1 has no column tags"),
    ("tag", {"tags": ["O", "O"]}, "bad.jsonl, line 1 has no column tokens"),
    ("tag", {"tokens": [], "tags": []}, "bad.jsonl, line 1: tokens is empty"),
    ("tag", {"tokens": ["a", "b"], "tags": ["O", None]}, "bad.jsonl, line 1: one of the tags is empty"),
    ("tag", {"tokens": ["a"], "tags": 5}, "bad.jsonl, line 1: tags should be a list, got 5"),
]
IDS = [f"{task} {json.dumps(row)}" for task, row, _ in FAULTS]


@pytest.mark.parametrize(("task", "row", "said"), FAULTS, ids=IDS)
def test_training_rows(task, row, said, here, capsys):
    write_rows(here / "bad.jsonl", [row, *ROWS[task]])
    arguments = ["train", f"{task}.yaml", "--data.train", "bad.jsonl", "--data.dev", "null", "--out", "new/run"]
    assert said in complain(arguments, here, capsys)


@pytest.mark.parametrize(("task", "row", "said"), FAULTS, ids=IDS)
def test_dev_rows_are_refused_before_the_training(task, row, said, here, capsys):
    write_rows(here / "bad.jsonl", [row, *ROWS[task]])
    for split in ("dev", "test"):
        arguments = ["train", f"{task}.yaml", f"--data.{split}", "bad.jsonl", "--out", "new/run"]
        assert said in complain(arguments, here, capsys)


UNKNOWN = [
    ("classify", {"text": "a", "label": "ugly"}, "bad.jsonl, line 1: there is no label 'ugly'; known are bad, good"),
    ("tag", {"tokens": ["a"], "tags": ["B-LOC"]}, "bad.jsonl, line 1: there is no label 'B-LOC'; known are O, B-PER"),
]


@pytest.mark.parametrize(("task", "row", "said"), UNKNOWN)
def test_labels_that_the_model_does_not_know(task, row, said, here, capsys):
    write_rows(here / "bad.jsonl", [row, *ROWS[task]])
    assert said in complain(["evaluate", f"run-{task}", "--data", "bad.jsonl"], here, capsys)
    assert said in complain(["train", f"{task}.yaml", "--data.dev", "bad.jsonl", "--out", "new"], here, capsys)


@pytest.mark.parametrize(("task", "row", "said"), FAULTS, ids=IDS)
def test_rows_to_evaluate_on(task, row, said, here, capsys):
    write_rows(here / "bad.jsonl", [row, *ROWS[task]])
    wanted = ["--predictions", "said.jsonl"]
    assert said in complain(["evaluate", f"run-{task}", "--data", "bad.jsonl", *wanted], here, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classify.kind", "number"], "label should be a number, got 'good'"),
        (["--classify.kind", "choice"], "there are no choices; give a list choices, or choice1, choice2, …"),
        (["--classify.labels", "[good, ugly]"], "there is no label 'bad'; known are good, ugly"),
        (["--classify.labels", "[good]"], "have one label alone, good"),
        (["--classify.metric", "bleu"], "classify.metric: 'bleu' is none of accuracy"),
        (["--classify.class_weights", "{ugly: 2}"], "classify.class_weights: there is no label 'ugly'"),
        (["--data.columns", "{text: body}"], "has no column body; it has text, label"),
        (["--data.train", "none.jsonl"], "there is no file"),
        (["--data.train", "empty.jsonl"], "no rows"),
        (["--data.train", "words.txt"], "words.txt is no table"),
        (["--data.train", "ragged.tsv"], "ragged.tsv, line 3: wrong number of columns"),
        (["--data.train", "broken.jsonl"], "broken.jsonl, line 2: invalid JSON"),
        (["--data.benchmark", "glue/SST2", "--data.folder", "glue"], "did you mean glue/SST-2"),
        (["--data.benchmark", "glue/SST-2"], "folder must say where the files of glue/SST-2 are"),
        (["--data.benchmark", "glue/SST-2", "--data.folder", "nowhere"], "there is no folder nowhere"),
        (["--data.benchmark", "glue/SST-2", "--data.folder", "glue"], "has its dev split in dev.tsv"),
        (["--data.benchmark", "glue/RTE", "--data.folder", "glue"], "RTE/train.tsv, line 2: "),
        (
            ["--data.benchmark", "squad/1.1", "--data.folder", "glue"],
            "squad/1.1 has its train split in train-v1.1.json",
        ),
        (["--model.form", "seq2seq"], "task: classify wants model.form: encoder or decoder"),
    ],
)
def test_recipes(arguments, said, here, capsys):
    (here / "empty.jsonl").touch()
    (here / "words.txt").write_text("a\n")
    (here / "ragged.tsv").write_text("text\tlabel\na\tgood\nb\n")
    (here / "broken.jsonl").write_text('{"text": "a", "label": "good"}\n{"text": \n')
    for name in ("SST-2", "RTE"):
        (here / "glue" / name).mkdir(parents=True)
    (here / "glue" / "SST-2" / "train.tsv").write_text("sentence\tlabel\na\t1\nb\t0\n")
    (here / "glue" / "RTE" / "train.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\n")
    options = [part for part in arguments if part != "--data.benchmark"]
    recipe = here / "classify.yaml"
    if len(options) < len(arguments):
        recipe.write_text(recipe.read_text().replace("data: {train: classify.jsonl, dev: 0.2}\n", "data: {}\n"))
    assert said in complain(["train", str(recipe), *arguments, "--out", "new/run"], here, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "run-classify", "--data", "glue", "--benchmark", "glue/SST-2"], "there is no folder glue"),
        (["evaluate", "run-classify", "--data", ".", "--suite", "glue"], "holds no run that was trained on a task"),
        (["evaluate", "run-answer", "--data", ".", "--benchmark", "glue/SST-2"], "has its dev split in dev.tsv"),
        (["classify", "run-classify", "--file", "answer.jsonl"], "has no column text; it has question"),
        (["answer", "run-answer", "--question", "who", "--context", ""], "context is empty"),
        (
            ["answer", "run-answer", "--file", "classify.jsonl"],
            "no columns question and context; it has text, label",
        ),
        (["tag", "run-tag", " "], "text 1: text is empty"),
        (["tag", "run-classify", "a"], "the model was trained to classify; use it by: langue classify"),
    ],
)
def test_other_verbs(arguments, said, here, capsys):
    assert said in complain(arguments, here, capsys)


MIXED = {
    "classify": ([{"text": "a good one"}, {"body": "x"}, {"text": ""}, {"text": "bad"}], "has no column text; it has"),
    "tag": ([{"tokens": ["tom"]}, {"text": "x"}, {"tokens": []}, {"tokens": ["a", "b"]}], "has no column tokens"),
    "answer": (
        [
            {"question": "who", "context": "tom went"},
            {"question": "who"},
            {"question": "", "context": "a"},
            {"question": "who", "context": "eve\nwent"},
        ],
        "has no column context",
    ),
}


@pytest.mark.parametrize("task", MIXED)
def test_bad_inputs_stop_no_others(task, here, capsys):
    rows, reason = MIXED[task]
    lines = [json.dumps(row) for row in rows]
    (here / "in.jsonl").write_text("\n".join([*lines[:2], "{broken", *lines[2:]]) + "\n")
    capsys.readouterr()
    assert cli.run([task, f"run-{task}", "--file", "in.jsonl"]) == 1
    plain = capsys.readouterr()
    assert [bool(line) for line in plain.out.split("\n")] == [True, False, False, False, True, False]
    assert reason in plain.err
    assert "in.jsonl, line 3: invalid JSON" in plain.err
    assert "3 of 5 " in plain.err
    assert cli.run([task, f"run-{task}", "--file", "in.jsonl", "--json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in each for each in found] == [False, True, True, True, False]
    # What is sound is answered as if it stood alone.
    (here / "in.jsonl").write_text("\n".join([lines[0], lines[3]]) + "\n")
    assert cli.run([task, f"run-{task}", "--file", "in.jsonl", "--json"]) == 0
    alone = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert str(alone)[:200] == str([found[0], found[4]])[:200]


@pytest.mark.parametrize("task", MIXED)
def test_what_a_table_calls_its_columns_can_be_named(task, here, capsys):
    row = MIXED[task][0][0]
    command, columns = [task, f"run-{task}", "--file", "in.jsonl"], ", ".join(f"{name}: {name.upper()}" for name in row)
    (here / "in.jsonl").write_text((json.dumps(row) + "\n") * 3)
    capsys.readouterr()
    assert cli.run(command) == 0
    expected = capsys.readouterr().out
    (here / "in.jsonl").write_text((json.dumps({name.upper(): value for name, value in row.items()}) + "\n") * 3)
    sentence = complain(command, here, capsys)
    assert f"as in --columns '{{{columns}}}'" in sentence
    assert sentence.endswith(" (and so for 2 more)")
    assert cli.run([*command, "--columns", f"{{{columns}}}"]) == 0
    assert capsys.readouterr().out == expected
    # The columns of the training are those that are read by default.
    (here / f"run-{task}" / "manifest.json").unlink()  # which notices other settings
    recipe = here / f"run-{task}" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("columns: {}", f"columns: {{{columns}, label: LABEL}}"))
    assert cli.run(command) == 0
    assert capsys.readouterr().out == expected
