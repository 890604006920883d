"""Cross-attention as it was before many heads: by addition (Bahdanau) or by multiplication (Luong)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from langue.nn.attention import SourceState
from langue.nn.linear import make_linear
from langue.nn.roles import Role, matrix, output
from langue.nn.state import EncoderOutput, LayerState

CrossKind = Literal["attention", "bahdanau", "luong"]


class ClassicAttention(nn.Module):
    """One head whose scores compare a decoder's vector x with each of the source's vectors h.

    bahdanau: v · tanh(W x + U h)     (Bahdanau, Cho & Bengio 2015, appendix A.1.2)
    luong:    x · (U h)               (Luong, Pham & Manning 2015, equation 8, "general")

    The mean c of the source's vectors by these weights becomes tanh(C [c; x]) (Luong et al., equation 5). x is what the
    decoder's mixer gives for the position itself; the context is not fed on to the next position's input.

    Args:
        kind: how they are compared.
        width: of x and of the result.
        memory_width: of h.
        bias: biases in the projections.
    """

    def __init__(self, kind: CrossKind, width: int, memory_width: int, *, bias: bool):
        super().__init__()
        self.key = make_linear(memory_width, (width,), bias, matrix("cross", of_source=True))
        self.query = make_linear(width, (width,), False, matrix("cross")) if kind == "bahdanau" else None
        self.energy = nn.Parameter(torch.empty(width)) if kind == "bahdanau" else None
        self.output = make_linear(memory_width + width, (width,), bias, output("cross"))
        self.roles = {} if self.energy is None else {"energy": Role("vector")}

    def start(self) -> SourceState:
        return SourceState(-2)

    def forward(self, x: Tensor, memory: EncoderOutput, state: LayerState | None = None) -> Tensor:
        """x (B, T, width) attends to memory; keys are worked out once and kept in the state."""
        if isinstance(state, SourceState):
            if not state.tensors:
                state.tensors = [self.key(memory.hidden)]
            keys = state.tensors[0]
        else:
            keys = self.key(memory.hidden)
        weights = self._weights(memory.by_source(x), keys, memory)
        if memory.attention_weights is not None:
            memory.attention_weights.append(memory.by_row(weights, x.shape[1])[:, None])
        context = memory.by_row(weights @ memory.hidden, x.shape[1])
        return self.output(torch.cat([context, x], -1)).tanh()

    def _weights(self, x: Tensor, keys: Tensor, memory: EncoderOutput) -> Tensor:
        if self.query is None or self.energy is None:
            scores = x @ keys.transpose(1, 2)
        else:
            scores = (self.query(x)[:, :, None] + keys[:, None]).tanh() @ self.energy
        if memory.valid is not None:
            scores = scores.masked_fill(~memory.valid[:, None], float("-inf"))
        return scores.softmax(-1)
