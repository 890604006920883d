"""The fixed window against its formula, position by position."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from langue.nn.layout import Layout
from langue.nn.window import WindowMixer

LENGTH, INPUT, WIDTH = 7, 3, 5


def by_formula(window: WindowMixer, x: Tensor, before: int, after: int) -> Tensor:
    outputs = []
    for t in range(LENGTH):
        side_by_side = [
            x[place] if 0 <= place < LENGTH else torch.zeros(INPUT, dtype=x.dtype)
            for place in range(t - before, t + after + 1)
        ]
        outputs.append(torch.tanh(window.hidden.weight @ torch.cat(side_by_side) + window.hidden.bias))
    return torch.stack(outputs)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
@torch.no_grad()
def test_window_is_its_formula(size: int, causal: bool) -> None:
    window = WindowMixer(INPUT, WIDTH, size=size, causal=causal).double()
    draws = torch.Generator().manual_seed(0)
    for parameter in window.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=draws))
    x = torch.randn(2, LENGTH, INPUT, generator=draws, dtype=torch.float64)
    found = window(x, Layout.of(x[..., 0], None, None, causal=causal))
    after = 0 if causal else size // 2
    for row in range(2):
        torch.testing.assert_close(found[row], by_formula(window, x[row], size - 1 - after, after))


def test_its_state_is_as_small_as_the_window() -> None:
    window = WindowMixer(INPUT, WIDTH, size=4, causal=True)
    torch.nn.init.zeros_(window.hidden.weight)
    state = window.start()
    for _ in range(3):
        x = torch.zeros(2, LENGTH, INPUT)
        window(x, Layout.of(x[..., 0], None, None, causal=True), state)
    assert state.inputs is not None
    assert state.inputs.shape == (2, 3, INPUT)
