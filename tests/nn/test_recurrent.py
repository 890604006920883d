"""Recurrence against torch's layers, against packed sequences, and against the equations of the papers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cells import cell_of
from langue.nn.layout import Layout
from langue.nn.recurrent import Recurrent, RecurrentKind

KINDS: dict[RecurrentKind, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
ROWS, LENGTH, INPUT, WIDTH = 3, 6, 5, 8


def make(kind: RecurrentKind, causal: bool) -> tuple[Recurrent, nn.RNNBase]:
    """A layer of ours and torch's own with the same random weights."""
    draws = torch.Generator().manual_seed(1)
    layer = Recurrent(kind, INPUT, WIDTH, causal=causal).double()
    one_way = WIDTH if causal else WIDTH // 2
    reference = KINDS[kind](INPUT, one_way, batch_first=True, bidirectional=not causal).double()
    with torch.no_grad():
        for other in reference.parameters():
            other.copy_(torch.randn(other.shape, generator=draws) * 0.5)
        for way, weights in zip(ways_of(layer), cell_of(reference).weights, strict=True):
            for parameter, other in zip(way.weights(), weights, strict=True):
                parameter.copy_(other)
    return layer, reference


def ways_of(layer: Recurrent) -> list[Any]:
    return [layer.forwards] if layer.backwards is None else [layer.forwards, layer.backwards]


def inputs() -> Tensor:
    return torch.randn(ROWS, LENGTH, INPUT, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def layout(causal: bool, valid: Tensor | None = None, documents: Tensor | None = None) -> Layout:
    return Layout.of(torch.zeros(ROWS, LENGTH, dtype=torch.long), valid, documents, causal=causal)


def by_equations(kind: RecurrentKind, layer: Recurrent, x: Tensor) -> Tensor:
    """One row at a time, gate by gate, in the order in which torch stacks the gates."""
    w, u, b, c = layer.forwards.weights()
    outputs = torch.zeros(ROWS, LENGTH, WIDTH, dtype=x.dtype)
    for row in range(ROWS):
        hidden = memory = torch.zeros(WIDTH, dtype=x.dtype)
        for t in range(LENGTH):
            given, own = w @ x[row, t] + b, u @ hidden + c
            if kind == "rnn":
                hidden = torch.tanh(given + own)
            elif kind == "gru":
                (r, z, n), (ur, uz, un) = given.chunk(3), own.chunk(3)
                reset, update = torch.sigmoid(r + ur), torch.sigmoid(z + uz)
                hidden = (1 - update) * torch.tanh(n + reset * un) + update * hidden
            else:
                enter, forget, content, leave = (given + own).chunk(4)
                memory = torch.sigmoid(forget) * memory + torch.sigmoid(enter) * torch.tanh(content)
                hidden = torch.sigmoid(leave) * torch.tanh(memory)
            outputs[row, t] = hidden
    return outputs


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_layer_is_torchs(kind: RecurrentKind, causal: bool) -> None:
    layer, reference = make(kind, causal)
    torch.testing.assert_close(layer(inputs(), layout(causal)), reference(inputs())[0], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_layer_is_its_equations(kind: RecurrentKind) -> None:
    layer, _ = make(kind, causal=True)
    torch.testing.assert_close(layer(inputs(), layout(causal=True)), by_equations(kind, layer, inputs()))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_is_torchs_packed_sequence(kind: RecurrentKind, causal: bool) -> None:
    """Values and gradients."""
    layer, reference = make(kind, causal)
    lengths = torch.tensor([4, 6, 1])
    valid = torch.arange(LENGTH) < lengths[:, None]
    ours, theirs = inputs().requires_grad_(), inputs().requires_grad_()
    packed = pack_padded_sequence(theirs, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    output = layer(ours, layout(causal, valid))
    torch.testing.assert_close(output, expected)
    output.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    for way, weights in zip(ways_of(layer), cell_of(reference).weights, strict=True):
        for parameter, other in zip(way.weights(), weights, strict=True):
            torch.testing.assert_close(parameter.grad, other.grad)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_documents_are_walked_one_by_one(kind: RecurrentKind, causal: bool) -> None:
    layer, reference = make(kind, causal)
    documents = torch.tensor([[0, 0, 1, 1, 1, 2], [5] * 6, [3, 4, 4, 4, 4, 4]])
    x = inputs()
    output = layer(x, layout(causal, documents=documents))
    for row, cuts in enumerate([(0, 2, 5, 6), (0, 6), (0, 1, 6)]):
        for start, end in pairwise(cuts):
            torch.testing.assert_close(output[row, start:end], reference(x[row : row + 1, start:end])[0][0])


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_state_carries_on_where_it_stopped(kind: RecurrentKind) -> None:
    layer, reference = make(kind, causal=True)
    x, state = inputs(), layer.start()
    first = Layout.of(x[:, :4, 0], None, None, causal=True)
    layer(x[:, :4], first, state)
    _, expected = reference(x[:, :4])
    assert state.hidden is not None
    for part, other in zip(state.hidden, expected if isinstance(expected, tuple) else (expected,), strict=True):
        torch.testing.assert_close(part, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_row_of_padding_keeps_what_it_remembers(kind: RecurrentKind) -> None:
    layer, _ = make(kind, causal=True)
    x, state = inputs(), layer.start()
    layer(x, layout(causal=True), state)
    before = state.hidden
    valid = torch.ones(ROWS, LENGTH, dtype=torch.bool)
    valid[1] = False
    layer(x, layout(causal=True, valid=valid), state)
    assert before is not None
    assert state.hidden is not None
    for old, new in zip(before, state.hidden, strict=True):
        assert torch.equal(old[:, 1], new[:, 1])
        assert not torch.isclose(old[:, [0, 2]], new[:, [0, 2]]).all()
    layer(x, layout(causal=True, valid=torch.zeros_like(valid)), state)
    assert all(torch.isfinite(part).all() for part in state.hidden)
