"""Evaluation: every token once, whatever the stride, against one probability at a time."""

import math

import pytest
import torch

import langue
from langue.batch import Batch
from langue.data.prepare import prepare
from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.tasks.generate import evaluate as module
from langue.tasks.generate.evaluate import evaluate_text
from langue.tasks.generate.predict import Generate
from langue.text import TokenizerSettings, train_tokenizer

TEXT = "Ein Text, dessen Zeichen mehr Bytes als Zeichen haben: äöü ß € 日本. " * 3


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TokenizerSettings(kind="char"), [TEXT])


@pytest.fixture
def store(tokenizer, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    return prepare(str(tmp_path / "text.txt"), tokenizer, tmp_path / "store")


def model_of(tokenizer, **changes):
    fields = {"vocab_size": tokenizer.vocab_size, "width": 16, "layers": 1, "heads": 2, "context": 12}
    return build(ModelConfig(**{**fields, "initializer_range": 0.5, **changes}), seed=1)


def one_by_one(model, store, end, stride):
    """The loss of each token from a window of its own."""
    ids = [end, *store.read(0, store.tokens).tolist()]
    context, losses = model.config.context, []
    for target in range(1, len(ids)):
        if target <= context:
            first = 0
        else:
            block = (target - 1 - context) // stride
            first = min(context + (block + 1) * stride, store.tokens) - context
        with torch.inference_mode():
            logs = model.eval()(Batch(torch.tensor([ids[first:target]])))[0, -1].log_softmax(-1)
        losses.append(-float(logs[ids[target]]))
    return losses


@pytest.mark.parametrize("stride", [1, 5, 12])
@pytest.mark.parametrize("changes", [{}, {"mixer": "lstm", "position": "none"}, {"context": 500}])
def test_each_token_is_predicted_once_with_what_the_stride_leaves_before_it(
    tokenizer, store, monkeypatch, stride, changes
):
    monkeypatch.setattr(module, "TOKENS", {"cpu": 40})  # several batches, the last one not full
    model = model_of(tokenizer, **changes)
    losses = one_by_one(model, store, tokenizer.end, stride)
    found = evaluate_text(model, tokenizer, store, stride=stride, quiet=True)
    assert len(losses) == store.tokens == len(TEXT) + 1
    assert found["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
    assert found["bits_per_byte"] == pytest.approx(sum(losses) / math.log(2) / len(TEXT.encode()), rel=1e-5)
    assert found["bits_per_character"] == pytest.approx(sum(losses) / math.log(2) / len(TEXT), rel=1e-5)


def test_training_mode_is_left_as_it_was_and_dropout_is_off(tokenizer, store):
    model = model_of(tokenizer, dropout=0.5).train()
    assert evaluate_text(model, tokenizer, store, quiet=True) == evaluate_text(model, tokenizer, store, quiet=True)
    assert model.training


def test_what_does_not_belong_together_is_refused(tokenizer, store):
    other = train_tokenizer(TokenizerSettings(kind="byte"), [])
    with pytest.raises(LangueError, match="another tokenizer"):
        evaluate_text(model_of(other), other, store)
    with pytest.raises(LangueError, match="from 1 to the context of 12, not 13"):
        evaluate_text(model_of(tokenizer), tokenizer, store, stride=13)


def test_a_model_of_nan_is_refused_and_not_measured(tokenizer, tmp_path):
    model = model_of(tokenizer)
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    with pytest.raises(LangueError, match="the model's output is not finite"):
        langue.evaluate(Generate(model, tokenizer), str(tmp_path / "text.txt"))
