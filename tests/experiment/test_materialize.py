"""Data handed over from Python, and Hugging Face's datasets under every name they have; nothing needs the network."""

from __future__ import annotations

import io
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile
import torch
import yaml

import langue
from labelled_rows import RECIPE, sentences, write_recipe, write_rows
from langue import cli
from langue.data import DataSettings
from langue.data.labelled import read_labelled, read_task
from langue.data.recordings import recording_of
from langue.errors import LangueError
from langue.experiment.materialize import materialize
from langue.models import load_model
from langue.tasks.recipes import read_recipe
from spoken_rows import write_spoken
from tiny import text, write_tiny


def same_weights(one: Path, other: Path) -> bool:
    pairs = zip(load_model(one / "model").parameters(), load_model(other / "model").parameters(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def quick(path: Path, **changes: str):
    # Pieces of WordPiece that occur equally often are taken in any order; characters always come in one.
    short = {"tokenizer.kind": "char", "training.steps": "6"}
    short |= {"training.evaluate_every": "3", "training.checkpoint_every": "3"}
    return read_recipe(path, {**short, **{name.replace("__", "."): value for name, value in changes.items()}})


def as_dataset(rows: list[dict]) -> datasets.Dataset:
    """Rows whose labels are class numbers, as most datasets have them."""
    names = datasets.ClassLabel(names=["good", "bad"])
    numbered = [{**row, "label": names.str2int(row["label"])} for row in rows]
    return datasets.Dataset.from_list(numbered).cast_column("label", names)


@pytest.mark.parametrize("kind", ["dataset", "formatted", "stream", "rows", "generator", "dict"])
def test_labelled_rows_of_every_kind_are_the_same_training(tmp_path, kind):
    path = write_recipe(tmp_path)
    rows = sentences(200)
    given = {
        "dataset": lambda: as_dataset(rows),
        "formatted": lambda: as_dataset([{**row, "words": len(row["text"].split())} for row in rows]).with_format(
            "torch"
        ),
        "stream": lambda: as_dataset(rows).to_iterable_dataset(num_shards=2),
        "rows": lambda: rows,
        "generator": lambda: (row for row in rows),
        "dict": lambda: datasets.DatasetDict(train=as_dataset(rows)),
    }[kind]()
    langue.train(quick(path), tmp_path / "file", report=False)
    run = langue.train(quick(path, data__train="elsewhere"), tmp_path / "given", data=given, report=False)
    assert same_weights(tmp_path / "file", tmp_path / "given")
    assert langue.load(run.folder.path).settings.labels == ("bad", "good")


def test_a_recipe_of_python_needs_no_file(tmp_path):
    content = yaml.safe_load(write_recipe(tmp_path).read_text())
    content |= {"data": {"dev": 0.2}, "tokenizer": {"kind": "char"}}
    run = langue.train(content, tmp_path / "run", data=sentences(60), report=False)
    assert run.step == content["training"]["steps"]
    assert Path(str(run.folder.recipe().data.train)).parent == run.folder.data


def test_splits_are_taken_as_they_are_and_a_share_is_set_aside_otherwise(tmp_path):
    path = write_recipe(tmp_path)
    splits = datasets.DatasetDict(
        train=as_dataset(sentences(50)), validation=as_dataset(sentences(20, 1)), test=as_dataset(sentences(10, 2))
    )
    run = langue.train(quick(path), tmp_path / "run", data=splits, report=False)
    data = run.folder.recipe().data
    counts = [len(Path(str(name)).read_text().splitlines()) for name in (data.train, data.dev, data.test)]
    assert counts == [50, 20, 10]
    assert {"accuracy", "test_accuracy"} <= run.metrics.keys()
    mixed = {"train": as_dataset(sentences(50)), "dev": str(write_rows(tmp_path / "dev.jsonl", sentences(9, 3)))}
    run = langue.train(quick(path), tmp_path / "mixed", data=mixed, report=False)
    assert run.folder.recipe().data.dev == str(tmp_path / "dev.jsonl")


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_what_was_handed_over_is_resumed_bit_for_bit(tmp_path, task):
    if task == "classify":
        path, rows = write_recipe(tmp_path), [*sentences(120)]
    else:
        path, rows = write_tiny(tmp_path), [{"text": line} for line in text(60).splitlines()]
    steady = {"training__schedule": "constant"}
    options = {"data": iter(rows), "report": False}
    langue.train(quick(path, **steady), tmp_path / "whole", **options)
    options = {"data": iter(rows), "report": False}
    langue.train(quick(path, training__steps="3", **steady), tmp_path / "half", **options)
    again = langue.train(quick(path, **steady), tmp_path / "half", data=iter(()), resume=True, report=False)
    assert again.step == 6
    assert same_weights(tmp_path / "whole", tmp_path / "half")
    # The command line goes on by the run's own recipe.
    arguments = [str(tmp_path / "half" / "recipe.yaml"), "--training.steps", "9", "--no-report"]
    assert cli.run(["train", *arguments, "--out", str(tmp_path / "half"), "--resume"]) == 0
    assert max(int(p.name[5:]) for p in (tmp_path / "half" / "checkpoints").iterdir()) == 9


@pytest.mark.parametrize("form", ["texts", "dataset", "stream", "named"])
def test_running_text_of_every_kind_is_the_same_training(tmp_path, form):
    path = write_tiny(tmp_path)
    lines = text(60).splitlines()
    write_rows(tmp_path / "rows.jsonl", [{"text": line} for line in lines])
    dataset = datasets.Dataset.from_dict(
        {"body" if form == "named" else "text": lines, "length": list(map(len, lines))}
    )
    given = {"texts": iter(lines), "stream": dataset.to_iterable_dataset()}.get(form, dataset)
    columns = {"data__columns": "{text: body}"} if form == "named" else {}
    langue.train(quick(path, data__train=str(tmp_path / "rows.jsonl")), tmp_path / "file", report=False)
    langue.train(quick(path, **columns), tmp_path / "given", data=given, report=False)
    assert same_weights(tmp_path / "file", tmp_path / "given")


def test_a_row_longer_than_usual_lines_is_kept(tmp_path):
    path = write_tiny(tmp_path)
    long = text(1000) * 240
    assert len(long.encode()) > 1 << 20
    run = langue.train(quick(path), tmp_path / "run", data=[long], report=False)
    manifest = json.loads((run.folder.data / "train" / "manifest.json").read_text())
    assert manifest["records"]["dropped"] == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "there are no rows in the train data"),
        ({"dev": []}, r"rows by split \(train, dev, test\); it has dev"),
        ({"text": ["a"], "label": ["b"]}, "it has text, label"),
        ({"train": 3}, "data for train should be rows, a dataset or a source's name, not 3"),
        ([{"text": b"raw", "label": "good"}], "row 1 of the train data cannot be kept: bytes is no text"),
        (["a", "b"], "line 1 has no column label; it has text"),
        ([{"text": "a", "label": None}], "label is empty"),
    ],
)
def test_what_cannot_be_learnt_from_leaves_nothing(tmp_path, data, said):
    path = write_recipe(tmp_path)
    with pytest.raises(LangueError, match=said):
        langue.train(quick(path), tmp_path / "new" / "run", data=data, report=False)
    assert not (tmp_path / "new").exists()


