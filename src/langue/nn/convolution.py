"""A Conformer's convolution: each position listens to its neighbours, each number of it by itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue import kernels
from langue.nn.layout import Layout
from langue.nn.linear import make_linear
from langue.nn.roles import Role, matrix, output
from langue.nn.state import LayerState
from langue.nn.window import WindowState


class Convolution(nn.Module):
    """output(swish(norm(depthwise(GLU(input(x)))))) (Gulati et al. 2020, section 2.2).

    The paper normalises over all positions of a batch (BatchNorm), padding and neighbours included, and keeps a running
    mean for later. Here each position is normalised by itself, as by all other norms of a model: so padding stays
    invisible, a batch of many rows and many batches of one give the same gradient, and nothing is kept but weights.

    Args:
        width: of input and output.
        size: positions that are seen: the last ones when causal, else size // 2 on the right, the rest on the left.
        causal: see no later position.
        norm: of vectors of this width.
        bias: of the two projections.
    """

    def __init__(self, width: int, *, size: int, causal: bool, norm: nn.Module, bias: bool):
        super().__init__()
        self.after = 0 if causal else size // 2
        self.before = size - 1 - self.after
        self.input = make_linear(width, (width, width), bias, matrix("convolution"))
        self.weight = nn.Parameter(torch.empty(width, size))
        self.roles = {"weight": Role("convolution")}
        self.norm = norm
        self.output = make_linear(width, (width,), bias, output("convolution"))

    def start(self) -> WindowState:
        return WindowState()

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        """(B, T, width) → (B, T, width)."""
        x = F.glu(self.input(x), -1)
        if layout.new_valid is not None:
            x = x * layout.new_valid[..., None]
        if layout.documents is None:
            mixed = self._along(x, state)
        else:
            mixed = kernels.convolve_apart(x, self.weight, self.after, layout.new_valid, layout.documents)
        return self.output(F.silu(self.norm(mixed)))

    def _along(self, x: Tensor, state: LayerState | None) -> Tensor:
        """Along whole rows, which follow what the state remembers, or silence."""
        old = state.inputs if isinstance(state, WindowState) else None
        wide = F.pad(x, (0, 0, self.before, self.after)) if old is None else torch.cat([old, x], 1)
        if isinstance(state, WindowState):
            state.inputs = wide[:, wide.shape[1] - self.before :]
        return kernels.convolve(wide, self.weight)
