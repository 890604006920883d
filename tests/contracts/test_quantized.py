"""Matrices of few bits: every model has them, computes what its widened one does, and keeps them to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from variants import ALL, batch_of, config_of, random_ids

from langue.adapters import AdapterConfig
from langue.batch import Batch
from langue.errors import LangueError
from langue.files import seal
from langue.kernels import int8
from langue.models import Model, ModelConfig, build, load_model, save_model, with_adapters
from langue.models.build import plain
from langue.models.count import flops_per_token, memory, parameters
from langue.models.quantize import quantize
from langue.nn.linear import linear_layers
from langue.nn.roles import roles
from langue.quantization import QuantizationConfig
from langue.quantization.calibration import output_error, recorded_inputs
from langue.quantization.formats import WRITABLE
from langue.quantization.linear import quantized_layers

LLAMA = ModelConfig(preset="llama-nano", vocab_size=29, width=64, heads=4, layers=2, feedforward_width=128, context=16)


def of_bits(format: str, config: ModelConfig = LLAMA) -> Model:
    return quantize(build(config, seed=1).eval(), QuantizationConfig(format=format))


@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_every_model_computes_what_its_widened_one_does(variant: str) -> None:
    model = of_bits("int8", config_of(variant))
    assert quantized_layers(model)
    batch = batch_of(model, random_ids(2, 5))
    widened = plain(model)
    assert widened.state_dict().keys() == build(model.config.replace(quantization=None)).state_dict().keys()
    torch.testing.assert_close(model(batch), widened(batch), atol=2e-3, rtol=2e-3)
    assert roles(model).keys() == dict(model.named_parameters()).keys()


@pytest.mark.parametrize("format", WRITABLE)
@torch.no_grad()
def test_a_model_of_few_bits_is_saved_and_loaded_to_the_bit(format: str, tmp_path: Path) -> None:
    model = of_bits(format)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config.quantization == model.config.quantization
    assert all(torch.equal(p, q) for p, q in zip(loaded.parameters(), model.parameters(), strict=True))
    batch = Batch(random_ids(2, 5))
    assert torch.equal(loaded(batch), model(batch))
    torch.testing.assert_close(model(batch), plain(model)(batch), atol=1e-3, rtol=1e-3)
    plainly = sum(parameter.nbytes for parameter in build(LLAMA).parameters())
    assert sum(parameter.nbytes for parameter in model.parameters()) < plainly * (WRITABLE[format].bits / 32 + 0.05)


@torch.no_grad()
def test_a_table_may_have_more_bits_and_what_does_not_divide_keeps_fp32() -> None:
    config = LLAMA.replace(feedforward_width=40)
    model = quantize(build(config), QuantizationConfig(format="nf4", table="q8_0"))
    formats = {place: layer.format.name for place, layer in quantized_layers(model).items()}
    assert formats.pop("embedding.table") == "q8_0"
    assert set(formats.values()) == {"nf4"}
    assert not any(place.endswith("feedforward.output") for place in formats)  # of 40 inputs
    assert any(place.endswith("feedforward.input") for place in formats)
    assert model.head.output is model.embedding.table
    with pytest.raises(LangueError, match="no matrix of the model divides into blocks of q4_0; take int8"):
        quantize(build(LLAMA.replace(width=24, feedforward_width=40, heads=2)), QuantizationConfig(format="q4_0"))


@pytest.mark.skipif(not int8.are_exact(), reason="this processor does not multiply bytes in integers")
@torch.no_grad()
def test_a_row_beside_an_outlier_has_the_bits_that_it_has_alone() -> None:
    layer = next(iter(quantized_layers(of_bits("int8")).values()))
    x = torch.randn(5, 3, 64)
    x[1::2] *= 1e5
    assert torch.equal(layer(x), torch.cat([layer(row) for row in x.split(1)]))


@pytest.mark.parametrize("format", WRITABLE)
def test_adapters_over_few_bits_have_the_gradients_that_they_have_over_the_widened_matrices(format: str) -> None:
    config, model = AdapterConfig(rank=2, on=("all", "embedding", "head")), of_bits(format)
    over_bits, over_widened = with_adapters(model, config), with_adapters(plain(model), config)
    assert {type(layer).__name__ for layer in over_bits.modules()} > {"AdaptedLinear", "QuantizedLinear"}
    ids = random_ids(2, 6)
    for adapted in (over_bits, over_widened):
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if name.endswith(".up"):
                    parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(3))
        adapted(Batch(ids)).square().mean().backward()
    learning = {name: parameter.grad for name, parameter in over_bits.named_parameters() if parameter.requires_grad}
    expected = {name: parameter.grad for name, parameter in over_widened.named_parameters() if parameter.requires_grad}
    assert learning.keys() == expected.keys()
    bound = 1e-3 if format == "int8" else 1e-5  # which rounds what it multiplies to fifteen bits
    for name, right in expected.items():
        assert (learning[name] - right).norm() <= bound * right.norm(), name


def test_adapters_take_the_bits_of_the_model_that_they_stand_on() -> None:
    model = quantize(
        build(LLAMA, seed=1),
        QuantizationConfig(format="q4_0"),
        "gptq",
        lambda model: model.hidden(Batch(random_ids(4, 9))),
    )
    adapted = with_adapters(model, AdapterConfig(rank=2))
    ours = dict(model.named_parameters())
    for name, parameter in adapted.named_parameters():
        if not parameter.requires_grad:
            assert torch.equal(parameter, ours[name.replace(".base.", ".")])


LSTM = ModelConfig(preset="lstm-nano", vocab_size=29, width=32, layers=2, context=16, tie_embeddings=False)


@pytest.mark.parametrize("config", [LLAMA, LSTM], ids=["attention", "lstm"])
@pytest.mark.parametrize("method", ["gptq", "awq"])
@torch.no_grad()
def test_calibrated_layers_are_nearer_on_what_they_were_calibrated_with(method: str, config: ModelConfig) -> None:
    model, batch = build(config, seed=1).eval(), Batch(random_ids(8, 16))
    bits = QuantizationConfig(format="q4_0")
    models = [quantize(model, bits, method, lambda model: model(batch)), quantize(model, bits)]
    layers = [*map(quantized_layers, models), linear_layers(model)]
    with recorded_inputs(layers[2], model) as moments:
        model(batch)
    assert layers[0].keys() - moments.keys() == {"embedding.table"}
    for place, moment in moments.items():
        ours, nearest, right = (of_kind[place].matrix() for of_kind in layers)
        errors = [output_error(held - right, moment) for held in (ours, nearest)]
        is_chosen = method == "gptq" or not place.startswith("head.")  # whose inputs have no factors
        assert errors[0] < errors[1] if is_chosen and errors[1] else errors[0] <= errors[1], place
    with pytest.raises(LangueError, match=f"{method} wants calibration data"):
        quantize(model, QuantizationConfig(format="q4_0"), method)


def test_what_holds_a_matrix_keeps_its_kind_when_a_model_changes_its_own() -> None:
    for format in WRITABLE:
        model = of_bits(format)
        before = {name: layer.held for name, layer in quantized_layers(model).items()}
        model.bfloat16()
        assert model.dtype == torch.bfloat16
        assert model(Batch(random_ids(2, 5))).dtype == torch.bfloat16
        for place, layer in quantized_layers(model).items():
            assert all(torch.equal(part, before[place][name]) for name, part in layer.held.items())


@pytest.mark.parametrize("format", WRITABLE)
def test_damaged_scales_and_codes_are_refused(format: str, tmp_path: Path) -> None:
    save_model(of_bits(format), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    place = "stack.blocks.0.mixer.query_key_value"

    def rewrite(name: str, value: torch.Tensor) -> None:
        save_file({**weights, f"{place}.{name}": value}, tmp_path / "model.safetensors")
        seal(tmp_path)

    name = {"int8": "scales", "nf4": "groups"}.get(format, "packed")
    broken = weights[f"{place}.{name}"].clone()
    (broken.view(torch.float16) if name == "packed" else broken).flatten()[0] = torch.nan
    rewrite(name, broken)
    with pytest.raises(LangueError, match=rf"{place} holds scales that are NaN or infinite"):
        load_model(tmp_path)
    codes = "packed" if name == "packed" else "codes"
    rewrite(codes, weights[f"{place}.{codes}"].float())
    with pytest.raises(LangueError, match=rf"{place}\.{codes} holds torch.float32 instead of torch.u?int8"):
        load_model(tmp_path)
    rewrite(codes, weights[f"{place}.{codes}"][1:])
    with pytest.raises(LangueError, match=rf"{place}\.{codes} should be"):
        load_model(tmp_path)


def test_weights_that_are_no_numbers_are_refused() -> None:
    model = build(LLAMA)
    with torch.no_grad():
        model.stack.blocks[0].mixer.output.weight[0, 0] = torch.inf
    with pytest.raises(LangueError, match=r"mixer\.output\.weight has numbers that are NaN or infinite"):
        quantize(model, QuantizationConfig())


def test_few_bits_are_counted_as_the_numbers_they_stand_for_and_the_bytes_they_take() -> None:
    config = LLAMA.replace(quantization=QuantizationConfig(format="nf4"))
    assert parameters(config) == parameters(LLAMA)
    assert flops_per_token(config) == flops_per_token(LLAMA)
    assert memory(config, 2).weights < memory(LLAMA, 2).weights / 6
