"""The embed task: vectors of texts, held against sentence-transformers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.hub.published import BERT, VOCABULARY

import langue
from langue.batch import Batch
from langue.errors import LangueError
from langue.models import ModelConfig, build, save_model
from langue.tasks import embed as module
from langue.tasks.embed import Embed
from langue.text import TokenizerSettings, train_tokenizer

os.environ["HF_HUB_OFFLINE"] = "1"
sentence_transformers = pytest.importorskip("sentence_transformers")
modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")

WORDS = [f"w{number}" for number in range(VOCABULARY - 5)]


def texts(count: int, seed: int = 0) -> list[str]:
    draws = np.random.default_rng(seed)
    return [" ".join(draws.choice(WORDS, draws.integers(1, 40))) for _ in range(count)]


def save_bert(folder: Path) -> None:
    """A small BERT with a WordPiece tokenizer, as Transformers lays it out."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(1)
    BertModel(BertConfig(**BERT, initializer_range=0.5)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    save_bert(folder)
    return folder


def sentence_model(bert: Path, pooling: str = "mean", *more, **settings):
    from sentence_transformers.base.modules import Transformer

    trunk = Transformer(str(bert), max_seq_length=settings.pop("max_seq_length", 20))
    return sentence_transformers.SentenceTransformer(
        modules=[trunk, modules.Pooling(32, pooling), *more], device="cpu", **settings
    )


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
    theirs = sentence_model(bert, "mean", modules_normalize())
    theirs.save(str(tmp_path))
    task = langue.load(tmp_path)
    expected = theirs.encode(texts(9), truncate_dim=8, normalize_embeddings=True)
    np.testing.assert_allclose(task.embed(texts(9), size=8), expected, atol=1e-5)
    with pytest.raises(LangueError, match="have 32 numbers, of which 33 cannot be taken"):
        task.embed(texts(1), size=33)


def modules_normalize():
    from sentence_transformers.base.modules import Normalize

    return Normalize()


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
