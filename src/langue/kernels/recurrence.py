"""Recurrent layers: RNN (Elman 1990, tanh), GRU (Cho et al. 2014) and LSTM (Hochreiter & Schmidhuber 1997).

Every way takes

    x: (B, T, input).
    cell: kind and weights, forward only or in both directions, whose outputs then stand side by side.
    hidden: the states that the rows begin with, (1, B, width) for each of a cell's; None for zeros.
    valid: (B, T) bool, False on padding, which is passed over; None when nothing is padding.
    documents: (B, T) int64; each document of a row begins with zeros. None when each row is one.

and gives (B, T, width), zero on padding, and the hidden states after the last position; None if nobody began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from langue.kernels.segments import segments

Hidden = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""The matrices of the input and of the hidden state, and their biases, each of which stacks those of all gates."""


@dataclass(frozen=True)
class Cell:
    """A recurrent layer.

    Attributes:
        kind: whose equations it follows; gates are stacked in torch's order.
        weights: of the way forward, and of the way back where there is one.
    """

    kind: Literal["rnn", "gru", "lstm"]
    weights: tuple[Weights, ...]

    @property
    def width(self) -> int:
        """Numbers of a hidden state."""
        return self.weights[0][1].shape[1]

    @property
    def both_ways(self) -> bool:
        return len(self.weights) == 2

    def zeros(self, x: Tensor) -> Hidden:
        """States of nothing for the rows of x."""
        state = x.new_zeros(len(self.weights), x.shape[0], self.width)
        return (state, state) if self.kind == "lstm" else (state,)


def reference(
    x: Tensor, cell: Cell, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden]:
    """Step by step, in ordinary operations alone."""
    forward, last = _walk(x, cell, 0, hidden, valid, documents)
    if not cell.both_ways:
        return forward, tuple(part[None] for part in last)
    turned = [None if part is None else part.flip(1) for part in (x, valid, documents)]
    assert turned[0] is not None
    backward, first = _walk(turned[0], cell, 1, None, turned[1], turned[2])
    ends = tuple(torch.stack(parts) for parts in zip(last, first, strict=True))
    return torch.cat([forward, backward.flip(1)], -1), ends


def _walk(
    x: Tensor, cell: Cell, way: int, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden]:
    """One direction, from left to right."""
    weight_in, weight_hidden, bias_in, bias_hidden = cell.weights[way]
    inputs = F.linear(x, weight_in, bias_in)
    state = tuple(part[0] for part in hidden or cell.zeros(x))
    outputs = []
    for t in range(x.shape[1]):
        if documents is not None and t:
            same = (documents[:, t] == documents[:, t - 1])[:, None]
            state = tuple(torch.where(same, part, 0.0) for part in state)
        new = _step(cell, inputs[:, t], F.linear(state[0], weight_hidden, bias_hidden), state)
        if valid is not None:
            real = valid[:, t, None]
            outputs.append(torch.where(real, new[0], 0.0))
            new = tuple(torch.where(real, after, before) for after, before in zip(new, state, strict=True))
        else:
            outputs.append(new[0])
        state = new
    return torch.stack(outputs, 1), state


def _step(cell: Cell, inputs: Tensor, own: Tensor, state: Hidden) -> Hidden:
    """The states after one position, from the products with the input and with the hidden state."""
    if cell.kind == "lstm":
        into, keep, new, out = (inputs + own).chunk(4, -1)
        memory = keep.sigmoid() * state[1] + into.sigmoid() * new.tanh()
        return out.sigmoid() * memory.tanh(), memory
    if cell.kind == "gru":
        (reset, update, new), (own_reset, own_update, own_new) = inputs.chunk(3, -1), own.chunk(3, -1)
        new = (new + (reset + own_reset).sigmoid() * own_new).tanh()
        return (torch.lerp(new, state[0], (update + own_update).sigmoid()),)
    return ((inputs + own).tanh(),)


def by_torch(
    x: Tensor, cell: Cell, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden]:
    """By torch's kernel, which is a fast one for all of them on a GPU and for the LSTM alone on a CPU."""
    return _by_torch(cell, x, hidden or cell.zeros(x), batch_first=True)


