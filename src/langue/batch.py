"""The few types that every room shares: what goes into a model, and what comes out of an objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch
    from torch import Tensor

IGNORE = -100
"""The target of a position at which nothing is asked; the value that torch's own cross-entropy ignores."""

TRUNK = -1
"""The document of positions that those behind them go on from, up to the next trunk: a prompt, and several texts behind
it. Of models that attend alone."""

Example = Mapping[str, Any]
"""One unprepared example: `{"ids": array}` from a token store, `{"source": …, "target": …}` from a table of pairs."""


@dataclass(frozen=True)
class Batch:
    """Tensors of one forward pass, batch first. B rows, T positions, S source positions.

    Attributes:
        ids: (B, T) int64, the decoder's or encoder's input.
        targets: (B, T), (B,) or (B, k); `IGNORE` where nothing is asked.
        valid: (B, T) bool, False on padding. None means that nothing is padding, which is faster.
        documents: (B, T) int64, the number of the document that each position belongs to, for rows packed from
            several documents that must not see each other, but for a `TRUNK`. None means one document a row.
        segments: (B, T) int64, which of its texts (the first, the second) a position belongs to, for models that tell
            them apart. None means that all belong to the first.
        source: (B, S) tokens or (B, S, mel) features for the encoder of an encoder–decoder, or of recordings.
        source_valid: (B, S) bool.
        encoded: (B, S, encoder width) what the encoder has made of the source already, which is then not read again.
    """

    ids: Tensor
    targets: Tensor | None = None
    valid: Tensor | None = None
    documents: Tensor | None = None
    segments: Tensor | None = None
    source: Tensor | None = None
    source_valid: Tensor | None = None
    encoded: Tensor | None = None

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device; pinned memory is copied without waiting."""
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        moved: dict[str, Any] = {
            name: None if tensor is None else tensor.to(device, non_blocking=True) for name, tensor in held.items()
        }
        return type(self)(**moved)


@dataclass(frozen=True)
class Loss:
    """A loss that was summed, never averaged, so that losses of any pieces add up to the loss of the whole.

    Attributes:
        total: scalar, the sum over targets.
        count: scalar, how many targets were asked.
        metrics: what else is worth looking at, by name: (2,) a sum, and over how many it goes.
    """

    total: Tensor
    count: Tensor
    metrics: Mapping[str, Tensor] = field(default_factory=dict)
