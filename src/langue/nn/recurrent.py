"""Recurrence: RNN, GRU and LSTM walk through the positions and carry a hidden state along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from langue import kernels
from langue.nn.layout import Layout
from langue.nn.linear import LinearLayer, UncalledLayers, make_linear
from langue.nn.mixer import Mixer
from langue.nn.roles import Initial, Role, matrix
from langue.nn.state import LayerState, PageTable, RowIndex

RecurrentKind = Literal["rnn", "gru", "lstm"]

Hidden = tuple[Tensor, ...]

# RNN (Elman 1990, tanh), GRU (Cho et al. 2014), LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et
# al. 2000), whose gates torch stacks as input, forget, cell, output.
_GATES: dict[RecurrentKind, int] = {"rnn": 1, "gru": 3, "lstm": 4}


class HiddenState(LayerState):
    """Hidden state of the cell: (1, B, width) once, or twice for an LSTM. None stands for zeros."""

    def __init__(self) -> None:
        self.hidden: Hidden | None = None

    def select(self, owners: RowIndex) -> None:
        if self.hidden is not None:
            self.hidden = tuple(part.index_select(1, owners.numbers) for part in self.hidden)

    def alone(self, row: int, positions: Tensor, page_table: PageTable | None) -> HiddenState:
        state = HiddenState()
        if self.hidden is not None:
            state.hidden = tuple(part[:, row : row + 1].clone() for part in self.hidden)
        return state

    def first(self, length: int) -> HiddenState:
        state = HiddenState()
        state.hidden = self.hidden
        return state

    def join(self, other: HiddenState, theirs: PageTable, mine: PageTable) -> None:
        if self.hidden is not None and other.hidden is not None:
            self.hidden = tuple(torch.cat(parts, 1) for parts in zip(self.hidden, other.hidden, strict=True))


class _Direction(nn.Module):
    """The matrices of one way along the positions: of the input and of the hidden state, those of all gates stacked."""

    def __init__(self, kind: RecurrentKind, input_width: int, width: int):
        super().__init__()
        gates, initial = (width,) * _GATES[kind], Initial("uniform", width**-0.5)
        # An LSTM's forget gate is open at first.
        open_first = replace(initial, constants=(None, 1.0, None, None)) if kind == "lstm" else initial
        role = matrix("recurrent", initial)
        self.input = make_linear(input_width, gates, True, role, Role("vector", open_first))
        self.hidden = make_linear(width, gates, True, role, Role("vector", initial))

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Both matrices and both biases, in torch's order."""
        assert self.input.bias is not None
        assert self.hidden.bias is not None
        return self.input.matrix(), self.hidden.matrix(), self.input.bias, self.hidden.bias


class Recurrent(Mixer, UncalledLayers):
    """A recurrent layer; when not causal, two of half the width walk in opposite directions (Schuster & Paliwal 1997).

    Args:
        kind: "rnn", "gru" or "lstm".
        input_width: width of the input.
        width: width of the output.
        causal: walk forward only.
    """

    def __init__(self, kind: RecurrentKind, input_width: int, width: int, *, causal: bool):
        super().__init__()
        one_way = width if causal else width // 2
        self.kind: RecurrentKind = kind
        self.width = width
        self.forwards = _Direction(kind, input_width, one_way)
        self.backwards = None if causal else _Direction(kind, input_width, one_way)

    def start(self) -> HiddenState:
        return HiddenState()

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        hidden = state.hidden if isinstance(state, HiddenState) else None
        ways = (self.forwards,) if self.backwards is None else (self.forwards, self.backwards)
        cell = kernels.Cell(self.kind, tuple(way.weights() for way in ways))
        output, hidden = kernels.recurrent(x, cell, hidden, layout.new_valid, layout.documents)
        if isinstance(state, HiddenState):
            state.hidden = hidden
        return output

    def inputs_in(self, inputs: tuple[Any, ...], output: Tensor) -> Iterator[tuple[LinearLayer, Tensor]]:
        """The matrix of the input of each direction, and that of the hidden state, which is the output one step before;
        the first is zero."""
        yield self.forwards.input, inputs[0]
        width = self.forwards.hidden.in_features
        yield self.forwards.hidden, output[:, :-1, :width]
        if self.backwards is not None:
            yield self.backwards.input, inputs[0]
            yield self.backwards.hidden, output[:, 1:, width:]
