"""Recurrence: RNN, GRU and LSTM walk through the positions and carry a hidden state along."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from langue.nn.layout import Layout
from langue.nn.mixer import Mixer
from langue.nn.state import LayerState

RecurrentKind = Literal["rnn", "gru", "lstm"]

Hidden = Tensor | tuple[Tensor, Tensor]

# The standard cells with torch's kernels: RNN (Elman 1990, tanh), GRU (Cho et al. 2014), LSTM (Hochreiter &
# Schmidhuber 1997, with the forget gate of Gers et al. 2000).
_CELLS: dict[RecurrentKind, type[nn.RNN | nn.GRU | nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_GATES: dict[RecurrentKind, int] = {"rnn": 1, "gru": 3, "lstm": 4}


class HiddenState(LayerState):
    """The hidden state after the last position, (1, B, width) or for an LSTM a pair of them. None stands for zeros."""

    def __init__(self) -> None:
        self.hidden: Hidden | None = None

    def select(self, rows: Tensor) -> None:
        if isinstance(self.hidden, tuple):
            self.hidden = self.hidden[0].index_select(1, rows), self.hidden[1].index_select(1, rows)
        elif self.hidden is not None:
            self.hidden = self.hidden.index_select(1, rows)


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
        self.cell = _CELLS[kind](
            input_width, width if causal else width // 2, batch_first=True, bidirectional=not causal
        )
        self.gates = _GATES[kind]

    def start(self) -> HiddenState:
        return HiddenState()

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        hidden = state.hidden if isinstance(state, HiddenState) else None
        if layout.new_valid is None and layout.documents is None:
            output, hidden = self.cell(x, hidden)
        else:
            output, hidden = self._walk_segments(x, layout, hidden)
        if isinstance(state, HiddenState):
            state.hidden = hidden
        return output

    def _walk_segments(self, x: Tensor, layout: Layout, hidden: Hidden | None) -> tuple[Tensor, Hidden]:
        """Walk through each sequence that the rows hold by itself, whatever padding or neighbours stand beside it."""
        index, lengths = layout.segments()
        flat = x.flatten(0, 1)
        packed = pack_padded_sequence(flat[index], lengths.cpu(), batch_first=True, enforce_sorted=False)
        walked, hidden = self.cell(packed, hidden)
        walked, _ = pad_packed_sequence(walked, batch_first=True)
        real = torch.arange(index.shape[1], device=x.device) < lengths[:, None]
        output = walked.new_zeros(flat.shape[0], walked.shape[-1])
        output = output.index_copy(0, index[real], walked[real])
        return output.unflatten(0, x.shape[:2]), hidden
