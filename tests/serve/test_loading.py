"""What is served under which name: models, their adapters, and indices by the models that made them."""

from __future__ import annotations

import json

import pytest
import torch
from served import embedder, writer

import langue
from langue.batch import Batch
from langue.errors import LangueError
from langue.experiment import train
from langue.models import save_model
from langue.search import Index
from langue.serve.counts import Counts
from langue.serve.loading import load_indices, load_models, named, serve
from langue.serve.models import ServedModels
from langue.serve.settings import ServeSettings
from langue.serve.worker import Worker
from langue.tasks.recipes import read_recipe
from tiny import write_tiny

SETTINGS = ServeSettings()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base, and adapters on it."""
    folder = tmp_path_factory.mktemp("loading")
    path = write_tiny(folder)
    train(read_recipe(path), folder / "base", report=False)
    adapting = read_recipe(path, {"model": "{}", "adapt": json.dumps({"rank": 2, "on": ["attention"]})})
    adapting = adapting.replace(training={"steps": 8, "learning_rate": 0.1})
    train(adapting, folder / "one", start_from=folder / "base", report=False)
    return folder


def logits(task) -> torch.Tensor:
    with torch.no_grad():
        return task.model(Batch(torch.arange(10)[None] % 7))


def test_adapters_stand_beside_their_base(folder):
    base, one = folder / "base", folder / "one"
    models = load_models([f"b={base}"], [f"one={one}", f"b:two={one}"], Worker(1, Counts()), SETTINGS, "cpu")
    assert list(models.by_name) == ["b", "b:one", "b:two"]
    plain, adapted = logits(langue.load(base, "cpu")), logits(langue.load(one, "cpu"))
    assert torch.equal(logits(models.named("b").task), plain)
    assert torch.equal(logits(models.named("b:one").task), adapted)
    assert not torch.equal(plain, adapted)


def test_adapters_hold_the_tensors_of_their_base_and_not_copies(folder):
    base, one = folder / "base", folder / "one"
    models = load_models([f"b={base}"], [f"one={one}"], Worker(1, Counts()), SETTINGS, "cpu")
    held = {parameter.data_ptr() for parameter in models.named("b").task.model.parameters()}
    adapted = dict(models.named("b:one").task.model.named_parameters())
    alone = {name for name, parameter in adapted.items() if parameter.data_ptr() not in held}
    assert alone == {name for name in adapted if name.endswith((".down", ".up"))}


def test_a_draft_has_the_tokens_of_its_model(folder):
    worker, settings = Worker(1, Counts()), ServeSettings(speculate=2)
    base = str(folder / "base")
    models = load_models([f"b={base}"], [], worker, settings, "cpu", drafts=[f"b={folder / 'one'}"])
    assert list(models.by_name) == ["b"]
    with pytest.raises(LangueError, match="there is no model c"):
        load_models([f"b={base}"], [], worker, settings, "cpu", drafts=[f"c={base}"])
    with pytest.raises(LangueError, match="another tokenizer"):
        serve("b", models.named("b").task, worker, settings, writer(kind="byte-bpe"))


def test_names_are_those_of_folders_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    for source, name in [
        ("runs/small", "small"),
        ("runs/small/", "small"),
        ("model.q4.gguf", "model.q4"),
        ("hf:OWNER/NAME", "NAME"),
        (".", tmp_path.name),
        ("a=b", "a=b"),
    ]:
        assert named(source) == (name, source)
    assert named("mine=runs/small") == ("mine", "runs/small")


def test_what_has_no_route_is_refused(folder, tmp_path):
    with pytest.raises(LangueError, match="say which model it is for: --adapter b:one="):
        load_models([f"b={folder / 'base'}", "c=d"], [f"one={folder / 'one'}"], Worker(1, Counts()), SETTINGS)


def test_an_index_is_searched_by_the_model_that_is_served(tmp_path):
    task = embedder()
    save_model(task.model, tmp_path / "vectors")
    task.tokenizer.save(tmp_path / "vectors")
    (tmp_path / "texts.txt").write_text("the old king\n\na red boat on the sea\n")
    loaded = langue.load(tmp_path / "vectors", "cpu", task="embed")
    Index.build(str(tmp_path / "texts.txt"), tmp_path / "index", loaded)
    worker = Worker(1, Counts())
    indices = load_indices([f"kings={tmp_path / 'index'}"], served_models(loaded, worker), worker, "cpu")
    assert indices["kings"].index.model is loaded
    with pytest.raises(LangueError, match="two indices are called index"):
        load_indices([str(tmp_path / "index")] * 2, served_models(loaded, worker), worker, "cpu")


def served_models(task, worker) -> ServedModels:
    return ServedModels([serve("vectors", task, worker, SETTINGS)])
