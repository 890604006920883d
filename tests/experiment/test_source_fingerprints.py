"""A resumed run goes on only with the data that it began with; what has changed is named."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from langue.errors import LangueError
from langue.experiment import RunFolder, train
from langue.experiment.seeds import train_seeds
from langue.recipe import Recipe
from langue.tasks.recipes import read_recipe

SMALL = {
    "model": {"layers": 1, "width": 16, "heads": 2, "context": 32},
    "training": {"steps": 2, "batch_size": 2, "device": "cpu", "schedule": "constant", "warmup_steps": 0},
    "samples": {"max_tokens": 0},
    "tokenizer": {"kind": "char"},
}
WORDS = ["the old king", "saw a red boat", "on the sea", "and sang of", "long lost days", "a boat", "the sea", "a king"]


def recipe(task: str, form: str, data: dict, **more) -> Recipe:
    model = {**SMALL["model"], "form": form, **more.pop("model", {})}
    return read_recipe({**SMALL, "task": task, "data": data, "model": model, **more})


def rows(path: Path, made: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return str(path)


def classify(folder: Path) -> tuple[Recipe, Path]:
    path = rows(folder / "rows.jsonl", [{"text": text, "label": str(n % 2)} for n, text in enumerate(WORDS)])
    return recipe("classify", "encoder", {"train": path, "dev": path}), folder / "rows.jsonl"


def translate(folder: Path) -> tuple[Recipe, Path]:
    (folder / "a.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "b.txt").write_text("\n".join(text[::-1] for text in WORDS) + "\n")
    data = {"train": {"source": str(folder / "a.txt"), "target": str(folder / "b.txt")}, "dev": 0.25}
    return recipe("translate", "seq2seq", data), folder / "b.txt"


def embed(folder: Path) -> tuple[Recipe, Path]:
    path = rows(folder / "pairs.jsonl", [{"anchor": text, "positive": text[::-1]} for text in WORDS])
    return recipe("embed", "encoder", {"train": path, "dev": path}), folder / "pairs.jsonl"


def search(folder: Path) -> tuple[Recipe, Path]:
    """Pairs of a folder in the layout of BEIR."""
    beir = folder / "beir"
    (beir / "qrels").mkdir(parents=True)
    rows(beir / "corpus.jsonl", [{"_id": f"d{n}", "title": "", "text": text} for n, text in enumerate(WORDS)])
    rows(beir / "queries.jsonl", [{"_id": f"q{n}", "text": text[:5]} for n, text in enumerate(WORDS)])
    (beir / "qrels" / "train.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in range(len(WORDS)))
    )
    return recipe("embed", "encoder", {"train": str(beir), "dev": None}), beir / "corpus.jsonl"


def tag(folder: Path) -> tuple[Recipe, Path]:
    path = folder / "words.conll"
    path.write_text(
        "".join(
            "".join(f"{word} {'B-P' if word == 'old' else 'O'}\n" for word in text.split()) + "\n" for text in WORDS
        )
    )
    return recipe("tag", "encoder", {"train": str(path), "dev": str(path)}), path


def answer(folder: Path) -> tuple[Recipe, Path]:
    made = [{"context": text, "question": "who is it", "answers": {"text": [text.split()[0]], "answer_start": [0]}}
            for text in WORDS]  # fmt: skip
    path = rows(folder / "answers.jsonl", made)
    return recipe("answer", "encoder", {"train": path, "dev": path}), folder / "answers.jsonl"


TABLES = [classify, translate, embed, search, tag, answer]


def begin(made: Recipe, out: Path, **options) -> None:
    train(made, out, report=False, **options)
    assert RunFolder(out).sources_file.exists()


def go_on(made: Recipe, out: Path, **options):
    longer = made.training.model_copy(update={"steps": 3})
    return train(made.model_copy(update={"training": longer}), out, resume=True, report=False, **options)


@pytest.mark.parametrize("task", TABLES)
def test_tables_that_have_changed_are_named(tmp_path, task):
    made, path = task(tmp_path)
    begin(made, tmp_path / "run")
    whole, times = path.read_text(), path.stat()
    old, new = {classify: ('"label": "0"', '"label": "1"'), translate: ("gnik", "Gnik")}.get(task, ("king", "kinG"))
    path.write_text(whole.replace(old, new, 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as one who hides it would
    name = str(tmp_path / "beir") if task is search else str(path)
    with pytest.raises(LangueError, match=r"the data are not those that .* began with: changed since then: ") as error:
        go_on(made, tmp_path / "run")
    assert f"since then: {name}; put back" in str(error.value)  # and no other file
    path.write_text(whole)
    assert go_on(made, tmp_path / "run").step == 3


def test_files_that_are_new_or_gone_are_named(tmp_path):
    made, path = classify(tmp_path)
    made = made.model_copy(
        update={"data": made.data.model_copy(update={"train": str(tmp_path / "*.jsonl"), "dev": None})}
    )
    shutil.copy(path, tmp_path / "more.jsonl")
    begin(made, tmp_path / "run")
    (tmp_path / "more.jsonl").rename(tmp_path / "others.jsonl")
    with pytest.raises(LangueError, match=r"gone since then: .*more\.jsonl; new since then: .*others\.jsonl"):
        go_on(made, tmp_path / "run")


def test_recordings_are_compared_as_well_as_their_manifest(tmp_path):
    draw = np.random.default_rng(0)
    made = []
    for number, text in enumerate(WORDS[:4]):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * draw.standard_normal(16_000), 16_000)
        made.append({"audio": f"{number}.wav", "text": text[:4]})
    path = rows(tmp_path / "manifest.jsonl", made)
    model = {"audio": {"bins": 20, "strides": [2, 2]}, "context": 128, "tie_embeddings": False}
    spoken = recipe("transcribe", "encoder", {"train": path, "dev": path}, model=model)
    begin(spoken, tmp_path / "run")
    before = (tmp_path / "2.wav").read_bytes()
    (tmp_path / "2.wav").write_bytes(before[:-2] + b"\x01\x01")
    with pytest.raises(LangueError, match=r"changed since then: .*2\.wav; put back"):
        go_on(spoken, tmp_path / "run")
    (tmp_path / "2.wav").write_bytes(before)
    assert go_on(spoken, tmp_path / "run").step == 3


def test_a_text_is_read_once_and_a_store_by_path_must_be_the_same(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(WORDS * 20))
    made = recipe("generate", "decoder", {"train": str(tmp_path / "text.txt"), "dev": 0.2})
    begin(made, tmp_path / "first")
    (tmp_path / "text.txt").write_text("something else altogether " * 20)
    assert go_on(made, tmp_path / "first").step == 3  # it has its own store of the text
    store = tmp_path / "store"
    shutil.copytree(tmp_path / "first" / "data" / "train", store)
    tokenizer = {"path": str(tmp_path / "first")}
    shared = recipe("generate", "decoder", {"train": str(store), "dev": 0.2}, tokenizer=tokenizer)
    begin(shared, tmp_path / "second")
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "first" / "data" / "dev", store)
    with pytest.raises(LangueError, match=r"changed since then: .*store"):
        go_on(shared, tmp_path / "second")


def test_weights_to_begin_with_are_compared_where_they_are_read_again(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(WORDS * 20))
    made = recipe("generate", "decoder", {"train": str(tmp_path / "text.txt"), "dev": 0.2})
    begin(made, tmp_path / "first")
    begin(made, tmp_path / "run", start_from=tmp_path / "first")
    shutil.rmtree(tmp_path / "first" / "model")
    assert go_on(made, tmp_path / "run", start_from=tmp_path / "first").step == 3  # it has a checkpoint
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    other = made.model_copy(update={"training": made.training.model_copy(update={"seed": 5})})
    shutil.rmtree(tmp_path / "first")
    begin(other, tmp_path / "first")
    with pytest.raises(LangueError, match=r"the weights are not those .* changed since then: .*first"):
        go_on(made, tmp_path / "run")


def test_each_of_several_seeds_compares(tmp_path):
    made, path = classify(tmp_path)
    train_seeds(made, tmp_path / "runs", 2, report=False)
    path.write_text(path.read_text().replace("king", "kinG"))
    with pytest.raises(LangueError, match=r"changed since then: .*rows\.jsonl"):
        train_seeds(made, tmp_path / "runs", 2, report=False)


def test_rows_of_python_are_compared_by_the_copy_that_the_run_keeps(tmp_path):
    given = [{"text": text, "label": str(n % 2)} for n, text in enumerate(WORDS)]
    made = recipe("classify", "encoder", {"train": "given", "dev": None})
    begin(made, tmp_path / "run", data=given)
    assert train(made, tmp_path / "run", resume="auto", data=given, report=False).step == 2
    copy = tmp_path / "run" / "data" / "train.jsonl"
    copy.write_text(copy.read_text().replace("king", "kinG"))
    with pytest.raises(LangueError, match=r"train\.jsonl"):
        train(made, tmp_path / "run", resume=True, data=given, report=False)


def test_auto_begins_or_goes_on(tmp_path):
    made, _ = classify(tmp_path)
    first = train(made, tmp_path / "run", resume="auto", report=False)
    assert (first.step, first.stopped) == (2, "the budget is used up")
    assert train(made, tmp_path / "run", resume="auto", report=False).stopped == "it had ended before"


def test_a_summary_of_seeds_replaces_no_other_file(tmp_path):
    made, _ = classify(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "seeds.json").write_text("mine")
    with pytest.raises(LangueError, match=r"holds a seeds\.json that is no training's; choose another --out"):
        train_seeds(made, tmp_path / "runs", 2, report=False)
    assert (tmp_path / "runs" / "seeds.json").read_text() == "mine"
