"""The embed task: vectors of texts, held against sentence-transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.sentences import dense, normalize, save_bert, sentence_model, texts

import langue
from langue import cli
from langue.batch import Batch
from langue.errors import LangueError
from langue.hub import PretrainedModel, save_checkpoint
from langue.models import ModelConfig, build, save_model
from langue.tasks.embed import predict as module
from langue.tasks.embed.predict import Embed
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.reading import Reading

SentenceTransformer = pytest.importorskip("sentence_transformers").SentenceTransformer


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    save_bert(folder)
    return folder


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken", "weightedmean", "max", "mean_sqrt_len_tokens"])
def test_a_folder_of_sentence_transformers_gives_the_same_vectors(bert, tmp_path, pooling):
    theirs = sentence_model(bert, pooling)
    theirs.save(str(tmp_path))
    task = langue.load(tmp_path)
    assert (task.name, task.size) == ("embed", 32)
    some = [*texts(40), "", "w1 zzz"]
    np.testing.assert_allclose(task.embed(some), theirs.encode(some), atol=1e-5)


def test_a_bert_alone_gives_the_mean_of_its_hidden_vectors(bert):
    task = langue.load(bert)
    theirs = sentence_model(bert, max_seq_length=32)
    np.testing.assert_allclose(task.embed(texts(20)), theirs.encode(texts(20)), atol=1e-5)


def test_vectors_do_not_depend_on_the_company_nor_on_how_texts_come(bert, monkeypatch):
    task = langue.load(bert)
    some = texts(30)
    together = task.embed(some)
    for text, vector in zip(some, together, strict=True):
        np.testing.assert_allclose(task.embed(text), vector, atol=1e-5)
    monkeypatch.setattr(module, "POOL", 7)
    done: list[int] = []
    np.testing.assert_allclose(task.embed(some, batch_tokens=50, advance=done.append), together, atol=1e-5)
    assert done == [7, 7, 7, 7, 2]
    streamed = task.embed_stream(iter(some))
    assert [len(part) for part in streamed] == [7, 7, 7, 7, 2]
    assert task.embed([]).shape == (0, 32)


def test_many_texts_make_batches_of_few_shapes(bert, monkeypatch):
    monkeypatch.setattr(module, "POOL", 50)
    task = langue.load(bert)
    draws = np.random.default_rng(0)
    words = [" ".join(texts(1)[0].split()[:1] * count) for count in draws.integers(1, 6, 3000)]
    read, shapes = task.model.read, set()

    def remembered(batch):
        shapes.add(tuple(batch.ids.shape))
        return read(batch)

    monkeypatch.setattr(task.model, "read", remembered)
    longest = max(map(len, task.reading.encode(task.tokenizer, words, 32)))
    assert len(task.embed(words, batch_tokens=200)) == 3000
    for rows, length in shapes:
        assert rows * length <= 200
        assert rows == 200 // length or rows & (rows - 1) == 0
    assert len(shapes) <= 3 * longest


def test_a_stream_asks_for_no_more_texts_than_it_needs(bert, monkeypatch):
    monkeypatch.setattr(module, "POOL", 3)
    asked = []

    def source():
        for text in texts(9):
            asked.append(text)
            yield text

    stream = langue.load(bert).embed_stream(source())
    next(stream)
    assert len(asked) == 3


@pytest.mark.parametrize("mixer", ["attention", "lstm", "gru"])
@pytest.mark.parametrize("form", ["encoder", "decoder", "seq2seq"])
def test_any_form_and_mixer_is_a_trunk(form, mixer, tmp_path):
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["the old king saw a red boat"])
    position = "rotary" if mixer == "attention" else "none"
    pooling = "last" if form == "decoder" else "mean"
    config = ModelConfig(
        form=form, mixer=mixer, position=position, vocab_size=tokenizer.vocab_size, embedder={"pooling": pooling},
        width=16, heads=2, layers=1, context=12,
    )  # fmt: skip
    model = build(config)
    save_model(model, tmp_path / "model")
    tokenizer.save(tmp_path)
    task = langue.load(tmp_path)
    assert task.name == "embed"
    found = task.embed(["king", "the old red boat", ""])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    ids, _ = tokenizer.pair(tokenizer.encode("king"))
    with torch.no_grad():
        hidden = model.eval().read(Batch(torch.tensor([ids])))[0]
    expected = hidden[-1] if form == "decoder" else hidden.mean(0)
    np.testing.assert_allclose(found[0], (expected / expected.norm()).numpy(), atol=1e-6)


def test_first_numbers_of_a_vector_have_length_one_again(bert, tmp_path):
    theirs = sentence_model(bert, "mean", normalize())
    theirs.save(str(tmp_path))
    task = langue.load(tmp_path)
    expected = theirs.encode(texts(9), truncate_dim=8, normalize_embeddings=True)
    np.testing.assert_allclose(task.embed(texts(9), size=8), expected, atol=1e-5)
    with pytest.raises(LangueError, match="have 32 numbers, of which 33 cannot be taken"):
        task.embed(texts(1), size=33)


def test_the_fingerprint_tells_what_makes_vectors(bert, tmp_path):
    task = langue.load(bert)
    assert task.fingerprint == langue.load(bert).fingerprint
    assert len(task.fingerprint) == 16
    sentence_model(bert, prompts={"query": "w1 "}).save(str(tmp_path))
    other = langue.load(tmp_path)
    assert other.fingerprint != task.fingerprint
    changed = Embed(other.model, other.tokenizer, other.reading.model_copy(update={"prompts": {}}))
    assert changed.fingerprint != other.fingerprint
    with torch.no_grad():
        next(other.model.stack.parameters())[0] += 1e-3
    assert Embed(other.model, other.tokenizer, other.reading).fingerprint != other.fingerprint


def test_prompts_stand_before_a_text(bert, tmp_path):
    prompts = {"query": "w1 w2 ", "passage": "w3 ", "other": "w4 "}
    theirs = sentence_model(bert, prompts=prompts, default_prompt_name="other")
    theirs.save(str(tmp_path))
    task = langue.load(tmp_path)
    some = texts(5)
    np.testing.assert_allclose(task.embed(some, prompt="query"), theirs.encode_query(some), atol=1e-5)
    np.testing.assert_allclose(
        task.embed(some, prompt="document"), theirs.encode(some, prompt_name="passage"), atol=1e-5
    )
    np.testing.assert_allclose(task.embed(some), theirs.encode(some), atol=1e-5)
    with pytest.raises(LangueError, match="there is no prompt 'title'; known: other, passage, query"):
        task.embed(some, prompt="title")


@pytest.mark.parametrize("activation", ["Identity", "Tanh", "ReLU", "GELU"])
def test_projections_are_read_and_written_both_ways(bert, tmp_path, activation):
    layers = [dense(12, getattr(torch.nn, activation)()), dense(6, torch.nn.Identity(), bias=False, inputs=12)]
    theirs = sentence_model(bert, "cls", *layers, normalize(), prompts={"query": "w5 "})
    theirs.save(str(tmp_path / "theirs"))
    task = langue.load(tmp_path / "theirs")
    some = texts(9)
    np.testing.assert_allclose(task.embed(some), theirs.encode(some), atol=1e-5)
    assert cli.run(["import", str(tmp_path / "theirs"), str(tmp_path / "ours")]) == 0
    assert langue.load(tmp_path / "ours").fingerprint == task.fingerprint
    assert cli.run(["export", str(tmp_path / "ours"), str(tmp_path / "again")]) == 0
    again = langue.load(tmp_path / "again")
    assert (again.fingerprint, again.reading) == (task.fingerprint, task.reading)
    back = SentenceTransformer(str(tmp_path / "again"), device="cpu")
    np.testing.assert_allclose(back.encode_query(some), theirs.encode_query(some), atol=1e-5)


@pytest.mark.parametrize(
    ("form", "pooling"), [("encoder", "mean"), ("encoder", "max"), ("decoder", "last"), ("decoder", "weighted")]
)
def test_models_of_ours_give_sentence_transformers_the_same_vectors(tmp_path, form, pooling):
    kind = "bert" if form == "encoder" else "llama"
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), ["the old king saw a red boat"])
    config = ModelConfig(
        **SHAPES[kind], vocab_size=tokenizer.vocab_size, width=16, heads=2, layers=2, context=24,
        embedder={"pooling": pooling, "layers": [{"width": 7, "activation": "tanh"}]},
    )  # fmt: skip
    model = build(config, seed=3).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    save_checkpoint(
        PretrainedModel(model, tokenizer, reading=Reading(max_tokens=12, prompts={"query": "find "})), tmp_path
    )
    assert cli.run(["export", str(tmp_path), str(tmp_path / "out")]) == 0
    task, theirs = langue.load(tmp_path), SentenceTransformer(str(tmp_path / "out"), device="cpu")
    some = ["king", "the old red boat saw the king and a boat", "Ünïcode 日本"]
    np.testing.assert_allclose(task.embed(some, prompt="query"), theirs.encode_query(some), atol=1e-5)
    np.testing.assert_allclose(task.embed(some), theirs.encode(some), atol=1e-5)


SHAPES = {
    "bert": {
        "form": "encoder", "position": "learned", "norm": "layer", "norm_place": "post", "bias": True, "segments": 2,
        "embedding_norm": True, "feedforward": "gelu", "norm_epsilon": 1e-12,
    },
    "llama": {"form": "decoder", "feedforward": "swiglu", "norm": "rms", "position": "rotary"},
}  # fmt: skip
"""Architectures of ours that Hugging Face has as well."""
