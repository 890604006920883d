"""Recurrent layers: RNN (Elman 1990, tanh), GRU (Cho et al. 2014) and LSTM (Hochreiter & Schmidhuber 1997).

A cell is one layer of torch's, whose names and order of gates all share, with batches first. Every way takes

    x: (B, T, input).
    cell: torch's, forward only or in both directions, whose outputs then stand side by side.
    hidden: the states that the rows begin with, (1, B, width) for each of a cell's; None for zeros.
    valid: (B, T) bool, False on padding, which is passed over; None when nothing is padding.
    documents: (B, T) int64; each document of a row begins with zeros. None when each row is one.

and gives (B, T, width), zero on padding, and the hidden states after the last position; None if nobody began.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from langue.kernels.segments import segments

Hidden = tuple[Tensor, ...]


def reference(
    x: Tensor, cell: nn.RNNBase, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden]:
    """Step by step, in ordinary operations alone."""
    forward, last = _walk(x, cell, "", hidden, valid, documents)
    if not cell.bidirectional:
        return forward, tuple(part[None] for part in last)
    turned = [None if part is None else part.flip(1) for part in (x, valid, documents)]
    assert turned[0] is not None
    backward, first = _walk(turned[0], cell, "_reverse", None, turned[1], turned[2])
    ends = tuple(torch.stack(parts) for parts in zip(last, first, strict=True))
    return torch.cat([forward, backward.flip(1)], -1), ends


def _walk(
    x: Tensor, cell: nn.RNNBase, suffix: str, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden]:
    """One direction, from left to right."""
    weight_in, weight_hidden, bias_in, bias_hidden = weights_of(cell, suffix)
    inputs = F.linear(x, weight_in, bias_in)
    zeros = x.new_zeros(x.shape[0], cell.hidden_size)
    state = (zeros,) * (1 + isinstance(cell, nn.LSTM)) if hidden is None else tuple(part[0] for part in hidden)
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


def _step(cell: nn.RNNBase, inputs: Tensor, own: Tensor, state: Hidden) -> Hidden:
    """The states after one position, from the products with the input and with the hidden state."""
    if isinstance(cell, nn.LSTM):
        into, keep, new, out = (inputs + own).chunk(4, -1)
        memory = keep.sigmoid() * state[1] + into.sigmoid() * new.tanh()
        return out.sigmoid() * memory.tanh(), memory
    if isinstance(cell, nn.GRU):
        (reset, update, new), (own_reset, own_update, own_new) = inputs.chunk(3, -1), own.chunk(3, -1)
        new = (new + (reset + own_reset).sigmoid() * own_new).tanh()
        return (torch.lerp(new, state[0], (update + own_update).sigmoid()),)
    return ((inputs + own).tanh(),)


def by_torch(
    x: Tensor, cell: nn.RNNBase, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden]:
    """By torch's kernel, which is a fast one for all of them on a GPU and for the LSTM alone on a CPU."""
    output, after = cell(x, hidden if hidden is None or isinstance(cell, nn.LSTM) else hidden[0])
    return output, after if isinstance(cell, nn.LSTM) else (after,)


def packed(
    x: Tensor, cell: nn.RNNBase, hidden: Hidden | None, valid: Tensor | None, documents: Tensor | None
) -> tuple[Tensor, Hidden | None]:
    """By torch's kernel for packed sequences, each of those that the rows hold by itself."""
    flat = x.flatten(0, 1)
    output = x.new_zeros(flat.shape[0], cell.hidden_size * (1 + cell.bidirectional))
    index, lengths, rows = segments(x, valid, documents)
    if not len(rows):
        return output.unflatten(0, x.shape[:2]), hidden
    pack = pack_padded_sequence(flat[index], lengths.cpu(), batch_first=True, enforce_sorted=False)
    old = None if hidden is None else tuple(part.index_select(1, rows) for part in hidden)
    is_pair = isinstance(cell, nn.LSTM)
    pack, new = cell(pack, old if old is None or is_pair else old[0])
    new = new if is_pair else (new,)
    walked, _ = pad_packed_sequence(pack, batch_first=True)
    real = torch.arange(index.shape[1], device=x.device) < lengths[:, None]
    output = output.to(walked.dtype).index_copy(0, index[real], walked[real])
    # A row that held nothing but padding keeps what it had.
    hidden = hidden or tuple(part.new_zeros(part.shape[0], x.shape[0], part.shape[2]) for part in new)
    hidden = tuple(before.index_copy(1, rows, part) for before, part in zip(hidden, new, strict=True))
    return output.unflatten(0, x.shape[:2]), hidden


def gathered(
    x: Tensor, cell: nn.RNNBase, hidden: Hidden | None, valid: Tensor, documents: Tensor | None
) -> tuple[Tensor, Hidden | None]:
    """By torch's kernel and gathering: slower than packed sequences, but any graph can hold it.

    The own positions of each row are moved to its front, in their order for the layer that walks forward and in reverse
    for the one that walks backward; both then walk from left to right, and padding comes last, where it harms nobody.
    """
    count = valid.long().cumsum(1)
    total = count[:, -1:]
    padding = (~valid).long().cumsum(1)
    after = total + padding - 1
    outputs = [_walk_gathered(x, cell, torch.where(valid, count - 1, after), "")]
    if cell.bidirectional:
        outputs.append(_walk_gathered(x, cell, torch.where(valid, total - count, after), "_reverse"))
    return torch.cat(outputs, -1) * valid[..., None], hidden


def _walk_gathered(x: Tensor, cell: nn.RNNBase, places: Tensor, suffix: str) -> Tensor:
    """One direction, in which each position of x stands at the place that `places` (B, T) gives to it."""
    into = places[..., None].expand_as(x)
    moved = torch.zeros_like(x).scatter(1, into, x)
    weights = list(weights_of(cell, suffix))
    start = x.new_zeros(1, x.shape[0], cell.hidden_size)
    options = (True, 1, 0.0, False, False, True)  # biases, one layer, no dropout, no training, one way, batch first
    if isinstance(cell, nn.LSTM):
        walked = torch.lstm(moved, (start, start), weights, *options)[0]
    else:
        kernel = torch.gru if isinstance(cell, nn.GRU) else torch.rnn_tanh
        walked = kernel(moved, start, weights, *options)[0]
    return walked.gather(1, places[..., None].expand_as(walked))


def weights_of(cell: nn.RNNBase, suffix: str = "") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both matrices, of the input and of the hidden state, and their biases; "_reverse" for the way back."""
    weight_in, weight_hidden = getattr(cell, f"weight_ih_l0{suffix}"), getattr(cell, f"weight_hh_l0{suffix}")
    return weight_in, weight_hidden, getattr(cell, f"bias_ih_l0{suffix}"), getattr(cell, f"bias_hh_l0{suffix}")
