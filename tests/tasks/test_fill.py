"""The fill task: what it learns, how it is resumed, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import labelled_rows
import langue
from langue.data import TokenStore
from langue.data.prepare import prepare
from langue.data.settings import ReadSettings
from langue.errors import LangueError
from langue.experiment import train
from langue.models import load_model
from langue.tasks.fill.evaluate import evaluate_masked
from langue.tasks.fill.settings import MaskingSettings
from langue.tasks.recipes import read_recipe
from langue.text import Tokenizer
from tiny import write_tiny

RECIPE = """\
task: fill
tokenizer: {kind: byte-bpe, vocab_size: 320}
model: {form: encoder, layers: 1, width: 32, heads: 2, context: 16, dropout: 0.1}
data: {train: text.txt, dev: 0.1}
training: {steps: 60, batch_size: 16, warmup_steps: 2, evaluate_every: 20, checkpoint_every: 20, log_every: 10,
           learning_rate: 0.01, device: cpu}
samples: {prompt: "the old<|mask|> saw"}
"""


def learn(folder, out="run", resume=False, **changes):
    path = folder / "recipe.yaml"
    if not path.exists():
        write_tiny(folder, RECIPE)
    recipe = read_recipe(path, {key.replace("__", "."): str(value) for key, value in changes.items()})
    return train(recipe, folder / out, resume=resume, report=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return learn(tmp_path_factory.mktemp("fill"))


def test_it_learns_and_fills(run):
    dev = [json.loads(line) for line in run.folder.metrics_file.read_text().splitlines()]
    dev = [row for row in dev if row["split"] == "dev"]
    assert run.metrics["loss"] == min(row["loss"] for row in dev) < 4 < np.log(320)
    assert {"perplexity", "accuracy", "sample"} <= dev[0].keys()
    task = langue.load(run.folder.path)
    (guesses,) = task.fill("the old<|mask|> saw a", top=3)
    assert len(guesses) == 3
    assert guesses[0]["probability"] >= guesses[1]["probability"]
    assert all("<|" not in guess["token"] for guess in guesses)
    many = task.fill(["a <|mask|> boat on<|mask|> sea", "the old<|mask|> saw a"], top=3)
    assert [len(gaps) for gaps in many] == [2, 1]
    assert many[1][0][0]["token"] == guesses[0]["token"]
    assert many[1][0][0]["probability"] == pytest.approx(guesses[0]["probability"], abs=1e-5)
    assert "pipeline_tag: fill-mask" in run.folder.card.read_text()


def test_the_same_tokens_are_hidden_in_every_evaluation(run, tmp_path):
    task = langue.load(run.folder.path)
    store = prepare(str(run.folder.path.parent / "text.txt"), task.tokenizer, tmp_path / "store", ReadSettings())
    one = evaluate_masked(task.model, task.tokenizer, store, MaskingSettings())
    assert one == evaluate_masked(task.model, task.tokenizer, TokenStore.open(tmp_path / "store"), MaskingSettings())
    assert one["guessed"] == pytest.approx(0.15 * store.tokens, rel=0.2)
    assert 0 < one["accuracy"] < 1


@pytest.mark.parametrize(
    "options", [{}, {"masking__pairs": "order"}, {"masking__whole_words": "true"}, {"data__pack": "true"}]
)
def test_stopped_and_gone_on_with_it_ends_as_it_would_have(tmp_path, options):
    options = {"training__steps": 24, **options}
    whole = learn(tmp_path, "whole", **options)
    learn(tmp_path, "parts", training__checkpoint_every=7, **options)
    last = tmp_path / "parts" / "checkpoints" / "step-00000024"
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    run = learn(tmp_path, "parts", resume=True, training__checkpoint_every=7, **options)
    one, other = load_model(whole.folder.model), load_model(run.folder.model)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert run.metrics == whole.metrics


@pytest.mark.parametrize("mixer", ["lstm", "gru", "rnn", "window"])
def test_every_mixer_can_fill(tmp_path, mixer):
    window = {"model__window": 3} if mixer == "window" else {}
    run = learn(tmp_path, training__steps=20, model__mixer=mixer, model__position="none", **window)
    assert run.metrics["loss"] < 5.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model__form": "decoder"}, "task: fill wants model.form: encoder"),
        ({"masking__rat": 0.1}, "unknown key masking.rat; did you mean rate"),
        ({"masking__masked": 0.95}, "masked 0.95 and replaced 0.1 are more than all"),
        ({"model__context": 2}, "has no room for text"),
        ({"masking__pairs": "next", "data__pack": "true"}, "set data.pack and data.document_mask off"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, changes, said):
    with pytest.raises(LangueError, match=said):
        learn(tmp_path, **changes)


def test_a_text_without_a_gap_or_longer_than_the_context_is_refused(run):
    task = langue.load(run.folder.path)
    with pytest.raises(LangueError, match=r"there is no gap in 'the old'; write <\|mask\|>"):
        task.fill("the old")
    with pytest.raises(LangueError, match="the model sees 16"):
        task.fill("the<|mask|> " + "old king " * 20)


def test_a_classifier_goes_on_from_it(run, tmp_path):
    content = labelled_rows.RECIPE.splitlines()
    content[2] = "model: {dropout: 0.0}"
    labelled_rows.write_recipe(tmp_path, content="\n".join(content))
    changes = {"training__steps": 1, "training__learning_rate": 1e-9}
    made = labelled_rows.learn(tmp_path, start_from=run.folder.path, **changes)
    trunk = dict(load_model(run.folder.model).named_parameters())
    for name, parameter in load_model(made.folder.model).named_parameters():
        assert name.startswith("classifier.output") or torch.allclose(parameter, trunk[name], atol=1e-6)
    assert Tokenizer.load(made.folder.path).fingerprint == Tokenizer.load(run.folder.path).fingerprint