def test_numpys_numbers_are_rows_too(tmp_path):
    rows = [{**row, "label": np.int64(row["label"] == "good")} for row in sentences(60)]
    run = langue.train(quick(write_recipe(tmp_path)), tmp_path / "run", data=rows, report=False)
    assert langue.load(run.folder.path).settings.labels == ("0", "1")


def test_class_numbers_are_shown_by_their_names_wherever_a_dataset_lies(tmp_path):
    rows = sentences(12)
    as_dataset(rows).save_to_disk(tmp_path / "saved")
    datasets.DatasetDict(train=as_dataset(rows), validation=as_dataset(rows[:3])).save_to_disk(tmp_path / "splits")
    settings = DataSettings(train="")
    for source, count in (
        (str(tmp_path / "saved"), 12),
        (f"hf:{tmp_path / 'saved'}", 12),
        (f"hf:{tmp_path / 'splits'}:validation", 3),
        (as_dataset(rows), 12),
        (as_dataset(rows).to_iterable_dataset(), 12),
    ):
        found = [row.values["label"] for row in read_labelled(source, settings)]
        assert found == [row["label"] for row in rows[:count]]
    with pytest.raises(LangueError, match="there is no split 'dev'; there are train, validation"):
        list(read_labelled(f"hf:{tmp_path / 'splits'}:dev", settings))


