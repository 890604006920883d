"""The role of every parameter: what it is for, which matrices it stacks, and how it begins.

A module that owns parameters declares `roles`, by the parameters' names in it. Whoever treats parameters differently
(optimizers, first values, counting, export) asks for their role and needs to know neither names nor kinds of layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from torch import nn

from langue.errors import LangueError

Kind = Literal["embedding", "position", "matrix", "convolution", "head", "vector", "adapter"]
Part = Literal[
    "attention",
    "cross",
    "recurrent",
    "window",
    "convolution",
    "feedforward",
    "bottleneck",
    "projection",
    "embedding",
    "segment",
    "head",
    "classifier",
]


@dataclass(frozen=True)
class Initial:
    """A parameter's first value.

    Attributes:
        draw: one constant, or numbers that are drawn.
        size: the constant; the deviation of normal numbers, where the model's configuration has none of its own; or the
            bound of uniform ones. None is 1/√(inputs).
        ends: of a matrix whose output is added to what came before it ("sublayer"), which the numbers of layers makes
            smaller, or that gives the model's own output: both begin with zeros where the configuration wants it.
        factors: for each stacked block what its numbers are multiplied by; none for 1.
        constants: for each stacked block a constant in place of what is drawn, or None.
    """

    draw: Literal["constant", "normal", "uniform"] = "normal"
    size: float | None = None
    ends: Literal["sublayer", "model"] | None = None
    factors: tuple[float, ...] = ()
    constants: tuple[float | None, ...] = ()


ZEROS, ONES = Initial("constant", 0.0), Initial("constant", 1.0)
NORMAL, SMALL = Initial(), Initial(size=0.02)


@dataclass(frozen=True)
class Role:
    """The role of a parameter.

    Attributes:
        kind: an `embedding` is looked up; a `position` stands for a place or a distance; a `matrix` or a `convolution`
            of the trunk is multiplied with each position; a `head` with what the trunk gives; a `vector` shifts or
            scales; an `adapter` changes what another parameter does, which is kept.
        initial: its first value.
        part: the part of a model that a matrix or an adapter is for; None of all else.
        blocks: rows of the matrices that it stacks; empty for one alone.
        of_source: True if it works on the positions of a decoder's source, and not on the decoder's own.
    """

    kind: Kind
    initial: Initial = NORMAL
    part: Part | None = None
    blocks: tuple[int, ...] = ()
    of_source: bool = False

    @property
    def decays(self) -> bool:
        """True if weight decay shrinks it (Loshchilov & Hutter 2019): vectors are left alone."""
        return self.kind != "vector"

    @property
    def is_multiplied(self) -> bool:
        """True if each number of it is multiplied with once for each position of the trunk."""
        return self.kind in ("matrix", "convolution") or self.is_thin

    @property
    def is_thin(self) -> bool:
        """True of an adapter of the trunk."""
        return self.kind == "adapter" and self.part not in ("embedding", "head", "segment")

    def stacking(self, blocks: tuple[int, ...]) -> Role:
        """The same role of a parameter that stacks matrices of so many rows."""
        return replace(self, blocks=blocks)


HEAD, SHIFT, GAIN = Role("head", part="head"), Role("vector", ZEROS), Role("vector", ONES)


def matrix(part: Part, initial: Initial = NORMAL, *, of_source: bool = False) -> Role:
    """The role of a matrix of the trunk."""
    return Role("matrix", initial, part, of_source=of_source)


def output(part: Part) -> Role:
    """The role of a part's last matrix, whose output is added to what came before the part."""
    return matrix(part, Initial(ends="sublayer"))


def roles(model: nn.Module) -> dict[str, Role]:
    """The role of each parameter of a model, by its name; one that two places share has that of the first.

    Raises:
        LangueError: names a parameter whose module declares no role for it.
    """
    declared: dict[int, Role] = {}
    for module in model.modules():
        for name, role in cast(Mapping[str, Role], getattr(module, "roles", {})).items():
            declared.setdefault(id(module.get_parameter(name)), role)
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        if id(parameter) not in declared:
            raise LangueError(f"the parameter {name} has no role; the module that owns it declares it in `roles`")
    return {name: declared[id(parameter)] for name, parameter in parameters.items()}
