"""Low-rank adapters: a layer whose matrix is kept as it is, with a product of two thin matrices beside it that learns.

    lora    y = x·(W + s·B·A)ᵀ                                  (Hu et al. 2021, "LoRA", equation 3; s = α/r)
    rslora  the same with s = α/√r                              (Kalajdzievski 2023, "rsLoRA", equation 4)
    dora    y = x·(m ⊙ (W + s·B·A) / ‖W + s·B·A‖)ᵀ              (Liu et al. 2024, "DoRA", equation 5)

The norm of DoRA is that of each row, and is taken for a constant on the way back (section 4.3 there). A matrix that
stacks several has a pair for each.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue import kernels
from langue.adapters.settings import AdapterConfig
from langue.nn.dropout import Dropout
from langue.nn.linear import Factory, Linear, LinearLayer
from langue.nn.roles import ZEROS, Initial, Role


class AdaptedLinear(LinearLayer):
    """A linear layer with an adapter beside it.

    Args:
        base: the layer that is adapted; it stops to learn.
        config: of the adapter.
        role: of the base's matrix.
    """

    def __init__(self, base: LinearLayer, config: AdapterConfig, role: Role):
        super().__init__(base.in_features, base.blocks, role)
        for rows in base.blocks:
            config.check_rank(rows, base.in_features, role.part)
        self.base = base.requires_grad_(False)
        self.rank, self.scale = config.rank, config.scale
        self.dropout = Dropout(config.dropout)
        ranks = (config.rank,) * len(base.blocks)
        self.down = nn.Parameter(torch.empty(sum(ranks), base.in_features))
        self.up = nn.Parameter(torch.empty(base.out_features, config.rank))
        self.magnitude = nn.Parameter(torch.empty(base.out_features)) if config.kind == "dora" else None
        self.roles = {
            "down": Role("adapter", Initial("uniform", base.in_features**-0.5), role.part, ranks, role.of_source),
            "up": Role("adapter", ZEROS, role.part, base.blocks, role.of_source),
        }
        if self.magnitude is not None:
            self.roles["magnitude"] = Role("vector", ZEROS)

    @property
    def bias(self) -> Tensor | None:  # type: ignore[override]
        return self.base.bias

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        thin = self.down, self.up, self.blocks, self.scale
        if self.magnitude is None and type(self.base) is Linear and not (self.training and self.dropout.probability):
            return kernels.adapted_linear(x, self.base.weight, bias, *thin)
        change = kernels.low_rank_product(self.dropout(x), *thin)
        if self.magnitude is None:
            return self.base.product(x, bias) + change
        y = self.base.product(x, None) + change
        with torch.no_grad():
            lengths = _lengths(self.base.matrix() + self._change())
        y = y * (self.magnitude / lengths).to(y.dtype)
        return y if bias is None else y + bias.to(y.dtype)

    def matrix(self) -> Tensor:
        changed = self.base.matrix() + self._change()
        if self.magnitude is None:
            return changed
        return changed * (self.magnitude / _lengths(changed.detach()))[:, None]

    def rows(self, places: Tensor) -> Tensor:
        if self.magnitude is not None:
            return super().rows(places)
        return self.base.rows(places) + self.scale * F.embedding(places, self.up) @ self.down

    def load_plain(self, parameters: Mapping[str, Tensor]) -> None:
        """Become a layer of given W and b, whose adapter changes nothing as long as B is zero."""
        self.base.load_plain(parameters)
        if self.magnitude is not None:
            with torch.no_grad():
                self.magnitude.copy_(self.base.matrix().norm(dim=1))

    @torch.no_grad()
    def clear(self) -> None:
        """Change nothing, for ever: no gradient comes through pairs of zeros."""
        self.down.zero_()
        self.up.zero_()

    def learn(self) -> None:
        """Let the adapter learn, and not what it stands beside."""
        for parameter in self.parameters(recurse=False):
            parameter.requires_grad_(True)

    def _change(self) -> Tensor:
        """s·B·A, of each block by itself."""
        pairs = zip(self.up.split(self.blocks), self.down.split(self.rank), strict=True)
        return self.scale * torch.cat([up @ down for up, down in pairs])


def _lengths(matrix: Tensor) -> Tensor:
    """The length of each row, and of one of zeros the least that can be divided by."""
    return matrix.norm(dim=1).clamp(min=torch.finfo(matrix.dtype).tiny)


def adapted(config: AdapterConfig, make: Factory) -> Factory:
    """A factory of layers that have adapters where a configuration wants them, on layers of another factory."""

    def factory(input_width: int, blocks: tuple[int, ...], role: Role, bias_role: Role | None) -> LinearLayer:
        base = make(input_width, blocks, role, bias_role)
        return AdaptedLinear(base, config, role) if config.covers(role.part) else base

    return factory