def test_lists_of_class_numbers_and_missing_ones():
    names = datasets.ClassLabel(names=["O", "B-PER"])
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")), "ner": datasets.Sequence(names)}
    )
    made = datasets.Dataset.from_dict({"tokens": [["Tom", "ran"]], "ner": [[1, 0]]}, features=features)
    (row,) = read_labelled(made, DataSettings(train="", columns={"tags": "ner"}))
    assert row.values["tags"] == ["B-PER", "O"]
    unlabelled = datasets.Dataset.from_dict({"text": ["a"], "label": [-1]}).cast_column("label", names)
    (row,) = read_labelled(unlabelled, DataSettings(train=""))
    assert row.values["label"] is None


def glue_copy(folder: Path, layout: str) -> Path:
    """SST-2 with Hugging Face's columns and class numbers, in a folder of its own or beside other configurations."""
    names = datasets.ClassLabel(names=["negative", "positive"])
    splits = {}
    for split, seed in (("train", 0), ("validation", 1), ("test", 2)):
        rows = [
            {"sentence": row["text"], "label": -1 if split == "test" else int(row["label"] == "good"), "idx": number}
            for number, row in enumerate(sentences(150, seed))
        ]
        splits[split] = datasets.Dataset.from_list(rows).cast_column("label", names)
    place = folder / "sst2" if "config" in layout else folder
    if "files" in layout:
        place.mkdir(parents=True)
        for split, dataset in splits.items():
            dataset.to_json(place / f"{split}.jsonl")
    else:
        datasets.DatasetDict(splits).save_to_disk(place)
    return folder


@pytest.mark.parametrize("layout", ["saved", "saved config", "files", "files config"])
def test_a_benchmark_from_a_local_copy_of_hugging_faces(tmp_path, layout, capsys):
    copy = glue_copy(tmp_path / "copy", layout)
    rows = read_task("glue/SST-2", f"hf:{copy}", "dev")
    assert [row.values["label"] for row in rows] == [
        {"good": "positive", "bad": "negative"}[row["label"]] for row in sentences(150, 1)
    ]
    if layout != "saved config":
        return
    recipe = write_recipe(tmp_path / "recipe")
    recipe.write_text(RECIPE.replace("{train: train.jsonl, dev: 0.2}", f"{{benchmark: glue/SST-2, folder: hf:{copy}}}"))
    assert cli.run(["train", str(recipe), "--out", str(tmp_path / "run"), "--no-report"]) == 0
    arguments = ["evaluate", str(tmp_path / "run"), "--data", f"hf:{copy}", "--json"]
    capsys.readouterr()
    assert cli.run(arguments) == 0
    alone = json.loads(capsys.readouterr().out)["metrics"]["accuracy"]
    said = ["--suite", "glue", "--split", "test", "--predictions", str(tmp_path / "said")]
    assert cli.run([*arguments, "--suite", "glue"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["score"] == alone > 0.9
    assert cli.run([*arguments, *said]) == 0
    assert len((tmp_path / "said" / "SST-2.tsv").read_text().splitlines()) == 151


def test_recordings_keep_what_their_numbers_mean(tmp_path):
    wave = 0.5 * np.sin(np.arange(1600) / 5)
    encoded = io.BytesIO()
    soundfile.write(encoded, wave, 16_000, format="WAV")
    sounds = [
        np.round(wave * 127 + 128).astype(np.uint8),
        {"array": np.stack([wave, wave]), "sampling_rate": 16_000},
        torch.from_numpy(wave),
        {"bytes": encoded.getvalue(), "path": None},
    ]
    recipe = read_recipe(write_spoken(tmp_path), {"data.dev": "null"})
    kept = materialize([{"audio": sound, "text": "a"} for sound in sounds], recipe, tmp_path / "kept")
    rows = [recording_of(row).read() for row in read_labelled(kept.data.train, kept.data)]
    assert len(rows) == 4
    for found in rows:
        np.testing.assert_allclose(found, wave, atol=0.01)
    with pytest.raises(LangueError, match="row 1 of the train data holds uint32 numbers"):
        materialize([{"audio": np.ones(9, np.uint32), "text": "a"}], recipe, tmp_path / "kept")
