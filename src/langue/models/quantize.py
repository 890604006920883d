"""A trained model with weights in few bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal

import torch
from torch import Tensor

from langue.errors import LangueError
from langue.models.build import empty, load_plain_parameters, plain
from langue.models.model import Model, evaluating
from langue.nn.linear import LinearLayer, linear_layers, plain_parameters
from langue.quantization.awq import awq
from langue.quantization.calibration import recorded_inputs
from langue.quantization.format import WritableFormat
from langue.quantization.gptq import gptq
from langue.quantization.linear import QuantizedLinear, quantized_layers
from langue.quantization.settings import QuantizationConfig

Rounding = Literal["round", "gptq", "awq"]
"""To the nearest level; making up for what that changes of the output (GPTQ); finer where inputs are large (AWQ)."""

_ROOM = 1 << 30
"""Bytes that recorded inputs take at once; a model whose layers need more is run several times."""


def quantize(
    model: Model, config: QuantizationConfig, method: Rounding = "round", run: Callable[[Model], object] | None = None
) -> Model:
    """The model with matrices of few bits; one that has adapters is merged, one that has few bits already is widened.

    Args:
        model: stays as it is.
        config: the formats.
        method: the way that levels are chosen.
        run: runs a model on calibration data, row by row and without padding; the other two ways than rounding to the
            nearest need it.

    Raises:
        LangueError: no matrix of the model fits the formats, or there are no calibration data.
    """
    whole = plain(model).float()
    config = config.replace(smoothed=method == "awq")
    result = empty(whole.config.replace(quantization=config))
    layers = quantized_layers(result)
    if not layers:
        raise LangueError(f"no matrix of the model divides into blocks of {config.format}; take int8")
    for name, weight in plain_parameters(whole).items():
        if not weight.isfinite().all():
            raise LangueError(f"{name} has numbers that are NaN or infinite; was the training stable?")
    load_plain_parameters(result, plain_parameters(whole))
    if method != "round":
        if run is None:
            raise LangueError(f"{method} wants calibration data")
        for place, layer, moments in _recorded(whole, layers, run):
            _choose(layers[place], layer.matrix(), moments, method)
    return result.to(model.device).train(model.training)


def _recorded(
    model: Model, places: dict[str, QuantizedLinear], run: Callable[[Model], object]
) -> Iterator[tuple[str, LinearLayer, Tensor]]:
    """The layers of some places of a model that have inputs, with the moments of these."""
    layers = {place: layer for place, layer in linear_layers(model).items() if place in places}
    widest = max(layer.in_features for layer in layers.values())
    with evaluating(model), torch.no_grad():
        left = iter(layers.items())
        while group := dict(islice(left, max(1, _ROOM // (4 * widest**2)))):
            with recorded_inputs(group, model) as moments:
                run(model)
            yield from ((place, group[place], moments[place]) for place in moments)


def _choose(quantized: QuantizedLinear, weight: Tensor, moments: Tensor, method: Rounding) -> None:
    """Choose the levels of a layer for inputs that were recorded."""
    assert isinstance(quantized.format, WritableFormat)
    if method == "gptq":
        quantized.load(gptq(weight, moments, quantized.format))
    elif quantized.smooth is not None:
        held, smooth = awq(weight, moments, quantized.format)
        quantized.load({**held, "smooth": smooth})
