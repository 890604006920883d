"""What decoding remembers, so that each new position costs the same however long the text is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor


class LayerState(ABC):
    """What one layer remembers of the positions it has seen. It is empty until the layer first writes to it."""

    @abstractmethod
    def select(self, rows: Tensor) -> None:
        """Keep, reorder or repeat rows of the batch; `rows` is (B',) int64."""

    def select_sources(self, sources: Tensor) -> None:
        """The same for what is remembered of sources, one of which several rows in succession may share."""
        return


@dataclass
class Memory:
    """What a decoder may read of its source: the encoder's output.

    Attributes:
        hidden: (B, S, width). A decoder may have a multiple of B rows; then as many in succession share a source.
        valid: (B, S) bool, or None when nothing is padding.
        looks: where each cross-attention in turn adds how the decoder's rows looked at the source, (rows, T, S), the
            mean over its heads; None when nobody asks.
    """

    hidden: Tensor
    valid: Tensor | None
    looks: list[Tensor] | None = None

    def mask(self) -> Tensor | None:
        """(B, 1, 1, S) bool: True where a decoder may look."""
        return None if self.valid is None else self.valid[:, None, None, :]

    def select(self, rows: Tensor) -> None:
        self.hidden = self.hidden.index_select(0, rows)
        self.valid = None if self.valid is None else self.valid.index_select(0, rows)


@dataclass
class State:
    """What a whole decoder remembers.

    Attributes:
        layers: one list a block: the state of its mixer and, in an encoder–decoder, of its look at the source.
        length: how many positions (padding included) have been consumed.
        valid: (B, length) bool, or None while no padding has been met.
        memory: the encoded source, for encoder–decoders.
    """

    layers: list[list[LayerState]]
    length: int = 0
    valid: Tensor | None = None
    memory: Memory | None = field(default=None)

    def select(self, rows: Tensor, sources: Tensor | None = None) -> None:
        """Keep, reorder or repeat rows of the batch: all that a beam needs.

        Args:
            rows: (B',) int64.
            sources: (B'',) int64, which sources are kept, where several rows in succession share one, so that beams
                need no copies of it. None when each row takes its own source along.
        """
        for layer in self.layers:
            for state in layer:
                state.select(rows)
        if self.valid is not None:
            self.valid = self.valid.index_select(0, rows)
        self._select_sources(rows if sources is None else sources)

    def _select_sources(self, sources: Tensor) -> None:
        if self.memory is None:
            return
        count = self.memory.hidden.shape[0]
        if len(sources) == count and bool((sources == torch.arange(count, device=sources.device)).all()):
            return
        self.memory.select(sources)
        for layer in self.layers:
            for state in layer:
                state.select_sources(sources)

    def visible(self, rows: int, length: int, valid: Tensor | None, device: torch.device) -> Tensor | None:
        """(B, length so far + length) bool of what new positions may see, or None while nothing is padding."""
        if self.valid is None and valid is None:
            return None
        old = self.valid if self.valid is not None else torch.ones(rows, self.length, dtype=torch.bool, device=device)
        new = valid if valid is not None else torch.ones(rows, length, dtype=torch.bool, device=device)
        return torch.cat([old, new], 1)
