"""Recurrence: RNN, GRU and LSTM walk through the positions and carry a hidden state along."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from langue import kernels
from langue.nn.layout import Layout
from langue.nn.mixer import Mixer
from langue.nn.roles import Initial, Role
from langue.nn.state import LayerState, PageTable, RowIndex

RecurrentKind = Literal["rnn", "gru", "lstm"]

Hidden = tuple[Tensor, ...]

# The standard cells with torch's kernels: RNN (Elman 1990, tanh), GRU (Cho et al. 2014), LSTM (Hochreiter &
# Schmidhuber 1997, with the forget gate of Gers et al. 2000).
_CELLS: dict[RecurrentKind, type[nn.RNN | nn.GRU | nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_GATES: dict[RecurrentKind, int] = {"rnn": 1, "gru": 3, "lstm": 4}


class HiddenState(LayerState):
    """Hidden state of the cell: (1, B, width) once, or twice for an LSTM. None stands for zeros."""

    def __init__(self) -> None:
        self.hidden: Hidden | None = None

    def select(self, owners: RowIndex) -> None:
        if self.hidden is not None:
            self.hidden = tuple(part.index_select(1, owners.numbers) for part in self.hidden)

    def join(self, other: HiddenState, theirs: PageTable, mine: PageTable) -> None:
        if self.hidden is not None and other.hidden is not None:
            self.hidden = tuple(torch.cat(parts, 1) for parts in zip(self.hidden, other.hidden, strict=True))


def _role(kind: RecurrentKind, name: str, width: int) -> Role:
    """The role of a parameter of torch's cell, which stacks those of all gates."""
    gates = _GATES[kind]
    initial = Initial("uniform", width**-0.5)
    if kind == "lstm" and name.startswith("bias_ih"):
        # torch stacks an LSTM's gates as input, forget, cell, output; the forget gate is open at first.
        initial = replace(initial, constants=(None, 1.0, None, None))
    return Role("matrix" if name.startswith("weight") else "vector", initial, (width,) * gates)


class Recurrent(Mixer):
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
        # On no device first: torch would draw first values from its global generator, only for them to be replaced.
        cell = _CELLS[kind](input_width, one_way, batch_first=True, bidirectional=not causal, device="meta")
        self.cell = cell.to_empty(device=torch.get_default_device())
        self.width = width
        self.roles = {f"cell.{name}": _role(kind, name, one_way) for name, _ in cell.named_parameters()}

    def start(self) -> HiddenState:
        return HiddenState()

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        hidden = state.hidden if isinstance(state, HiddenState) else None
        output, hidden = kernels.recurrent(x, self.cell, hidden, layout.new_valid, layout.documents)
        if isinstance(state, HiddenState):
            state.hidden = hidden
        return output
