import base64

import numpy as np
import pytest
import torch

from langue.batch import Batch
from langue.cli import run
from langue.cli.inspect import attention, look
from langue.errors import LangueError
from langue.models import Model, ModelConfig, build, save_model
from langue.report.attention import attention_page
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

TEXT = "Look, a fox!\n"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="byte"), ["abc"])


def model_of(tokenizer: Tokenizer, **fields) -> Model:
    return build(ModelConfig.model_validate({"vocab_size": tokenizer.vocab_size, "context": 16, "layers": 2, **fields}))


@pytest.fixture
def folder(tmp_path, tokenizer):
    tokenizer.save(tmp_path / "fox")
    save_model(model_of(tokenizer, preset="gpt2-nano"), tmp_path / "fox" / "model")
    return tmp_path / "fox"


def test_the_picture_holds_the_models_own_weights(folder, tokenizer, tmp_path, capsys):
    attention(folder, TEXT, out=tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    ids = torch.tensor([tokenizer.encode(TEXT)])
    expected = model_of(tokenizer, preset="gpt2-nano").attention(Batch(ids))[0][0, 0].detach().numpy()
    packed = page.split('data-weights="', 2)[1].split('"')[0]
    drawn = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(13, 13) / 255
    assert np.abs(drawn - expected).max() <= 0.5 / 255 + 1e-6
    assert "What fox looks at" in page
    assert "2 layers of 4 heads, 13 tokens" in capsys.readouterr().out


def test_tokens_are_named_by_their_text(folder, tokenizer):
    looks = look(model_of(tokenizer, preset="llama-nano"), tokenizer, TEXT, None, "fox")
    assert list(looks.tokens) == list(TEXT)
    assert [layer.shape for layer in looks.layers] == [(4, 13, 13)] * 2
    assert np.triu(looks.layers[0][0], 1).max() == 0


def test_layers_of_a_hybrid_keep_their_numbers(tokenizer):
    layers = ["gru", "attention", "gru", {"mixer": "attention", "heads": 2}]
    looks = look(model_of(tokenizer, layers=layers), tokenizer, TEXT, None, "fox")
    assert [layer.shape[0] for layer in looks.layers] == [4, 2]
    assert looks.numbers == (2, 4)
    assert "layer 4, head 2" in attention_page(looks)
    assert "layer 1, head 1" not in attention_page(looks)


def test_an_encoder_decoder_looks_at_its_source(tokenizer):
    looks = look(model_of(tokenizer, preset="gpt2-nano", form="seq2seq"), tokenizer, "ab", "xyz", "fox")
    assert (list(looks.tokens), list(looks.targets)) == (["a", "b"], ["x", "y", "z"])
    assert looks.layers[1].shape == (4, 2, 3)


@pytest.mark.parametrize(
    ("fields", "text", "source", "sentence"),
    [
        ({"preset": "lstm-nano"}, TEXT, None, "fox has no attention to draw: its positions exchange by lstm alone"),
        (
            {"preset": "gpt-nano"},
            "a" * 17,
            None,
            "the text has 17 tokens, but the model looks at 16 at most; shorten it",
        ),
        ({"preset": "gpt-nano"}, "", None, "there is nothing to look at: the text has no tokens"),
        ({"preset": "gpt-nano"}, "a", "b", "fox reads one text alone: leave out the second"),
        ({"preset": "gpt2-nano", "form": "seq2seq"}, "a", None, "give what is written about the text as well"),
    ],
)
def test_what_cannot_be_drawn_is_said(tokenizer, fields, text, source, sentence):
    with pytest.raises(LangueError, match=sentence):
        look(model_of(tokenizer, **fields), tokenizer, text, source, "fox")


def test_mistakes_on_the_command_line_end_in_a_sentence(folder, tmp_path, capsys):
    assert run(["inspect", "attention", str(folder), "hi", "--out", str(tmp_path / "a.pdf")]) == 2
    assert "must end in .html, .svg or .png" in capsys.readouterr().err
    assert run(["inspect", "attention", str(tmp_path / "nowhere"), "hi", "--out", str(tmp_path / "a.svg")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not list(tmp_path.glob("a.*"))
