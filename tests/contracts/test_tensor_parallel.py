"""Two processes that share out the layers of a model have the loss, the gradients and the logits of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensor_gradients import measured
from variants import ALL, assert_close, model_of

from langue.nn.attention import Attention, CrossAttention
from langue.nn.feedforward import Feedforward
from langue.parallel import Single
from two_processes import outputs_of_two


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What two processes measured, and what they printed."""
    folder = tmp_path_factory.mktemp("tensor")
    outputs = outputs_of_two(Path(__file__).with_name("tensor_gradients.py"), folder)
    return load_file(folder / "found.safetensors"), outputs


@pytest.mark.parametrize("variant", ALL)
def test_two_processes_have_the_gradients_of_one(left, variant: str) -> None:
    found, _ = left
    ours = {name.removeprefix(f"{variant}/"): value for name, value in found.items() if name.startswith(f"{variant}/")}
    layers = list(model_of(variant).modules())
    joint = any(isinstance(layer, Attention) and layer.shares_norm for layer in layers)
    if joint or not any(isinstance(layer, Attention | CrossAttention | Feedforward) for layer in layers):
        assert ours == {}
        return
    expected = measured(variant, Single(torch.device("cpu")))
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert_close(ours[name], value)


def test_what_cannot_be_shared_out_is_refused(left) -> None:
    _, outputs = left
    divide = "among 2 processes; take a number of processes that divides it, or training.parallel: sharded"
    refusals = [
        f"training.parallel: tensor cannot share out heads 3 {divide}",
        f"training.parallel: tensor cannot share out key_heads 1 {divide}",
        f"training.parallel: tensor cannot share out a feedforward_width of 25 {divide}",
        "training.parallel: tensor cannot share out query_key_norm: joint, for which a layer's heads are needed "
        "together; take replicated or sharded",
        "training.parallel: tensor shares out attention and feedforward layers, of which this model has none; "
        "take replicated or sharded",
        "training.parallel: tensor shares out plain matrices alone, not those of adapters or few bits; "
        "take replicated or sharded",
    ]
    assert outputs == ["\n".join(refusals) + "\n"] * 2
