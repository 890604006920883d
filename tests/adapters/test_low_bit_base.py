"""Adapters over a base of few bits: they learn as over the same base in full width."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from langue.adapters import AdapterConfig
from langue.batch import Batch
from langue.models import Model, ModelConfig, build, with_adapters
from langue.models.build import plain
from langue.objectives import Causal
from langue.quantization import QuantizationConfig
from langue.recipe import Recipe

CONFIG = ModelConfig(preset="llama-nano", vocab_size=64, width=64, heads=4, layers=2, feedforward_width=128, context=16)
LSTM = ModelConfig(preset="lstm-nano", vocab_size=64, width=64, layers=2, context=16)
ADAPTER = AdapterConfig(rank=3)
IDS = torch.randint(64, (3, 9), generator=torch.Generator().manual_seed(0))


def gradients(model: Model) -> dict[str, Tensor]:
    """Of all that learns, with adapters that do something already."""
    draws = torch.Generator().manual_seed(1)
    learning = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    with torch.no_grad():
        for name, parameter in learning.items():
            if name.endswith(".up"):
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=draws))
    Causal().loss(model, Batch(IDS, targets=IDS)).total.backward()
    return {name: parameter.grad for name, parameter in learning.items() if parameter.grad is not None}


@pytest.mark.parametrize("config", [CONFIG, LSTM], ids=["attention", "lstm"])
@pytest.mark.parametrize("bits", ["nf4", "q4_0", "bf16"])
def test_the_gradient_is_that_over_the_widened_base(bits: str, config: ModelConfig) -> None:
    base = build(config.replace(zero_output=False), seed=1)
    table = "int8" if bits != "bf16" else None
    low = with_adapters(base, ADAPTER, quantization=QuantizationConfig(format=bits, table=table)).double()
    widened = with_adapters(plain_base(low), ADAPTER).double()
    ours, theirs = gradients(low), gradients(widened)
    assert ours.keys() == theirs.keys()
    assert all(name.endswith((".up", ".down")) for name in ours)
    for name, grad in ours.items():
        torch.testing.assert_close(grad, theirs[name], atol=1e-9, rtol=1e-6)


def plain_base(model: Model) -> Model:
    """A model without the effect of its adapters, of plain matrices."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".up"):
                parameter.zero_()
    return plain(model)


def test_a_recipe_names_the_bits_of_the_base() -> None:
    fields = {"task": "generate", "data": {"train": "x"}, "model": {"path": "run", **CONFIG.model_dump()}}
    for base, bits, table in (
        ("fp32", None, None),
        ("nf4", "nf4", "int8"),
        ("q4", "q4_0", "int8"),
        ("bf16", "bf16", None),
    ):
        held = Recipe.model_validate({**fields, "adapt": {"base": base}}).architecture().quantization
        assert (held and held.format, held and held.table) == (bits, table)
