"""Matrices of few bits go into GGUF files and come out of them to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest
import tiny_gguf
import torch

import langue
from langue import cli
from langue.batch import Batch
from langue.errors import LangueError
from langue.evaluation.cost import memory_of
from langue.hub.gguf import read_gguf, write_gguf
from langue.hub.gguf_file import GGUFFile
from langue.models import Model, load_model
from langue.models.build import plain
from langue.models.quantize import quantize
from langue.quantization import QuantizationConfig
from langue.quantization.linear import StackedLinear, quantized_layers


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_gguf.tokenizer()


def of_bits(architecture: str, format: str, table: str | None = None) -> Model:
    config = QuantizationConfig(format=format, table=table)  # type: ignore[arg-type]
    return quantize(tiny_gguf.model(architecture), config)


@pytest.mark.parametrize("format", ["q8_0", "q4_0", "q4_1"])
@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
@torch.no_grad()
def test_bits_go_out_and_come_back_as_they_were(architecture: str, format: str, tokenizer: Any, tmp_path: Path) -> None:
    model = of_bits(architecture, format, "q8_0")
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    written = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    assert written["blk.0.ffn_down.weight"].tensor_type.name == format.upper()
    assert written["token_embd.weight"].tensor_type.name == "Q8_0"
    kept, _ = read_gguf(tmp_path / "model.gguf", keep=True)
    ours, theirs = dict(model.named_parameters()), dict(kept.named_parameters())
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    widened, _ = read_gguf(tmp_path / "model.gguf")
    assert widened.config.quantization is None
    expected = dict(plain(model).named_parameters())
    assert all(torch.equal(value, expected[name]) for name, value in widened.named_parameters())
    batch = Batch(tiny_gguf.ids())
    torch.testing.assert_close(kept(batch), widened(batch), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_matrices_that_stand_in_one_may_have_other_kinds(tokenizer: Any, tmp_path: Path) -> None:
    for number, architecture in enumerate(("llama", "qwen2")):
        place = "stack.blocks.1.mixer.query_key_value"
        config = QuantizationConfig(format="q4_0", kept={place: ("q4_1", "q4_0", "q8_0")})
        model = quantize(tiny_gguf.model(architecture), config)
        assert isinstance(model.get_submodule(place), StackedLinear)
        path = tmp_path / f"{number}.gguf"
        write_gguf(model, tokenizer, path)
        file = GGUFFile(path)
        assert [file.tensors[f"blk.1.attn_{part}.weight"].kind for part in "qkv"] == ["Q4_1", "Q4_0", "Q8_0"]
        kept, _ = read_gguf(path, keep=True)
        batch = Batch(tiny_gguf.ids())
        assert torch.equal(kept(batch), model(batch))
        torch.testing.assert_close(plain(kept)(batch), model(batch), atol=1e-4, rtol=1e-4)


def test_what_gguf_has_no_kind_for_is_widened_and_factors_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    model = of_bits("llama", "nf4")
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    assert {tensor.kind for tensor in GGUFFile(tmp_path / "model.gguf").tensors.values()} == {"F16", "F32"}
    smoothed = quantize(
        tiny_gguf.model("llama"), QuantizationConfig(format="q4_0"), "awq", lambda model: model(Batch(tiny_gguf.ids()))
    )
    with pytest.raises(LangueError, match="no place for the factors of awq; shrink the model with --method gptq"):
        write_gguf(smoothed, tokenizer, tmp_path / "smoothed.gguf")
    assert not (tmp_path / "smoothed.gguf").exists()


def test_an_import_keeps_the_bits_of_a_file(tokenizer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = of_bits("qwen2", "q4_0")
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    assert cli.run(["import", str(tmp_path / "model.gguf"), str(tmp_path / "run"), "--weights", "keep"]) == 0
    kept = load_model(tmp_path / "run" / "model")
    assert {layer.format.name for layer in quantized_layers(kept).values()} == {"q4_0"}
    assert f"{sum(parameter.numel() for parameter in tiny_gguf.model('qwen2').parameters()):,} parameters" in (
        capsys.readouterr().err
    )
    assert cli.run(["export", str(tmp_path / "run"), str(tmp_path / "out"), "--format", "gguf"]) == 0
    first, second = (GGUFFile(path) for path in (tmp_path / "model.gguf", tmp_path / "out" / "model.gguf"))
    assert all((first.packed(name) == second.packed(name)).all() for name in first.tensors)
    assert cli.run(["import", str(tmp_path / "run"), str(tmp_path / "other"), "--weights", "keep"]) == 2


def test_a_file_is_used_in_its_own_bits(tokenizer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(of_bits("llama", "q4_0"), tokenizer, path)
    kept, widened = (langue.load(path, "cpu", weights=weights).model for weights in ("keep", "widen"))
    assert {layer.format.name for layer in quantized_layers(kept).values()} == {"q4_0"}
    assert quantized_layers(widened) == {}
    assert memory_of(kept) < 0.25 * memory_of(widened)
    texts = []
    for weights in ("keep", "widen"):
        options = ("--weights", weights, "--temperature", "0", "--max-tokens", "8", "--device", "cpu")
        assert cli.run(["generate", str(path), "the old", *options]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert cli.run(["export", str(path), str(tmp_path / "out"), "--format", "gguf", "--weights", "keep"]) == 0
    first, second = GGUFFile(path), GGUFFile(tmp_path / "out" / "model.gguf")
    assert all((first.packed(name) == second.packed(name)).all() for name in first.tensors)
    assert cli.run(["export", str(path), str(tmp_path / "hf")]) == 0
    with pytest.raises(LangueError, match="is no GGUF file, whose weights alone can keep their bits"):
        langue.load(tmp_path / "hf", weights="keep")


def test_damaged_scales_of_a_file_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    model = of_bits("llama", "q8_0")
    with torch.no_grad():
        next(iter(quantized_layers(model).values())).held["packed"][0, :2] = 255
    write_gguf(model, tokenizer, tmp_path / "model.gguf")
    with pytest.raises(LangueError, match="holds scales that are NaN or infinite"):
        read_gguf(tmp_path / "model.gguf", keep=True)
