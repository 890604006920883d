"""ONNX: graphs of every mixer and form give what torch gives, also for sizes that they were not written from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import langue
from langue.batch import Batch
from langue.cli import run as command
from langue.errors import LangueError
from langue.experiment import train
from langue.hub.onnx import TOLERANCE, export_onnx
from langue.models import Model, ModelConfig, build
from langue.tasks.recipes import read_recipe
from langue.tasks.transcribe.ctc_objective import CTCObjective
from langue.text import Tokenizer
from pair_rows import write_pairs

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))
from variants import ALL, VOCABULARY, model_of, random_ids

# One of each mixer, form and kind of position; the others take longer than a default suite should.
CHOSEN = [
    "decoder:attention-grouped",
    "decoder:attention-sliding-relative",
    "decoder:lstm-learned",
    "decoder:gru",
    "decoder:rnn",
    "decoder:window",
    "decoder:gru-gru-attention",
    "decoder:sliding-and-full",
    "decoder:attention-parallel",
    "decoder:attention-capped",
    "encoder:attention-joint",
    "encoder:attention-disentangled",
    "encoder:lstm-over-attention",
    "seq2seq:attention+hybrid-encoder",
    "encoder:attention-sinusoidal",
    "encoder:attention-weighted",
    "encoder:lstm",
    "encoder:window-plain",
    "seq2seq:attention-relative",
    "seq2seq:attention+lstm-encoder",
    "seq2seq:gru+attention-encoder",
    "seq2seq:attention-sinusoidal",
    "seq2seq:relative-unscaled",
    "seq2seq:lstm-bahdanau",
    "seq2seq:gru-luong-plain",
    "seq2seq:attention-silu+lstm-decoder",
    "seq2seq:window+wide-attention-encoder",
]


def padded(rows: int, length: int, left: bool) -> torch.Tensor:
    """The n-th row has n padded positions."""
    valid = torch.arange(length) >= torch.arange(rows)[:, None]
    return valid if left else valid.flip(1)


def run(path: Path, **inputs: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]


@torch.no_grad()
def assert_same(model: Model, folder: Path, rows: int, length: int, left: bool) -> None:
    ids, valid = random_ids(rows, length, seed=length), padded(rows, length, left)
    if model.config.form != "seq2seq":
        expected = model(Batch(ids, valid=valid))
        found = run(folder / "model.onnx", ids=ids, valid=valid)
    else:
        source, source_valid = random_ids(rows, length + 3, seed=99), padded(rows, length + 3, not left)
        expected = model(Batch(ids, valid=valid, source=source, source_valid=source_valid))
        memory = torch.from_numpy(run(folder / "encoder.onnx", source=source, source_valid=source_valid))
        found = run(folder / "decoder.onnx", ids=ids, valid=valid, memory=memory, source_valid=source_valid)
    assert found.shape == expected.shape
    assert np.abs(found - expected.numpy())[valid.numpy()].max() < 1e-5


@pytest.mark.parametrize("variant", CHOSEN)
def test_graphs_give_what_torch_gives(variant: str, tmp_path: Path) -> None:
    model = model_of(variant, dropout=0.5)  # which a graph has none of
    result = export_onnx(model, tmp_path)
    assert result.difference < 1e-5
    assert {path.name for path in tmp_path.iterdir()} == {*result.files, "manifest.json"}
    assert_same(model, tmp_path, 5, 12, left=True)
    assert_same(model, tmp_path, 2, 3, left=False)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [variant for variant in ALL if variant not in CHOSEN])
def test_graphs_of_all_others_too(variant: str, tmp_path: Path) -> None:
    test_graphs_give_what_torch_gives(variant, tmp_path)


@pytest.mark.parametrize(
    ("level", "pooling"), [("text", "first"), ("text", "last"), ("text", "mean"), ("position", "mean")]
)
@torch.no_grad()
def test_a_classifiers_scores(level: str, pooling: str, tmp_path: Path) -> None:
    head = {"level": level, "outputs": 3, "pooling": pooling, "dense": "tanh"}
    model = model_of("encoder:attention-learned", classifier=head, segments=2)
    export_onnx(model, tmp_path)
    ids, valid, segments = random_ids(3, 10), padded(3, 10, left=False), random_ids(3, 10) % 2
    found = run(tmp_path / "model.onnx", ids=ids, valid=valid, segments=segments)
    expected = model.classify(Batch(ids, valid=valid, segments=segments)).numpy()
    assert found.shape == expected.shape
    seen = slice(None) if level == "text" else valid.numpy()
    assert np.abs(found - expected)[seen].max() < 1e-5


@torch.no_grad()
def test_hidden_vectors(tmp_path: Path) -> None:
    model = model_of("encoder:attention-rotary")
    export_onnx(model, tmp_path, "hidden")
    ids, valid = random_ids(2, 7), torch.ones(2, 7, dtype=torch.bool)
    assert np.abs(run(tmp_path / "model.onnx", ids=ids, valid=valid) - model.hidden(Batch(ids)).numpy()).max() < 1e-5


def test_what_goes_in_and_comes_out_is_described(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    export_onnx(model_of("seq2seq:attention-learned"), tmp_path)
    described = json.loads((tmp_path / "onnx.json").read_text())
    assert described["vocab_size"] == VOCABULARY
    assert described["longest"] == 16
    assert list(described["graphs"]) == ["encoder.onnx", "decoder.onnx"]
    for file, sides in described["graphs"].items():
        session = onnxruntime.InferenceSession(tmp_path / file)
        assert [entry.name for entry in session.get_inputs()] == list(sides["inputs"])
        assert [entry.name for entry in session.get_outputs()] == list(sides["outputs"])
        assert file in (tmp_path / "README.md").read_text()
    assert (tmp_path / "tokenizer.json").exists()


def test_an_exported_translator_writes_what_langue_writes(tmp_path: Path) -> None:
    """By onnxruntime and the two tokenizers beside the graphs alone; the source's vocabulary is the smaller one."""
    changes = {"source_tokenizer": "{kind: char}", "tokenizer.kind": "byte", "data.test": "null"}
    changes |= {"model.mixer": "gru", "model.position": "none", "model.cross": "luong", "training.steps": "3"}
    train(read_recipe(write_pairs(tmp_path), changes), tmp_path / "run", report=False)
    assert command(["export", str(tmp_path / "run"), str(tmp_path / "out"), "--format", "onnx"]) == 0
    out, model = tmp_path / "out", langue.load(tmp_path / "run")
    assert {"encoder.onnx", "decoder.onnx", "tokenizer.json", "source-tokenizer.json"} <= {
        p.name for p in out.iterdir()
    }
    tokenizer, reader = Tokenizer.load(out), Tokenizer.load(out / "source-tokenizer.json")
    described = json.loads((out / "onnx.json").read_text())
    assert described["source_vocab_size"] == reader.vocab_size < tokenizer.vocab_size == described["vocab_size"]
    text = "the old king saw a red boat"
    source = torch.tensor([[*reader.encode(text), reader.end]])
    seen = torch.ones_like(source, dtype=torch.bool)
    memory = torch.from_numpy(run(out / "encoder.onnx", source=source, source_valid=seen))
    ids = [model.start]
    for _ in range(12):
        row = torch.tensor([ids])
        valid = torch.ones_like(row, dtype=torch.bool)
        logits = run(out / "decoder.onnx", ids=row, valid=valid, memory=memory, source_valid=seen)[0, -1]
        logits[list(model.suppress_tokens)] = -np.inf
        ids.append(int(logits.argmax()))
    found = model.rewrite([text], beams=1, max_tokens=12)[0].best
    assert found.tokens == (ids[1 : ids.index(tokenizer.end)] if tokenizer.end in ids[1:] else ids[1:])


