"""Weights in few bits: formats, rounding that knows the inputs, and the linear layer that is made of them."""

from langue.quantization.settings import QuantizationConfig

__all__ = ["QuantizationConfig"]
