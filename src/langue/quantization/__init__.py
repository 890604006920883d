"""Weights in few bits: formats, rounding that knows the inputs, and the linear layer that is made of them."""