def packed(
    x: Tensor, cell: Cell, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden | None]:
    """By torch's kernel for packed sequences, each of those that the rows hold by itself."""
    flat = x.flatten(0, 1)
    output = x.new_zeros(flat.shape[0], cell.width * (1 + cell.both_ways))
    index, lengths, rows = segments(x, valid, documents)
    if not len(rows):
        return output.unflatten(0, x.shape[:2]), hidden
    pack = pack_padded_sequence(flat[index], lengths.cpu(), batch_first=True, enforce_sorted=False)
    old = cell.zeros(flat[index]) if hidden is None else tuple(part.index_select(1, rows) for part in hidden)
    order, back = pack.sorted_indices, pack.unsorted_indices
    assert order is not None
    assert back is not None
    old = tuple(part.to(x.dtype).index_select(1, order) for part in old)
    data, new = _by_torch(cell, pack.data, old, batch_sizes=pack.batch_sizes)
    new = tuple(part.index_select(1, back) for part in new)
    walked, _ = pad_packed_sequence(pack._replace(data=data), batch_first=True)
    real = torch.arange(index.shape[1], device=x.device) < lengths[:, None]
    output = output.to(walked.dtype).index_copy(0, index[real], walked[real])
    # A row that held nothing but padding keeps what it had.
    hidden = hidden or tuple(part.new_zeros(part.shape[0], x.shape[0], part.shape[2]) for part in new)
    hidden = tuple(before.index_copy(1, rows, part) for before, part in zip(hidden, new, strict=True))
    return output.unflatten(0, x.shape[:2]), hidden


def gathered(
    x: Tensor, cell: Cell, hidden: Hidden | None, valid: Tensor, documents: Tensor | None
) -> tuple[Tensor, Hidden | None]:
    """By torch's kernel and gathering: slower than packed sequences, but any graph can hold it.

    The own positions of each row are moved to its front, in their order for the layer that walks forward and in reverse
    for the one that walks backward; both then walk from left to right, and padding comes last, where it harms nobody.
    """
    count = valid.long().cumsum(1)
    total = count[:, -1:]
    padding = (~valid).long().cumsum(1)
    after = total + padding - 1
    outputs = [_walk_gathered(x, cell, 0, torch.where(valid, count - 1, after))]
    if cell.both_ways:
        outputs.append(_walk_gathered(x, cell, 1, torch.where(valid, total - count, after)))
    return torch.cat(outputs, -1) * valid[..., None], hidden


def _walk_gathered(x: Tensor, cell: Cell, way: int, places: Tensor) -> Tensor:
    """One direction, in which each position of x stands at the place that `places` (B, T) gives to it."""
    into = places[..., None].expand_as(x)
    moved = torch.zeros_like(x).scatter(1, into, x)
    one_way = Cell(cell.kind, (cell.weights[way],))
    walked, _ = _by_torch(one_way, moved, one_way.zeros(x), batch_first=True)
    return walked.gather(1, places[..., None].expand_as(walked))


def _by_torch(
    cell: Cell, x: Tensor, hidden: Hidden, *, batch_first: bool = False, batch_sizes: Tensor | None = None
) -> tuple[Tensor, Hidden]:
    """By torch's kernel: x (B, T, input), or the packed positions of all rows (positions, input)."""
    kernel: Any = {"lstm": torch.lstm, "gru": torch.gru, "rnn": torch.rnn_tanh}[cell.kind]
    start = hidden if cell.kind == "lstm" else hidden[0]
    weights = [tensor for weights in cell.weights for tensor in weights]
    # Biases, one layer, no dropout; a GPU keeps what a gradient needs where the pass is one of training.
    options = weights, True, 1, 0.0, torch.is_grad_enabled(), cell.both_ways
    if batch_sizes is None:
        output, *after = kernel(x, start, *options, batch_first)
    else:
        output, *after = kernel(x, batch_sizes, start, *options)
    return output, tuple(after)
