"""Recurrence: RNN, GRU and LSTM walk through the positions and carry a hidden state along."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from langue.nn.gathered import walk_gathered
from langue.nn.layout import Layout
from langue.nn.mixer import Mixer
from langue.nn.state import LayerState, Owners, Paths
from langue.nn.unrolled import can_walk, walk
from langue.tracing import is_exporting

RecurrentKind = Literal["rnn", "gru", "lstm"]

Hidden = tuple[Tensor, ...]

# The standard cells with torch's kernels: RNN (Elman 1990, tanh), GRU (Cho et al. 2014), LSTM (Hochreiter &
# Schmidhuber 1997, with the forget gate of Gers et al. 2000).
_CELLS: dict[RecurrentKind, type[nn.RNN | nn.GRU | nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_GATES: dict[RecurrentKind, int] = {"rnn": 1, "gru": 3, "lstm": 4}


class HiddenState(LayerState):
    """What the cell carries on: (1, B, width) once, or twice for an LSTM. None stands for zeros."""

    def __init__(self) -> None:
        self.hidden: Hidden | None = None

    def select(self, owners: Owners) -> None:
        if self.hidden is not None:
            self.hidden = tuple(part.index_select(1, owners.numbers) for part in self.hidden)

    def join(self, other: HiddenState, theirs: Paths, mine: Paths) -> None:
        if self.hidden is not None and other.hidden is not None:
            self.hidden = tuple(torch.cat(parts, 1) for parts in zip(self.hidden, other.hidden, strict=True))


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
        self.gates = _GATES[kind]
        self.width = width

    def start(self) -> HiddenState:
        return HiddenState()

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        hidden = state.hidden if isinstance(state, HiddenState) else None
        if is_exporting() and layout.new_valid is not None:
            return walk_gathered(self.cell, x, layout.new_valid)
        if layout.new_valid is None and layout.documents is None:
            output, hidden = self._walk(x, hidden)
        else:
            output, hidden = self._walk_segments(x, layout, hidden)
        if isinstance(state, HiddenState):
            state.hidden = hidden
        return output

    def _walk(self, x: Any, hidden: Hidden | None) -> tuple[Any, Hidden]:
        is_pair = isinstance(self.cell, nn.LSTM)
        if isinstance(x, Tensor) and can_walk(self.cell, x):
            output, last = walk(self.cell, x, None if hidden is None else hidden[0])
            return output, (last,)
        output, after = self.cell(x, hidden if hidden is None or is_pair else hidden[0])
        return output, after if is_pair else (after,)

    def _walk_segments(self, x: Tensor, layout: Layout, hidden: Hidden | None) -> tuple[Tensor, Hidden | None]:
        """Walk through each sequence that the rows hold by itself, whatever padding or neighbours stand beside it."""
        flat = x.flatten(0, 1)
        output = x.new_zeros(flat.shape[0], self.width)
        index, lengths, rows = layout.segments()
        if len(rows):
            packed = pack_padded_sequence(flat[index], lengths.cpu(), batch_first=True, enforce_sorted=False)
            old = None if hidden is None else tuple(part.index_select(1, rows) for part in hidden)
            packed, new = self._walk(packed, old)
            walked, _ = pad_packed_sequence(packed, batch_first=True)
            real = torch.arange(index.shape[1], device=x.device) < lengths[:, None]
            output = output.to(walked.dtype).index_copy(0, index[real], walked[real])
            # A row that held nothing but padding keeps what it had.
            hidden = hidden or tuple(part.new_zeros(part.shape[0], layout.rows, part.shape[2]) for part in new)
            hidden = tuple(before.index_copy(1, rows, part) for before, part in zip(hidden, new, strict=True))
        return output.unflatten(0, x.shape[:2]), hidden
