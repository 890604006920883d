"""The verbs that judge texts: `classify`, `answer`, `fill`, `evaluate`, and `train --seeds`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from labelled_rows import sentences, write_recipe, write_rows
from langue import cli


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("verbs")
    assert cli.run(["train", str(write_recipe(folder)), "--out", str(folder / "run"), "--no-report"]) == 0
    return folder / "run"


def printed(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert cli.run(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def complaint(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert cli.run(list(map(str, arguments))) == 2
    found = capsys.readouterr()
    assert found.out == ""
    return found.err.splitlines()[-1]


def test_classify_prints_an_answer_a_line_in_order(run, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("a grim day\na lovely film in a town and it went on\n")
    lines = printed(capsys, "classify", run, "a lovely day", "--file", tmp_path / "texts.txt").splitlines()
    assert [line.split()[0] for line in lines] == ["good", "bad", "good"]
    rows = write_rows(tmp_path / "rows.jsonl", sentences(5, seed=2))
    objects = [json.loads(line) for line in printed(capsys, "classify", run, "--file", rows, "--json").splitlines()]
    assert [found["label"] for found in objects] == [row["label"] for row in sentences(5, seed=2)]
    assert set(objects[0]["scores"]) == {"bad", "good"}


def test_options_may_stand_anywhere_among_texts(run, capsys):
    texts = ["a grim day", "a lovely day", "a film"]
    expected = printed(capsys, "classify", run, *texts, "--device", "cpu")
    assert expected.count("\n") == 3
    for place in range(3):
        assert printed(capsys, "classify", run, *texts[:place], "--device", "cpu", *texts[place:]) == expected


def test_evaluate_prints_one_object(run, tmp_path, capsys):
    rows = write_rows(tmp_path / "rows.jsonl", sentences(30, seed=3))
    found = json.loads(printed(capsys, "evaluate", run, "--data", rows, "--json"))
    assert found["task"] == "classify"
    assert found["examples"] == 30
    assert found["metrics"]["accuracy"] == 1.0
    assert found["seconds"] >= 0
    assert "accuracy" in printed(capsys, "evaluate", run, "--data", rows)


def test_evaluate_judges_label_by_label_and_writes_a_page_of_mistakes(run, tmp_path, capsys):
    known = sentences(30, seed=3)
    wrong = [{**row, "label": "bad" if row["label"] == "good" else "good"} for row in known[:3]]
    rows = write_rows(tmp_path / "rows.jsonl", [*wrong, *known[3:]])
    page = tmp_path / "page.html"
    found = json.loads(
        printed(capsys, "evaluate", run, "--data", rows, "--precision", "0.8", "--mistakes", page, "--json")
    )
    counts = found["confusion"]["counts"]
    assert found["confusion"]["labels"] == ["bad", "good"]
    assert counts[0][1] + counts[1][0] == 3
    assert sum(score["support"] for score in found["labels"].values()) == 30
    assert found["thresholds"]["all"]["precision"] >= 0.8
    assert "mistakes" not in found
    assert wrong[0]["text"] in page.read_text()
    shown = printed(capsys, "evaluate", run, "--data", rows, "--precision", "0.8")
    assert "confusion" in shown
    assert "from where 80 % are right" in shown
    assert "--mistakes is for one run without --suite" in complaint(
        capsys, "evaluate", run, "--data", rows, "--suite", "glue", "--mistakes", page
    )
    assert "a share above 0" in complaint(capsys, "evaluate", run, "--data", rows, "--precision", "80")


def test_a_report_tells_how_a_run_judges_its_dev_rows(run):
    judged = json.loads((run / "judging.json").read_text())
    assert judged["measured_on"] == "its dev rows"
    assert judged["rows"] == sum(score["support"] for score in judged["judging"]["labels"].values()) == 40
    assert judged["wrong"] == round(40 * (1 - judged["metrics"]["accuracy"])) == len(judged["mistakes"])


def test_evaluate_is_told_what_a_table_calls_its_columns(run, tmp_path, capsys):
    renamed = [{"review": row["text"], "stars": row["label"]} for row in sentences(30, seed=3)]
    rows = write_rows(tmp_path / "rows.jsonl", renamed)
    columns = "{text: review, label: stars}"
    said = complaint(capsys, "evaluate", run, "--data", rows)
    assert said.endswith(f"has review, stars; say which they are, as in --columns '{columns}', or rename them")
    found = json.loads(printed(capsys, "evaluate", run, "--data", rows, "--columns", columns, "--json"))
    assert found["metrics"]["accuracy"] == 1.0
    wrong = "{text: revue, label: stars}"
    assert "has no column revue" in complaint(capsys, "evaluate", run, "--data", rows, "--columns", wrong)


def test_seeds_print_a_table_and_an_object(run, tmp_path, capsys):
    recipe = write_recipe(tmp_path)
    options = ["--training.steps", "3", "--training.evaluate_every", "3", "--no-report"]
    said = printed(capsys, "train", recipe, "--out", tmp_path / "runs", "--seeds", "2", *options)
    assert "mean ± deviation" in said
    assert "accuracy" in said
    again = json.loads(printed(capsys, "train", recipe, "--out", tmp_path / "runs", "--seeds", "2", *options, "--json"))
    assert again["seeds"] == [0, 1]
    assert again == json.loads((tmp_path / "runs" / "seeds.json").read_text())


def glue(folder: Path) -> Path:
    """SST-2 in its own layout."""
    (folder / "SST-2").mkdir(parents=True)
    for split, seed in (("train", 0), ("dev", 1), ("test", 2)):
        rows = [f"{row['text']}\t{int(row['label'] == 'good')}" for row in sentences(150, seed)]
        header = "sentence\tlabel"
        if split == "test":
            header, rows = "index\tsentence", [f"{n}\t{row.split(chr(9))[0]}" for n, row in enumerate(rows)]
        (folder / "SST-2" / f"{split}.tsv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_a_benchmark_from_its_folder_to_its_submission(tmp_path, capsys):
    data, recipe = glue(tmp_path / "glue"), write_recipe(tmp_path)
    content = recipe.read_text().replace("data: {train: train.jsonl, dev: 0.2}", "")
    recipe.write_text(content + "data: {benchmark: glue/SST-2, folder: glue}\n")
    assert cli.run(["train", str(recipe), "--out", str(tmp_path / "runs" / "sst2"), "--no-report"]) == 0
    assert json.loads((tmp_path / "runs" / "sst2" / "model" / "labels.json").read_text()) == ["negative", "positive"]
    found = json.loads(printed(capsys, "evaluate", tmp_path / "runs", "--suite", "glue", "--data", data, "--json"))
    assert found["metrics"]["score"] == found["tasks"]["glue/SST-2"]["metrics"]["accuracy"] > 0.9
    assert "average" in printed(capsys, "evaluate", tmp_path / "runs", "--suite", "glue", "--data", data)
    arguments = ["--suite", "glue", "--split", "test", "--data", data, "--predictions", tmp_path / "said"]
    shown = printed(capsys, "evaluate", tmp_path / "runs" / "sst2", *arguments)
    assert "150" in shown
    assert "average" not in shown
    lines = (tmp_path / "said" / "SST-2.tsv").read_text().splitlines()
    assert lines[0] == "index\tprediction"
    assert len(lines) == 151
    # A task that cannot be measured stops no other, and there is no average of fewer.
    shutil.copytree(tmp_path / "runs" / "sst2", tmp_path / "runs" / "cola")
    recipe = tmp_path / "runs" / "cola" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("glue/SST-2", "glue/CoLA"))
    assert cli.run(["evaluate", str(tmp_path / "runs"), "--suite", "glue", "--data", str(data), "--json"]) == 1
    shown = capsys.readouterr()
    again = json.loads(shown.out)
    assert again["tasks"]["glue/SST-2"]["metrics"] == found["tasks"]["glue/SST-2"]["metrics"]
    assert (list(again["failed"]), again["metrics"]) == (["glue/CoLA"], {})
    assert "glue/CoLA could not be measured: " in shown.err
    assert complaint(capsys, "evaluate", tmp_path, "--suite", "squad", "--data", data).endswith(
        "--data.benchmark of langue train"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify", "RUN"], "there is no text; give one"),
        (["classify", "RUN", ""], "text 1: text is empty"),
        (["fill", "RUN", "a"], "the model was trained to classify; use it by: langue classify"),
        (["answer", "RUN", "--question", "a"], "--question and --context go together"),
        (["answer", "RUN", "--question", "a", "--context", " "], "--question: context is empty"),
        (["classify", "RUN", "--file", "no.txt"], "no.txt cannot be read: No such file"),
        (
            ["classify", "RUN", "a", "--columns", "{text: b}"],
            "--columns is for rows of a table, and there is no --file",
        ),
        (["classify", "RUN", "--file", "x", "--second", "b"], "--second is for a text that stands behind RUN"),
        (["tag", "RUN", "a", "--columns", "{text: b}"], "--columns is for rows of a table"),
        (["answer", "RUN", "--columns", "{text: b}"], "--columns is for rows of a table"),
        (["fill", "RUN", "a", "--column", "b"], "--column is for rows of a table"),
        (["embed", "RUN", "a", "--column", "b"], "--column is for rows of a table"),
        (["generate", "RUN", "a", "--column", "b"], "--column is for rows of a table"),
        (["translate", "RUN", "a", "--column", "b"], "--column is for rows of a table"),
        (["translate", "RUN", "a", "--mean", "logarithm"], "--mean is for several models, and there is no --ensemble"),
        (["summarize", "RUN", "a", "--column", "b"], "--column is for rows of a table"),
        (["summarize", "RUN", "a", "--max-dropped", "1"], "--max-dropped is for --scores, which is not given"),
        (["summarize", "RUN", "--file", "x", "--scores", "--out", "y"], "--out is for summaries, and --scores prints"),
        (["summarize", "RUN", "a", "--file", "x", "--scores"], "--scores is for the rows of --file; leave out the"),
        (["embed", "RUN", "a", "--json", "--out", "x.npy"], "--json is for vectors that are printed"),
        (["transcribe", "RUN", "a.wav", "--words"], "--words is for --json or --format vtt"),
        (["transcribe", "RUN", "a.wav", "--bonus", "1"], "--bonus is for --language-model, which is not given"),
        (["data", "inspect", "x", "--document", "1"], "--document is for a text, which only --tokenizer can show"),
        (["demo", "search", "--seconds", "1"], "--seconds is for the demo of families"),
        (["demo", "--query", "a"], "--query is for the demo of search"),
        (["play", "human", "Langue/Write-v0", "--top-k", "1", "--watch"], "--top-k and --watch are for a model"),
        (["evaluate", "RUN", "--data", "x", "--stride", "3"], "--stride is for models trained to generate, and this"),
        (["evaluate", "RUN", "--data", "x", "--documents", "line"], "is for models trained to generate or fill, and"),
        (["evaluate", "RUN", "--data", "x", "--text", "body"], "--text is for models trained to generate or fill, and"),
        (["evaluate", "RUN", "--data", "x", "--language", "fr"], "--language is for models trained to translate or"),
        (["evaluate", "RUN", "--data", "x", "--rerank-depth", "3"], "--rerank-depth is for models trained to embed"),
        (["evaluate", "RUN", "--data", "TABLE", "--split", "dev"], "--split is for benchmarks and search sets, and"),
        (
            ["evaluate", "RUN", "--data", "x", "--benchmark", "glue/SST-2", "--max-dropped", "1"],
            "--max-dropped is for files and tables, and benchmarks have a layout of their own",
        ),
        (
            ["evaluate", "RUN", "--data", "x", "--suite", "glue", "--stride", "3", "--text", "b"],
            "--text and --stride are for one run without --suite",
        ),
        (
            ["evaluate", "RUN", "--environment", "Langue/Write-v0", "--split", "dev"],
            "--split is for --data without --environment",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(run, arguments, said, capsys):
    places = {"RUN": run, "TABLE": run.parent / "train.jsonl"}
    assert said in complaint(capsys, *(places.get(part, part) for part in arguments))
