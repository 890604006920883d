"""A run goes out as the family that it began from, with the head of that family's own classes, without a setting."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.hub.published import CASES, IDS, save
from tests.hub.test_family_tokenizers import distilbert, modernbert, xlm_r

import langue
from langue import cli
from langue.batch import Batch
from langue.errors import LangueError
from langue.experiment import train
from langue.experiment.resolve import begin_from
from langue.experiment.start import copy_weights, read_start
from langue.hub.settings import choose_counterpart, own_head
from langue.models import build
from langue.models.heads import ClassifierConfig
from langue.tasks.recipes import read_recipe
from langue.tasks.training_task import training_task

TOKENIZERS: Mapping[str, Callable[[], Any]] = {
    "bert": distilbert,
    "distilbert": distilbert,
    "deberta": distilbert,
    "modernbert": modernbert,
    "roberta": xlm_r,
    "xlm-r": xlm_r,
}
ROWS = [
    {"text": f"the {word} fox", "label": answer, "tokens": ["the", word, "fox"], "tags": ["O", "B-A", "I-A"]}
    | {"question": word, "context": f"the {word} fox", "answers": {"text": ["fox"], "answer_start": [len(word) + 5]}}
    for word, answer in [("quick", "yes"), ("lazy", "no"), ("brown", "maybe")] * 5
]
TASKS = {"classify": "SequenceClassification", "tag": "TokenClassification", "answer": "QuestionAnswering"}
STARTS = ("", " words", " classes", " tags")


def begin(name: str, folder: Path) -> None:
    """A folder of theirs with a tokenizer, whose vocabulary the model has."""
    tokenizer = TOKENIZERS[name.split()[0]]()
    architecture, fields = CASES[name]
    fields = {**fields, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CASES, name, (architecture, fields))
        save(name, folder)
    tokenizer.save_pretrained(folder)


def recipe_of(task: str, folder: Path, **more: Any) -> Any:
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    training = {"steps": 2, "batch_size": 4, "evaluate_every": 2, "device": "cpu", "learning_rate": 1e-2}
    data = {"train": str(folder / "rows.jsonl"), "dev": 0.2}
    return read_recipe({"task": task, "data": data, "training": training, **more})


def complete(recipe: Any, start: Path) -> Any:
    recipe = begin_from(recipe, start)
    return training_task(recipe).complete(recipe, langue.text.Tokenizer.load(start))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("family", TOKENIZERS)
def test_heads_are_those_of_the_familys_own_classes(family: str, start: str, tmp_path: Path) -> None:
    begin(family + start, tmp_path / "base")
    origin = read_start(tmp_path / "base").checkpoint.origin
    for task, kind in TASKS.items():
        config = complete(recipe_of(task, tmp_path), tmp_path / "base").architecture()
        labels = None if task == "answer" else ["a", "b", "c"]
        found = choose_counterpart(config, labels, {"model_type": origin["model_type"]})[1]
        assert found.architecture.endswith(f"For{kind}")
        assert found.architecture.startswith(CASES[family][0].removesuffix("Model"))


@pytest.mark.parametrize(("family", "start", "task"), [
    ("bert", " words", "classify"),
    ("distilbert", " words", "classify"),
    ("deberta", "", "classify"),
    ("modernbert", " words", "classify"),
    ("modernbert", " classes", "tag"),
    ("modernbert", "", "answer"),
    ("roberta", " tags", "classify"),
    ("xlm-r", " words", "classify"),
])  # fmt: skip
def test_theirs_computes_the_same(family: str, start: str, task: str, tmp_path: Path) -> None:
    begin(family + start, tmp_path / "base")
    train(recipe_of(task, tmp_path), tmp_path / "run", start_from=tmp_path / "base", report=False)
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    theirs = getattr(transformers, f"AutoModelFor{TASKS[task]}").from_pretrained(tmp_path / "out").eval()
    ids = IDS[:, :9] % 30 + 6
    with torch.no_grad():
        ours, said = langue.load(tmp_path / "run").model.classify(Batch(ids)), theirs(ids)
    said = torch.stack([said.start_logits, said.end_logits], -1) if task == "answer" else said.logits
    assert said.abs().max() > 1e-3
    torch.testing.assert_close(ours, said, atol=1e-4, rtol=0)


def test_several_labels_and_numbers_are_told_as_transformers_tells_them(tmp_path: Path) -> None:
    """By which a pipeline of theirs gives each label a probability of its own, and we do again."""
    begin("bert", tmp_path / "base")
    for kind, labels, problem in [
        ("labels", ["a", "a|b", "b", "c"], "multi_label_classification"),
        ("number", ["1", "2.5", "3"], "regression"),
        ("label", ["a", "b"], "single_label_classification"),
    ]:
        rows = [{"text": f"the {word} fox", "label": label} for word in ("quick", "lazy", "brown") for label in labels]
        (tmp_path / "kinds.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        recipe = recipe_of("classify", tmp_path, classify={"kind": kind})
        recipe = recipe.replace(data={"train": str(tmp_path / "kinds.jsonl"), "dev": None})
        run, out = tmp_path / f"run-{kind}", tmp_path / f"out-{kind}"
        train(recipe, run, start_from=tmp_path / "base", report=False)
        assert cli.run(["export", str(run), str(out)]) == 0
        assert json.loads((out / "config.json").read_text())["problem_type"] == problem
        texts = [row["text"] for row in rows]
        ours = langue.load(run).classify(texts, scores=True)
        theirs = transformers.pipeline("text-classification", str(out), top_k=None)(texts)
        for judged, again, scored in zip(ours, langue.load(out).classify(texts, scores=True), theirs, strict=True):
            assert judged == again
            if kind != "number":  # of which theirs makes a probability
                assert {row["label"]: row["score"] for row in scored} == pytest.approx(judged["scores"], abs=1e-5)


def test_a_run_in_between_is_of_the_family_too(tmp_path: Path) -> None:
    begin("distilbert words", tmp_path / "base")
    (tmp_path / "more.txt").write_text("The quick brown fox jumps over the lazy dog.\n" * 40)
    data, training = {"train": str(tmp_path / "more.txt"), "dev": None}, {"steps": 1, "batch_size": 2, "device": "cpu"}
    filler = {"task": "fill", "data": data, "training": training}
    train(filler, tmp_path / "filler", start_from=tmp_path / "base", report=False)
    head = complete(recipe_of("classify", tmp_path), tmp_path / "filler").model.classifier
    assert (head.pooling, head.dense) == ("first", "relu")


def test_a_recipe_may_say_otherwise(tmp_path: Path) -> None:
    begin("distilbert words", tmp_path / "base")
    recipe = complete(recipe_of("classify", tmp_path, classify={"pooling": "mean", "dense": "none"}), tmp_path / "base")
    head = recipe.model.classifier
    assert (head.pooling, head.dense) == ("mean", "none")
    with pytest.raises(LangueError, match="heads with pooling: mean, dense: none, but for pooling: first, dense: relu"):
        choose_counterpart(recipe.architecture(), None, {"model_type": "distilbert"})


def test_a_modernbert_pools_as_its_folder_says_imported_or_not(tmp_path: Path) -> None:
    begin("modernbert", tmp_path / "base")
    settings = json.loads((tmp_path / "base" / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps({**settings, "classifier_pooling": "mean"}))
    assert cli.run(["import", str(tmp_path / "base"), str(tmp_path / "imported")]) == 0
    for start in ("base", "imported"):
        assert complete(recipe_of("classify", tmp_path), tmp_path / start).model.classifier.pooling == "mean"


def test_a_modernbert_judges_with_the_dense_layer_by_which_it_guessed(tmp_path: Path) -> None:
    """Which Transformers' classes have under one name."""
    begin("modernbert words", tmp_path / "base")
    start = read_start(tmp_path / "base")
    model = build(complete(recipe_of("classify", tmp_path), tmp_path / "base").architecture())
    new = copy_weights(model, start, ["a", "b", "c"])
    assert new == ["classifier.output.weight", "classifier.output.bias"]
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    assert torch.equal(model.get_parameter("classifier.dense.linear.weight"), theirs.head.dense.weight)
    assert torch.equal(model.get_parameter("classifier.norm.weight"), theirs.head.norm.weight)


