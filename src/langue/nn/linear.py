"""The matrices of a model: linear layers, and the factory that all of them come from.

Trunk, heads, recurrent cells and the table of embeddings make theirs here and know no more of one than its function.
The factory can be replaced while a model is built, so that the same model has matrices made of something else: of
numbers of few bits, or with an adapter beside them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langue import kernels
from langue.nn.roles import SHIFT, Role


class LinearLayer(nn.Module):
    """y = x·Wᵀ (+ b), whatever W is made of; W may stack several matrices that share their input.

    A subclass declares the roles of what W is made of in `roles`.

    Args:
        input_width: width of x.
        blocks: rows of each stacked matrix; `(width,)` for a plain layer, `(queries, keys, values)` for a fused one.
            Optimizers that treat a matrix as a whole (Muon) take each block for itself.
        role: of W.

    Attributes:
        bias: b; None for none.
        part: the part of the model that it belongs to.
        roles: of the parameters that it is made of.
    """

    bias: Tensor | None

    def __init__(self, input_width: int, blocks: tuple[int, ...], role: Role):
        super().__init__()
        self.in_features, self.out_features, self.blocks = input_width, sum(blocks), blocks
        self.part = role.part
        self.roles: dict[str, Role] = {}

    def forward(self, x: Tensor) -> Tensor:
        return self.product(x, self.bias)

    @abstractmethod
    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x·Wᵀ (+ bias) of x (…, input width)."""

    @abstractmethod
    def matrix(self) -> Tensor:
        """W in floating point, (out, input width), through which gradients flow to what it is made of."""

    def rows(self, places: Tensor) -> Tensor:
        """Rows of W by their numbers, (…, input width)."""
        return F.embedding(places, self.matrix())

    def plain(self) -> dict[str, Tensor]:
        """W and b, by the names that they have in a plain layer."""
        bias = {} if self.bias is None else {"bias": self.bias}
        return {"weight": self.matrix(), **bias}

    @abstractmethod
    def load_plain(self, parameters: Mapping[str, Tensor]) -> None:
        """Become a layer of given W and b, by the names of `plain`, as near as what it is made of allows."""


class UncalledLayers:
    """A module that takes the matrices of some of its layers and does not call them, but knows their inputs."""

    @property
    def caller(self) -> nn.Module:
        """The module whose calls tell the inputs: itself, or one inside it."""
        assert isinstance(self, nn.Module)
        return self

    def inputs_in(self, inputs: tuple[Any, ...], output: Tensor) -> Iterator[tuple[LinearLayer, Tensor]]:
        """The layers, each with what its matrix was multiplied with in a call, (…, input width).

        Args:
            inputs: of the call of `caller`, of rows without padding.
            output: of that call.
        """
        raise NotImplementedError


class Linear(LinearLayer):
    """A linear layer whose W is made of nothing but its numbers.

    Its memory is left as it is: first values come from `langue.models.initialize` or from a file.

    Args:
        input_width: width of x.
        blocks: rows of each stacked matrix.
        role: of W.
        bias_role: of b; None for no b.
    """

    def __init__(self, input_width: int, blocks: tuple[int, ...], role: Role, bias_role: Role | None):
        super().__init__(input_width, blocks, role)
        self.weight = nn.Parameter(torch.empty(self.out_features, input_width))
        self.roles["weight"] = role.stacking(blocks)
        self.register_parameter("bias", None)
        if bias_role is not None:
            self.bias = nn.Parameter(torch.empty(self.out_features))
            self.roles["bias"] = bias_role.stacking(blocks)

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return kernels.linear(x, self.weight, bias)

    def matrix(self) -> Tensor:
        return self.weight

    @torch.no_grad()
    def load_plain(self, parameters: Mapping[str, Tensor]) -> None:
        for name, parameter in self.named_parameters(recurse=False):
            parameter.copy_(parameters[name])


Factory = Callable[[int, tuple[int, ...], Role, Role | None], LinearLayer]
_factory: ContextVar[Factory] = ContextVar("linear layers", default=Linear)


def make_linear(
    input_width: int, blocks: tuple[int, ...], bias: bool, role: Role, bias_role: Role = SHIFT
) -> LinearLayer:
    """A linear layer, see `Linear`."""
    return _factory.get()(input_width, blocks, role, bias_role if bias else None)


def current_factory() -> Factory:
    """The factory that linear layers come from just now."""
    return _factory.get()


@contextmanager
def linear_factory(factory: Factory) -> Iterator[None]:
    """Let all linear layers that are made inside come from another factory."""
    token = _factory.set(factory)
    try:
        yield
    finally:
        _factory.reset(token)


def linear_layers(model: nn.Module) -> dict[str, LinearLayer]:
    """The linear layers of a model by their place, but for those inside of others."""
    layers: dict[str, LinearLayer] = {}
    for place, layer in model.named_modules():
        if isinstance(layer, LinearLayer) and not any(place.startswith(f"{outer}.") for outer in layers):
            layers[place] = layer
    return layers


def plain_parameters(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that a model would have whose linear layers are made of nothing but W and b."""
    parameters: dict[str, Tensor] = dict(model.named_parameters())
    for place, layer in linear_layers(model).items():
        if type(layer) is not Linear:
            for name, _ in layer.named_parameters():
                del parameters[f"{place}.{name}"]
            parameters |= {f"{place}.{name}": value.detach() for name, value in layer.plain().items()}
    return parameters
