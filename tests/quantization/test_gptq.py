"""Rounding that knows its inputs: never worse than rounding to the nearest on them, and much better on uneven ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from langue.nn.layout import Layout
from langue.nn.linear import Linear, linear_layers
from langue.nn.recurrent import Recurrent, RecurrentKind
from langue.nn.roles import matrix
from langue.quantization.awq import awq
from langue.quantization.calibration import output_error, recorded_inputs
from langue.quantization.formats import WRITABLE
from langue.quantization.gptq import fitted, gptq


def case(seed: int, rows: int = 24, columns: int = 128, inputs: int = 300) -> tuple[Tensor, Tensor]:
    """A matrix, and inputs whose numbers go along with each other and are of very different sizes."""
    draws = torch.Generator().manual_seed(seed)
    mixed = torch.randn(columns, columns, generator=draws) * torch.logspace(-1, 1, columns)
    return torch.randn(rows, columns, generator=draws), torch.randn(inputs, columns, generator=draws) @ mixed / 10


@pytest.mark.parametrize("name", WRITABLE)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), inputs=st.sampled_from([1, 5, 300]))
def test_neither_is_ever_worse_than_rounding_to_the_nearest(name: str, seed: int, inputs: int) -> None:
    weight, x = case(seed, inputs=inputs)
    format, moments = WRITABLE[name], x.T @ x
    nearest = output_error(format.dequantize(format.quantize(weight)) - weight, moments)
    ours = output_error(format.dequantize(gptq(weight, moments, format)) - weight, moments)
    held, smooth = awq(weight, moments, format)
    assert ours <= nearest
    assert output_error(format.dequantize(held) * smooth - weight, moments) <= nearest


@pytest.mark.parametrize("name", WRITABLE)
def test_uneven_inputs_are_served_better(name: str) -> None:
    weight, x = case(1)
    format, moments = WRITABLE[name], x.T @ x
    errors = {
        "nearest": output_error(format.dequantize(format.quantize(weight)) - weight, moments),
        "gptq": output_error(format.dequantize(gptq(weight, moments, format)) - weight, moments),
    }
    assert errors["gptq"] < 0.5 * errors["nearest"]
    change = format.dequantize(gptq(weight, moments, format)) - weight
    torch.testing.assert_close(
        output_error(change, moments), float((x.double() @ change.double().T).square().sum()), rtol=1e-3, atol=0
    )


def test_inputs_that_are_always_zero_are_left_out_of_it() -> None:
    weight, x = case(2)
    x[:, ::3] = 0
    moments = x.T @ x
    assert output_error(WRITABLE["q4_0"].dequantize(gptq(weight, moments, WRITABLE["q4_0"])) - weight, moments) < (
        output_error(WRITABLE["q4_0"].dequantize(WRITABLE["q4_0"].quantize(weight)) - weight, moments)
    )
    nothing = gptq(weight, torch.zeros(128, 128), WRITABLE["q4_0"])
    assert torch.equal(nothing["packed"], WRITABLE["q4_0"].quantize(weight)["packed"])


@pytest.mark.parametrize("name", WRITABLE)
def test_a_fitted_grid_is_never_worse_than_that_of_the_extremes(name: str) -> None:
    weight, x = case(3)
    format, importance = WRITABLE[name], (x.T @ x).diagonal()
    blocks, ours = format.blocks(weight), fitted(format.blocks(weight), importance, format)

    def error(grid: tuple[Tensor, ...]) -> Tensor:
        change = format.values(format.round(blocks, grid), grid) - blocks
        return (change.square() * importance.view(blocks.shape[1:])).sum(-1)

    assert (error(ours) <= error(format.fit(blocks)) + 1e-3).all()


def test_inputs_are_recorded_of_all_calls() -> None:
    layer, x = Linear(6, (4,), matrix("attention"), None), torch.randn(5, 3, 6)
    model = nn.Sequential(layer)
    with recorded_inputs({"0": layer}, model) as moments:
        model(x[:2])
        model(x[2:])
    model(x)
    torch.testing.assert_close(moments["0"], second_moment(x))


def second_moment(x: Tensor) -> Tensor:
    return x.flatten(0, -2).T @ x.flatten(0, -2)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@torch.no_grad()
def test_inputs_of_a_cell_are_those_of_each_of_its_steps(kind: RecurrentKind, causal: bool) -> None:
    layer, x = Recurrent(kind, 6, 8, causal=causal), torch.randn(3, 5, 6)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    with recorded_inputs(linear_layers(layer), layer) as moments:
        layer(x, Layout.of(x, None, None, causal=causal))
    for way, direction, read in (("forwards", layer.forwards, x), ("backwards", layer.backwards, x.flip(1))):
        if direction is None:
            assert not any(name.startswith(way) for name in moments)
            continue
        cell = Recurrent(kind, 6, direction.hidden.in_features, causal=True)
        cell.load_state_dict({f"forwards.{name}": value for name, value in direction.state_dict().items()})
        state, hidden = cell.start(), []
        for step in range(5):
            hidden.append(torch.zeros(3, cell.width) if state.hidden is None else state.hidden[0][0].clone())
            cell(read[:, step : step + 1], Layout.of(x[:, :1], None, None, causal=True), state)
        torch.testing.assert_close(moments[f"{way}.input"], second_moment(x))
        torch.testing.assert_close(moments[f"{way}.hidden"], second_moment(torch.stack(hidden)))
