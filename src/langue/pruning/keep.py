"""The part of a model that is to be kept, as a command line says it: heads:0.5,feedforward:0.5,layers:4."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from langue.errors import LangueError, hint

Amount = int | float
"""A number of parts, or, of type float, a share of those that there are."""

ALIGNED = 32
"""Channels of which a multiple is kept where a layer has many: kernels and groups of low-bit weights go by them."""


@dataclass(frozen=True)
class Keep:
    """The amount of each kind of part that is kept; None keeps all.

    Attributes:
        heads: heads of attention in each layer that has some.
        feedforward: channels in each feedforward layer.
        layers: blocks of each stack.
    """

    heads: Amount | None = None
    feedforward: Amount | None = None
    layers: Amount | None = None

    def in_words(self) -> str:
        """The same as a command line says it."""
        amounts = {part.name: getattr(self, part.name) for part in fields(self)}
        return ",".join(f"{name}:{amount}" for name, amount in amounts.items() if amount is not None)


KINDS = tuple(part.name for part in fields(Keep))


def read_keep(keep: str | Mapping[str, Amount]) -> Keep:
    """The amounts that a text such as heads:0.5,layers:4 or a mapping names; a number with a point is a share.

    Raises:
        LangueError: names what is no kind of part, no number, or out of bounds.
    """
    pairs = _pairs(keep) if isinstance(keep, str) else list(keep.items())
    amounts: dict[str, Amount] = {}
    for name, amount in pairs:
        if name not in KINDS:
            raise LangueError(f"keep: there is no part {name!r:.40}; {hint(str(name), KINDS)}")
        if name in amounts:
            raise LangueError(f"keep: {name} stands there twice")
        amounts[name] = _checked(name, amount)
    if not amounts:
        raise LangueError("keep names no part of a model; give one, such as heads:0.5 or layers:4")
    return Keep(**amounts)


def _pairs(text: str) -> list[tuple[str, Amount]]:
    pairs: list[tuple[str, Amount]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, colon, number = part.partition(":")
        try:
            pairs.append((name.strip(), int(number) if number.strip().lstrip("+-").isdigit() else float(number)))
        except ValueError:
            what = "is not a number" if colon else "is missing"
            raise LangueError(
                f"keep: the amount of {name!r:.40} {what}; write it as in heads:0.5 or layers:4"
            ) from None
    return pairs


def _checked(name: str, amount: Amount) -> Amount:
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
        raise LangueError(f"keep: {name} should be a number or a share, got {amount!r:.40}")
    if amount <= 0:
        raise LangueError(f"keep: of {name} {amount} would be left, which is nothing; keep more")
    if isinstance(amount, float) and amount > 1:
        raise LangueError(
            f"keep: {name}:{amount} is a share above 1; write a share as 0.5, or a number without a point as 4"
        )
    return amount


def count_of(amount: Amount, whole: int, step: int = 1) -> int:
    """The number of parts that an amount keeps of `whole`: a multiple of `step`, at least one of them.

    A share is rounded to the nearest multiple, a number that is none to the one below.
    """
    if isinstance(amount, float):
        return max(step, round(amount * whole / step) * step)
    return min(whole, max(step, amount // step * step))


def channel_step(width: int) -> int:
    """The channels that a feedforward layer of a width loses together."""
    return ALIGNED if width % ALIGNED == 0 and width >= 8 * ALIGNED else 1
