"""Torch's recurrent layers as cells of ours: the same weights in both."""

from __future__ import annotations

from torch import nn

from langue.kernels import Cell

NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
KINDS = {nn.LSTM: "lstm", nn.GRU: "gru", nn.RNN: "rnn"}


def cell_of(layer: nn.RNNBase) -> Cell:
    """The cell of a layer of torch's, whose gradients go to the layer's parameters."""
    ways = ("", "_reverse") if layer.bidirectional else ("",)
    return Cell(KINDS[type(layer)], tuple(tuple(getattr(layer, name + way) for name in NAMES) for way in ways))