def test_the_dense_layers_of_a_bert_are_two(tmp_path: Path) -> None:
    begin("bert words", tmp_path / "base")
    model = build(complete(recipe_of("classify", tmp_path), tmp_path / "base").architecture())
    assert "classifier.dense.linear.weight" in copy_weights(model, read_start(tmp_path / "base"), ["a", "b", "c"])


def test_decoders_judge_by_their_last_token_without_a_bias() -> None:
    assert own_head({"model_type": "llama"}, "text") == ClassifierConfig(pooling="last", bias=False)
    assert own_head({"model_type": "llama"}, "position") is None
    assert own_head({}, "text") is None


def test_a_trained_xlm_r_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begin("xlm-r words", tmp_path / "base")
    assert cli.run(["import", "base", "imported"]) == 0
    for start in ("base", "imported"):
        train(recipe_of("classify", tmp_path), out=tmp_path / f"run-{start}", start_from=tmp_path / start, report=False)
        assert cli.run(["export", f"run-{start}", f"out-{start}"]) == 0
        again = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / f"out-{start}")
        assert type(again).__name__ == "XLMRobertaForSequenceClassification"
    shutil.rmtree(tmp_path / "base")
    assert cli.run(["export", "run-base", "later"]) == 0
    assert json.loads((tmp_path / "later" / "config.json").read_text())["model_type"] == "roberta"
