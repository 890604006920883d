"""Formats by name, through the commands: what one exports, another imports."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from langue.batch import Batch
from langue.cli import run
from langue.hub import PretrainedModel, save_checkpoint
from langue.models import ModelConfig, build
from langue.tasks.folders import read_model
from langue.text import TokenizerSettings, train_tokenizer


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    tokenizer = train_tokenizer(TokenizerSettings(vocab_size=300), ["the cat sat on the mat"])
    config = ModelConfig.model_validate(
        {"preset": "llama-nano", "layers": 2, "width": 32, "context": 16, "vocab_size": tokenizer.vocab_size,
         "feedforward_width": 64}
    )  # fmt: skip
    save_checkpoint(PretrainedModel(build(config), tokenizer), tmp_path / "run")
    return tmp_path / "run"


def test_gguf_goes_out_and_comes_back(llama: Path, tmp_path: Path) -> None:
    assert run(["export", str(llama), str(tmp_path / "out"), "--format", "gguf"]) == 0
    assert run(["import", str(tmp_path / "out" / "model.gguf"), str(tmp_path / "again")]) == 0
    first, again = read_model(llama)[0], read_model(tmp_path / "again")[0]
    assert again.tokenizer.encode("the cat") == first.tokenizer.encode("the cat")  # type: ignore[union-attr]
    assert again.tokenizer.end == first.tokenizer.end  # type: ignore[union-attr]
    ids = torch.arange(12).view(1, 12)
    torch.testing.assert_close(again.model(Batch(ids)), first.model(Batch(ids)), rtol=1e-2, atol=1e-2)


def test_packed_gguf_takes_about_half(llama: Path, tmp_path: Path) -> None:
    sizes = {}
    for name in ("gguf", "gguf-q8_0"):
        assert run(["export", str(llama), str(tmp_path / name), "--format", name]) == 0
        sizes[name] = (tmp_path / name / "model.gguf").stat().st_size
    assert sizes["gguf-q8_0"] < sizes["gguf"]


def test_onnx_comes_with_its_tokenizer(llama: Path, tmp_path: Path) -> None:
    assert run(["export", str(llama), str(tmp_path / "out"), "--format", "onnx"]) == 0
    assert {"model.onnx", "onnx.json", "tokenizer.json"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_an_unknown_format_is_named_and_leaves_nothing(
    llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(llama), str(tmp_path / "out"), "--format", "onxx"]) == 2
    assert "did you mean onnx" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
