"""The heads of a model as data: those that judge a text, and those that represent it by a vector."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from langue.nn.heads import DenseKind, Pooling
from langue.settings import Settings

Level = Literal["text", "position"]


class ClassifierConfig(Settings):
    """A head that gives some numbers for a whole text, or for each of its positions."""

    level: Level = "text"
    """The owner of the numbers: a text, or each of its positions."""
    outputs: int = Field(default=0, ge=0)
    """Number of outputs: classes, or 1 for a number; 0 gives the vector itself that they would be made of."""
    pooling: Pooling = "mean"
    """The vector of a text: its first position's, its last one's, or the mean of all."""
    dense: DenseKind = "none"
    """A dense layer of this activation before the outputs, as BERT has one (tanh)."""
    dense_bias: bool = True
    """Biases in the dense layer and its norm."""
    norm: bool = False
    """Normalise what the dense layer gives, as ModernBERT does."""
    bias: bool = True
    """A bias for each output."""


def at_positions(head: ClassifierConfig | None, outputs: int) -> ClassifierConfig:
    """A head that judges positions: one that does already with so many outputs, or else a plain one."""
    plain = ClassifierConfig(level="position")
    return (head if head is not None and head.level == "position" else plain).replace(outputs=outputs)


class DenseConfig(Settings):
    """A dense layer that a text's vector goes through."""

    width: int = Field(ge=1)
    """Width of its output."""
    activation: DenseKind = "none"
    """Activation of each number."""
    bias: bool = True
    """A bias for each."""


class EmbedderConfig(Settings):
    """A head that gives a vector for a whole text."""

    pooling: Pooling = "mean"
    """The vector of a text: its first position's, its last one's, or the mean of all; see `langue.nn.heads`."""
    layers: tuple[DenseConfig, ...] = ()
    """Dense layers after it."""
    normalise: bool = True
    """Give vectors of length 1, so that a dot product is the cosine."""
