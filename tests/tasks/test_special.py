"""Names of special tokens in texts: letters, unless the user wants them to be the tokens, in every task that reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from langue import cli
from langue.batch import Batch
from langue.models import ModelConfig, build, save_model
from langue.models.config import ClassifierConfig
from langue.tasks.classify.predict import Classify
from langue.tasks.classify.settings import ClassifySettings
from langue.tasks.embed.predict import Embed
from langue.tasks.fill.predict import Fill
from langue.tasks.generate.predict import Generate
from langue.tasks.summarize.predict import Summarize
from langue.tasks.summarize.prompted import Prompted
from langue.tasks.translate.predict import Translate
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

TEXT = "a <|separator|> b"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="byte"), [])


def model(tokenizer: Tokenizer, form: str, **fields):
    size = {"layers": 1, "width": 16, "heads": 2, "context": 64}
    return build(ModelConfig(vocab_size=tokenizer.vocab_size, form=form, **size, **fields), seed=3)


def test_one_tokenizer_reads_both_ways(tokenizer: Tokenizer) -> None:
    reading = tokenizer.reading_specials()
    assert reading.encode(TEXT) == tokenizer.encode(TEXT, special=True) == reading.encode(TEXT, special=True)
    assert reading.encode_batch([TEXT]) == [tokenizer.encode(TEXT, special=True)]
    assert tokenizer.separator in reading.encode(TEXT)
    assert tokenizer.separator not in tokenizer.encode(TEXT)
    assert len(reading.encode(TEXT)) == 5
    assert tokenizer.reading_specials(False) is tokenizer
    assert reading.reading_specials() is reading
    assert (reading.fingerprint, reading.vocab_size) == (tokenizer.fingerprint, tokenizer.vocab_size)
    assert len(tokenizer.encode(TEXT)) == len(TEXT)  # which was not changed


def test_vectors(tokenizer: Tokenizer) -> None:
    task = Embed(model(tokenizer, "encoder"), tokenizer)
    expected = task._vectors([tokenizer.pair(tokenizer.encode(TEXT, special=True))[0]], None, None)[0]
    plain = task._vectors([tokenizer.pair(tokenizer.encode(TEXT))[0]], None, None)[0]
    for found in (task.embed(TEXT, special=True), task.embed([TEXT], special=True)[0]):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(task.embed(TEXT), plain, atol=1e-6)
    assert abs(plain - expected).max() > 1e-3


def test_labels(tokenizer: Tokenizer) -> None:
    head = ClassifierConfig(outputs=2)
    for kind, given in (
        ("label", TEXT),
        ("label", (TEXT, TEXT)),
        ("choice", {"text": TEXT, "choices": [TEXT, "b <|start|>"]}),
    ):
        outputs = head if kind == "label" else head.model_copy(update={"outputs": 1})
        settings = ClassifySettings(kind=kind, labels=("x", "y") if kind == "label" else ())
        task = Classify(model(tokenizer, "encoder", classifier=outputs), tokenizer, settings)
        special, plain = (task.classify(given, scores=True, special=each)["scores"] for each in (True, False))
        assert special != plain
        assert plain == task.classify(given, scores=True)["scores"]
        task.check_input(given, "here", True)


def test_gaps(tokenizer: Tokenizer) -> None:
    net = model(tokenizer, "encoder")
    task = Fill(net, tokenizer)
    ids = tokenizer.pair(tokenizer.encode("a <|separator|> <|mask|>.", special=True))[0]
    with torch.no_grad():
        logits = net.head(net.hidden(Batch(torch.tensor([ids]))))[0, ids.index(tokenizer.mask)].clone()
    logits[[*tokenizer.specials]] = -torch.inf
    found = task.fill("a <|separator|> <|mask|>.", special=True, top=1)[0][0]
    assert found["token"] == tokenizer.decode([int(logits.argmax())])
    assert found["probability"] == pytest.approx(logits.softmax(-1).max().item(), abs=1e-5)
    assert task.fill("a <|separator|> <|mask|>.", top=1)[0][0]["probability"] != pytest.approx(found["probability"])


@pytest.mark.parametrize("kind", [Translate, Summarize])
def test_texts_of_texts(tokenizer: Tokenizer, kind: type) -> None:
    task = kind(model(tokenizer, "seq2seq"), tokenizer)
    ids = {each: task.rewrite([TEXT], special=each, max_tokens=2)[0].read for each in (True, False)}
    assert list(ids[True]) == task.sides.framed([], tokenizer.encode(TEXT, special=True))
    assert list(ids[False]) == task.sides.framed([], tokenizer.encode(TEXT))
    assert isinstance(getattr(task, kind.name)(TEXT, special=True, max_tokens=2), str)
    assert task.attention(TEXT, "b", special=True)[1] == task.source_names(ids[True])


def test_summaries_by_a_decoder(tokenizer: Tokenizer) -> None:
    decoder = Generate(model(tokenizer, "decoder"), tokenizer)
    found = {each: Prompted(decoder).rewrite([TEXT], special=each, max_tokens=5)[0].scores for each in (True, False)}
    assert found[True] != found[False]


def test_verbs_that_read_texts_have_the_option(tokenizer: Tokenizer, tmp_path: Path, capsys) -> None:
    forms = {"embed": "encoder", "fill": "encoder", "summarize": "decoder"}
    for verb, form in forms.items():
        tokenizer.save(tmp_path / verb)
        save_model(model(tokenizer, form, head_bias=verb == "fill"), tmp_path / verb / "model")
        text = f"{TEXT} <|mask|>" if verb == "fill" else TEXT
        more = ["--max-tokens", "5"] if verb == "summarize" else []
        said = []
        for option in ([], ["--special"]):
            assert cli.run([verb, str(tmp_path / verb), text, "--json", *more, *option]) == 0
            said.append(capsys.readouterr().out)
        assert said[0] != said[1], verb
    (tmp_path / "text.txt").write_text(TEXT)
    counts = []
    for option in ([], ["--special"]):
        assert (
            cli.run(["tokenizer", "report", str(tmp_path / "embed"), str(tmp_path / "text.txt"), "--json", *option])
            == 0
        )
        counts.append(json.loads(capsys.readouterr().out)["tokens"])
    assert counts == [len(TEXT), 5]