def test_a_model_keeps_its_mode(tmp_path: Path) -> None:
    model = model_of("decoder:window").train()
    export_onnx(model, tmp_path)
    assert model.training


def test_a_graph_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = torch.onnx.export

    def spoilt(graph: Any, *arguments: Any, **options: Any) -> None:
        with torch.no_grad():
            bias = next(iter(graph.parameters()))
            bias += 100 * TOLERANCE
            written(graph, *arguments, **options)
            bias -= 100 * TOLERANCE

    monkeypatch.setattr(torch.onnx, "export", spoilt)
    with pytest.raises(LangueError, match="differ from torch's"):
        export_onnx(model_of("decoder:window"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_scores_of_a_model_without_a_classifier(tmp_path: Path) -> None:
    with pytest.raises(LangueError, match="no classifier"):
        export_onnx(model_of("decoder:window"), tmp_path, "scores")


def test_a_window_wider_than_the_rows_that_graphs_are_written_from(tmp_path: Path) -> None:
    model = model_of("decoder:attention-sliding", window=12)
    export_onnx(model, tmp_path)
    assert_same(model, tmp_path, 3, 16, left=False)


WAVES = {
    "widths": [6, 8],
    "sizes": [40, 8],
    "strides": [20, 16],
    "norm": "first",
    "position_size": 6,
    "position_groups": 2,
}
HEARING: dict[str, dict[str, Any]] = {
    "attention": {"mixer": "attention", "position": "rotary"},
    "conformer": {"mixer": "attention", "block": "conformer", "convolution": 5},
    "lstm": {"mixer": "lstm", "position": "none"},
    "gru of longer steps": {"mixer": "gru", "position": "none", "audio": {"bins": 12, "strides": [1, 2]}},
    "wav2vec 2": {"position": "none", "embedding_norm": True, "audio": {"features": "waveform", "waveform": WAVES}},
    "a language of MMS": {
        "position": "none",
        "bottleneck": 3,
        "audio": {
            "features": "waveform",
            "waveform": {**WAVES, "norm": "all", "bias": True, "normalise": False, "position_size": 5},
        },
    },
}


@pytest.mark.parametrize("name", HEARING)
@torch.no_grad()
def test_an_encoder_that_hears(name: str, tmp_path: Path) -> None:
    fields = {"form": "encoder", "vocab_size": 9, "width": 16, "layers": 2, "heads": 2, "context": 128, "dropout": 0.5}
    fields |= {"tie_embeddings": False, "zero_output": False, "audio": {"bins": 12, "strides": [2, 2]}}
    model = build(ModelConfig.model_validate({**fields, **HEARING[name]}), seed=4).eval()
    assert export_onnx(model, tmp_path).difference < 1e-5
    audio = model.config.audio
    assert audio is not None
    objective = CTCObjective(audio, blank=0)
    draws = np.random.default_rng(0)
    for seconds in ([0.5, 0.3, 0.013], [1.01]):  # lengths that the graph was not written from
        sounds = [{"audio": draws.normal(size=int(16_000 * s)).astype(np.float32), "target": [1]} for s in seconds]
        batch = objective.batch(sounds)
        valid = batch.source_valid
        valid = torch.ones(batch.source.shape[:2], dtype=torch.bool) if valid is None else valid
        source = batch.source[..., 0] if audio.features == "waveform" else batch.source
        names = json.loads((tmp_path / "onnx.json").read_text())["graphs"]["model.onnx"]["inputs"]
        found = run(tmp_path / "model.onnx", **dict(zip(names, (source, valid), strict=True)))
        expected = objective.log_probabilities(model, batch).numpy()
        assert found.shape == expected.shape
        for row, length in enumerate(objective.lengths(batch).tolist()):
            assert np.abs(found[row, :length] - expected[row, :length]).max() < 1e-4
    described = json.loads((tmp_path / "onnx.json").read_text())
    assert described["audio"] == audio.model_dump(mode="json")
    assert described["graphs"]["model.onnx"]["outputs"]["log_probabilities"]["shape"] == [
        "batch", "positions", "vocabulary",
    ]  # fmt: skip
    with pytest.raises(LangueError, match="the model's graph gives log_probabilities, not hidden"):
        export_onnx(model, tmp_path, "hidden")


def test_an_encoder_decoder_that_hears_is_refused(tmp_path: Path) -> None:
    fields = {"form": "seq2seq", "vocab_size": 9, "width": 16, "layers": 1, "heads": 2, "audio": {"bins": 8}}
    with pytest.raises(LangueError, match="of encoders that hear, not of encoder–decoders"):
        export_onnx(build(ModelConfig.model_validate(fields), seed=4), tmp_path)
    assert not list(tmp_path.iterdir())
