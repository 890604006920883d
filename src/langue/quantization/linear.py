"""Linear layers whose matrix is held in few bits, and the model in which they stand in the place of plain ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from langue.errors import LangueError
from langue.nn.linear import Linear, LinearLayer
from langue.nn.roles import Role
from langue.quantization.format import Format, WritableFormat
from langue.quantization.settings import QuantizationConfig


class QuantizedLinear(LinearLayer):
    """A linear layer whose W is held in few bits, does not learn, and passes gradients on to x.

    Args:
        format: of W.
        layer: the plain layer whose place it takes, for its shape, its roles and its bias.
        smoothed: have a factor for each input.

    Attributes:
        precision: of the numbers that W is widened to.
        smooth: (input width,), by which x is multiplied, and each column of W was divided; None for none.
    """

    smooth: Tensor | None

    def __init__(self, format: Format, layer: Linear, *, smoothed: bool = False):
        super().__init__(layer.in_features, layer.blocks, layer.roles["weight"])
        self.format, self.precision = format, layer.weight.dtype
        device, role = layer.weight.device, layer.roles["weight"]
        for name, (shape, dtype) in format.parts(self.out_features, self.in_features).items():
            part = torch.empty(shape, dtype=dtype, device=device)
            self.register_parameter(name, nn.Parameter(part, requires_grad=False))
            self.roles[name] = Role(role.kind, part=role.part, of_source=role.of_source)
        self.register_parameter("smooth", None)
        if smoothed:
            self.smooth = nn.Parameter(torch.ones(self.in_features, device=device), requires_grad=False)
            self.roles["smooth"] = Role("vector")
        self.names = tuple(self.roles)
        self.register_parameter("bias", None)
        if layer.bias is not None:
            self.bias = layer.bias
            self.roles["bias"] = layer.roles["bias"]

    @property
    def held(self) -> dict[str, Tensor]:
        """The tensors that hold W."""
        return {name: self.get_parameter(name) for name in self.names}

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        x = x if self.smooth is None else x * self.smooth.to(x.dtype)
        return self.format.multiply(x, self.held, self.out_features, bias)

    def matrix(self) -> Tensor:
        return self._widened(self.format.dequantize(self.held))

    def rows(self, places: Tensor) -> Tensor:
        return self._widened(self.format.dequantize(self.held, places.flatten())).view(*places.shape, -1)

    def _widened(self, rows: Tensor) -> Tensor:
        return (rows if self.smooth is None else rows * self.smooth).to(self.precision)

    def load_plain(self, parameters: Mapping[str, Tensor]) -> None:
        """Round a given W to the nearest that the format has, and take b as it is."""
        assert isinstance(self.format, WritableFormat)
        weight = parameters["weight"]
        self.load(self.format.quantize(weight if self.smooth is None else weight / self.smooth))
        if self.bias is not None:
            with torch.no_grad():
                self.bias.copy_(parameters["bias"])

    @torch.no_grad()
    def load(self, held: Mapping[str, Tensor]) -> None:
        """Take tensors that hold W."""
        for name, part in held.items():
            self.get_parameter(name).copy_(part)

    def load_held(self, parameters: Mapping[str, Tensor], prefix: str) -> None:
        """Take the tensors that hold the W of a layer of the same format, if they are there, by a prefix and names."""
        held = {name: parameters.get(prefix + name) for name in self.held}
        if all(part is not None and part.shape == self.get_parameter(name).shape for name, part in held.items()):
            self.load(held)  # type: ignore[arg-type]

    def is_finite(self) -> bool:
        """True if its scales are numbers, whatever its levels are."""
        smooth = () if self.smooth is None else (self.smooth,)
        return all(bool(part.isfinite().all()) for part in (*self.format.unpack(self.held)[1], *smooth))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Let a model change device and precision, but what holds W keeps its own."""

        def apply(tensor: Tensor) -> Tensor:
            changed = fn(tensor)
            return changed if tensor is self.bias else changed.to(tensor.dtype)

        self.precision = fn(torch.empty(0, dtype=self.precision)).dtype
        return super()._apply(apply, recurse)


class StackedLinear(LinearLayer):
    """A linear layer whose stacked matrices are held each in a way of its own.

    Args:
        layers: the layer of each, without biases.
        layer: the plain layer whose place it takes.
    """

    def __init__(self, layers: list[QuantizedLinear], layer: Linear):
        super().__init__(layer.in_features, layer.blocks, layer.roles["weight"])
        self.layers = nn.ModuleList(layers)
        self.register_parameter("bias", None)
        if layer.bias is not None:
            self.bias = layer.bias
            self.roles["bias"] = layer.roles["bias"]

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        biases = [None] * len(self.layers) if bias is None else bias.split(self.blocks)
        return torch.cat([layer.product(x, own) for layer, own in self._pairs(biases)], -1)

    def matrix(self) -> Tensor:
        return torch.cat([layer.matrix() for layer, _ in self._pairs(self.blocks)])

    def load_plain(self, parameters: Mapping[str, Tensor]) -> None:
        for layer, weight in self._pairs(parameters["weight"].split(self.blocks)):
            layer.load_plain({"weight": weight})
        if self.bias is not None:
            with torch.no_grad():
                self.bias.copy_(parameters["bias"])

    def _pairs(self, others: Any) -> list[tuple[QuantizedLinear, Any]]:
        return list(zip(self.layers, others, strict=True))  # type: ignore[arg-type]


def set_quantized(model: nn.Module, config: QuantizationConfig) -> None:
    """Put layers of few bits in the place of a model's plain ones, below adapters too, whose content is open yet.

    Raises:
        LangueError: the configuration keeps a matrix that the model does not have.
    """
    unknown = dict.fromkeys(config.kept)
    changed: dict[int, LinearLayer] = {}
    for parent, module in list(model.named_modules()):
        for name, child in list(module.named_children()):
            if type(child) is Linear:
                place = f"{parent}.{name}".removesuffix(".base")
                unknown.pop(place, None)
                if id(child) not in changed:
                    changed[id(child)] = _quantized(child, config.formats(place, child.part, child.in_features), config)
                module.register_module(name, changed[id(child)])
    if unknown:
        raise LangueError(f"quantization.kept: the model has no matrix {next(iter(unknown))}")


def _quantized(layer: Linear, formats: tuple[Format, ...], config: QuantizationConfig) -> LinearLayer:
    """The layer that takes a plain one's place, or this itself if it keeps fp32."""
    if not formats:
        return layer
    if len(formats) == 1:
        smoothed = config.smoothed and layer.part not in ("embedding", "head")
        return QuantizedLinear(formats[0], layer, smoothed=smoothed)
    if len(formats) != len(layer.blocks):
        raise LangueError(f"quantization.kept has {len(formats)} formats for {len(layer.blocks)} stacked matrices")
    role = layer.roles["weight"]
    blocks = [Linear(layer.in_features, (rows,), role, None) for rows in layer.blocks]
    return StackedLinear([QuantizedLinear(*pair) for pair in zip(formats, blocks, strict=True)], layer)


def quantized_layers(model: nn.Module) -> dict[str, QuantizedLinear]:
    """The layers of few bits of a model, by their place."""
    return {place: layer for place, layer in model.named_modules() if isinstance(layer, QuantizedLinear)}


def check_quantized(model: nn.Module, where: Path | str) -> None:
    """Refuse scales that are no numbers, which the rest of a file does not show.

    Raises:
        LangueError: names the layer with such ones.
    """
    for place, layer in quantized_layers(model).items():
        if not layer.is_finite():
            raise LangueError(f"{where} is damaged: {place} holds scales that are NaN or infinite")
