"""`langue import` and `langue export`, and every verb on what they make."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import transformers
from tests.hub.published import GPT2, save
from tests.tiny import text, write_tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

import langue
from langue import cli
from langue.batch import Batch
from langue.hub import PretrainedModel, read_published, save_checkpoint, write
from langue.hub.formats import read_source
from langue.models import ModelConfig, build
from langue.tasks.folders import read_model
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="char"), [text()])


@pytest.fixture(scope="module")
def theirs(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A writer with its tokenizer, as Transformers saves them."""
    folder = tmp_path_factory.mktemp("theirs")
    torch.manual_seed(0)
    config = transformers.GPT2Config(**{**GPT2, "vocab_size": tokenizer.vocab_size}, initializer_range=0.5)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def test_import_and_every_verb_on_it(theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert cli.run(["import", str(theirs), str(run)]) == 0
    said = capsys.readouterr().err
    assert "GPT2LMHeadModel" in said
    assert "float32" in said
    assert sorted(path.name for path in run.iterdir()) == ["manifest.json", "model", "tokenizer.json"]

    (tmp_path / "text.txt").write_text(text(100))
    scores = []
    for place in (run, theirs):
        assert cli.run(["evaluate", str(place), "--data", str(tmp_path / "text.txt"), "--json"]) == 0
        scores.append(json.loads(capsys.readouterr().out)["metrics"])
    assert scores[0] == scores[1]

    for place in (run, theirs):
        assert cli.run(["generate", str(place), "the ", "--max-tokens", "8", "--temperature", "0"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    tokenizer = langue.load(run).tokenizer
    never = sorted(tokenizer.specials)  # which a text never holds
    expected = AutoModelForCausalLM.from_pretrained(theirs).generate(
        torch.tensor([tokenizer.encode("the ")]), max_new_tokens=8, do_sample=False, suppress_tokens=never
    )
    assert first == second
    assert first == langue.load(theirs).tokenizer.decode(expected[0].tolist())

    recipe = write_tiny(tmp_path / "recipe")
    changed = recipe.read_text().replace("tokenizer: {kind: char}\n", "")
    recipe.write_text(
        changed.replace("model: {layers: 1, width: 16, heads: 2, context: 16, dropout: 0.1}", "model: {}")
    )
    for place in (run, theirs):
        out = tmp_path / f"tuned-{place.name}"
        assert cli.run(["train", str(recipe), "--start-from", str(place), "--out", str(out)]) == 0
    tuned, other = (read_model(tmp_path / f"tuned-{place.name}")[0].model for place in (run, theirs))
    assert all(torch.equal(*pair) for pair in zip(tuned.parameters(), other.parameters(), strict=True))

    assert cli.run(["export", str(out), str(tmp_path / "out"), "--format", "hf"]) == 0
    ids = torch.randint(langue.load(run).tokenizer.vocab_size, (2, 9))
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()(ids).logits
        assert (logits - other.eval()(Batch(ids))).abs().max() < 1e-4
    assert AutoTokenizer.from_pretrained(tmp_path / "out").encode("the old king") == langue.load(out).tokenizer.encode(
        "the old king"
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"preset": "lstm-nano"}, "with .*mixer: lstm.* has no counterpart at Hugging Face .* --format onnx"),
        (
            {"preset": "hybrid-nano"},
            "no family of Hugging Face's has layers of gru and attention like these; .* --format onnx",
        ),
        ({"layers": [{"window": 4}, {}]}, "has layers of attention of several kinds like these; .* --format onnx"),
        ({"preset": "gpt-nano"}, "with query_key_norm: plain, feedforward: relu2 has no counterpart"),
        ({"preset": "gpt2-nano", "context": 16, "head_bias": True}, "gpt2 has no class .* head_bias: true"),
        ({"preset": "llama-nano", "form": "encoder", "query_key_norm": "plain"}, "has no counterpart"),
    ],
)
def test_what_has_no_counterpart_says_so(
    fields: dict[str, object], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(PretrainedModel(build(ModelConfig(vocab_size=61, **fields))), tmp_path / "run")
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.search(sentence, said)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("preset", ["llama-nano", "gpt2-nano"])
def test_our_presets_are_written(preset: str, tmp_path: Path) -> None:
    config = ModelConfig(preset=preset, vocab_size=61, width=32, context=16, feedforward_width=40)
    model = build(config, seed=1).eval()
    save_checkpoint(PretrainedModel(model), tmp_path / "run")
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    ids = torch.randint(61, (2, 9))
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()(ids).logits
        assert (logits - model(Batch(ids))).abs().max() < 1e-5


def test_an_encoder_without_segments_gets_one_of_zeros(tmp_path: Path) -> None:
    shape = {"form": "encoder", "norm": "layer", "norm_place": "post", "embedding_norm": True, "position": "learned"}
    shape |= {"feedforward": "gelu", "bias": True, "dropout": 0.5}  # which must not be at work when it is written
    model = build(ModelConfig(vocab_size=61, width=32, context=16, **shape)).eval()
    save_checkpoint(PretrainedModel(model), tmp_path / "run")
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    ids = torch.randint(61, (2, 9))
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "out", add_pooling_layer=False).eval()
    with torch.no_grad():
        assert (theirs(ids).last_hidden_state - model.hidden(Batch(ids))).abs().max() < 1e-5


def test_a_failed_export_or_import_leaves_nothing(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save("gpt2", tmp_path / "cut")
    file = tmp_path / "cut" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert cli.run(["import", str(tmp_path / "cut"), str(tmp_path / "run")]) == 2
    assert "is cut off" in capsys.readouterr().err

    assert cli.run(["import", str(theirs), str(tmp_path / "run")]) == 0
    # A writer that turns a matrix the wrong way is found out before its folder takes its place.
    right = write._tensors
    monkeypatch.setattr(write, "_tensors", lambda *given: {name: each.flip(0) for name, each in right(*given).items()})
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 2
    assert "computes something else" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "run"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import", "{theirs}", "{theirs}"], "already exists; remove it or choose another name"),
        (["import", "nowhere", "out"], "there is no folder nowhere"),
        (["export", "{run}", "out", "--format", "hff"], "there is no format 'hff'; did you mean hf?"),
        (["export", "nowhere", "out"], "there is no folder nowhere"),
        (["import", "{run}", "out"], "is Langue's already"),
    ],
)
def test_mistakes(
    arguments: list[str],
    sentence: str,
    theirs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_checkpoint(read_published(theirs), tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert cli.run([part.format(theirs=theirs, run=tmp_path / "run") for part in arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_precision_is_kept_when_asked_for(tmp_path: Path) -> None:
    save("llama", tmp_path / "theirs")
    assert read_source(str(tmp_path / "theirs"), "bfloat16").model.embedding.table.weight.dtype == torch.bfloat16
