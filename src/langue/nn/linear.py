"""The linear layer of the trunk: torch's, plus the knowledge of which of its rows belong together."""

from __future__ import annotations

from torch import Tensor, nn

from langue import kernels


class Linear(nn.Linear):
    """y = x·Wᵀ (+ b), where W may stack several matrices that share their input.

    Args:
        input_width: width of x.
        blocks: rows of each stacked matrix; `(width,)` for a plain layer, `(queries, keys, values)` for a fused one.
            Optimizers that treat a matrix as a whole (Muon) take each block for itself.
        bias: add b.
    """

    def __init__(self, input_width: int, blocks: tuple[int, ...], bias: bool):
        super().__init__(input_width, sum(blocks), bias=bias)
        self.blocks = blocks

    def forward(self, input: Tensor) -> Tensor:
        return kernels.linear(input, self.weight, self.bias)

    def reset_parameters(self) -> None:
        """Leave the memory as it is: first values come from `langue.models.initialize` or from a file."""
