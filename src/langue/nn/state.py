"""What decoding remembers, so that each new position costs the same however long the text is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

Owner = Literal["row", "trunk", "source"]


class LayerState(ABC):
    """What one layer remembers of the positions it has seen. It is empty until the layer first writes to it."""

    owner: ClassVar[Owner] = "row"
    """Of what the layer remembers something: of each row, of each trunk (see `Branches`), or of each source."""

    @abstractmethod
    def select(self, owners: Tensor) -> None:
        """Keep, reorder or repeat what is remembered of some owners, (N,) int64."""

    def keep(self, slots: Tensor) -> None:
        """Keep some slots of each trunk, (trunks, N) int64, of what is remembered of trunks."""
        return


@dataclass(frozen=True)
class Branches:
    """Which rows see which of their trunk's positions, where rows in succession grew out of one: hypotheses of a beam.

    What attention remembers of all positions of a trunk's rows lies side by side in S slots, and a row sees those that
    its own text went through. So hypotheses part, and are given up, while nothing that is remembered of them moves:
    the tree attention of Miao et al. 2023 (SpecInfer, section 4.2).

    Attributes:
        seen: (trunks, W, S) bool, of W rows each.
        positions: (trunks, S) int64, the position in its row that each slot holds.
    """

    seen: Tensor
    positions: Tensor

    @classmethod
    def of(cls, trunks: int, width: int, length: int, device: torch.device) -> Branches:
        """So many rows of each trunk that have all of their past in common."""
        seen = torch.ones(trunks, width, length, dtype=torch.bool, device=device)
        return cls(seen, torch.arange(length, device=device).expand(trunks, -1))

    @property
    def width(self) -> int:
        return self.seen.shape[1]

    def select(self, rows: Tensor, trunks: Tensor) -> Branches:
        """Keep, reorder or repeat rows (B',) of trunks (N,), as many in succession of each."""
        seen = self.seen.flatten(0, 1).index_select(0, rows).view(len(trunks), -1, self.seen.shape[2])
        return Branches(seen, self.positions.index_select(0, trunks))

    def needed(self) -> Tensor | None:
        """(trunks, N) slots that some row sees, padded with others; None while these are more than half of all."""
        seen = self.seen.any(1)
        count = int(seen.sum(1).amax())
        if 2 * count >= seen.shape[1]:
            return None
        return seen.to(torch.uint8).sort(dim=1, descending=True, stable=True).indices[:, :count]

    def keep(self, slots: Tensor) -> Branches:
        """With some slots (trunks, N) alone."""
        seen = self.seen.gather(2, slots[:, None].expand(-1, self.width, -1))
        return Branches(seen, self.positions.gather(1, slots))

    def grown(self, past: int, length: int) -> Branches:
        """With the next positions of each row, which others do not see."""
        device = self.positions.device
        own = torch.eye(self.width, dtype=torch.bool, device=device).repeat_interleave(length, 1)
        new = torch.arange(past, past + length, device=device).repeat(self.width)
        seen = torch.cat([self.seen, own.expand(len(self.seen), -1, -1)], 2)
        return Branches(seen, torch.cat([self.positions, new.expand(len(self.seen), -1)], 1))

    def by_slot(self, x: Tensor) -> Tensor:
        """What is said of each row's positions, (1 or rows, heads, T, positions), as (…, heads, W · T, S) of slots."""
        trunks, width, _ = self.seen.shape
        x = x.expand(trunks * width, -1, -1, -1).unflatten(0, (trunks, width)).transpose(1, 2).flatten(2, 3)
        return x.gather(3, self.positions[:, None, None].expand(-1, *x.shape[1:3], -1))


@dataclass
class Memory:
    """What a decoder may read of its source: the encoder's output.

    Attributes:
        hidden: (B, S, width). A decoder may have a multiple of B rows; then as many in succession share a source.
        valid: (B, S) bool, or None when nothing is padding.
        looks: where each cross-attention in turn adds how the decoder's rows looked at the source, (rows, heads, T, S);
            None when nobody asks.
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
        branches: how rows share what is remembered of their beginnings, or None while each remembers its own.
    """

    layers: list[list[LayerState]]
    length: int = 0
    valid: Tensor | None = None
    memory: Memory | None = field(default=None)
    branches: Branches | None = None

    def select(self, rows: Tensor, sources: Tensor | None = None) -> None:
        """Keep, reorder or repeat rows of the batch: all that a beam needs.

        Args:
            rows: (B',) int64.
            sources: (B'',) int64, which sources are kept, where several rows in succession share one, and what they
                have in common besides: beams need no copies of it. None when each row takes its own along.
        """
        trunks = self._branch(rows, sources)
        sources = rows if sources is None else sources
        if self.memory is not None and not _as_they_are(sources, self.memory.hidden.shape[0]):
            self.memory.select(sources)
            self._select("source", sources)
        self._select("row", rows)
        if trunks is not None:
            self._select("trunk", trunks)
        if self.valid is not None:
            self.valid = self.valid.index_select(0, rows)
        self._forget()

    def _forget(self) -> None:
        """Forget what only texts that were given up have gone through, once it is the greater part."""
        slots = None if self.branches is None else self.branches.needed()
        if self.branches is None or slots is None:
            return
        self.branches = self.branches.keep(slots)
        for layer in self.layers:
            for state in layer:
                state.keep(slots)

    def _select(self, owner: Owner, index: Tensor) -> None:
        for layer in self.layers:
            for state in layer:
                if state.owner == owner:
                    state.select(index)

    def _branch(self, rows: Tensor, sources: Tensor | None) -> Tensor | None:
        """Let rows branch, or branch on; which trunks to select, or None when they stay as they are."""
        old = self.branches
        trunks = rows if old is None else rows // old.width
        width = 1 if sources is None else len(rows) // len(sources)
        families = trunks.view(-1, width)
        # Rows that were read each for itself, and yet share a source, have no trunk in common.
        if width == 1 or not bool((families == families[:, :1]).all()):
            self.branches = None if old is None else old.select(rows, trunks)
        elif old is None:
            trunks = families[:, 0]
            self.branches = Branches.of(len(trunks), width, self.length, rows.device)
        else:
            trunks = families[:, 0]
            self.branches = old.select(rows, trunks)
        return None if old is not None and _as_they_are(trunks, len(old.seen)) else trunks

    def visible(self, rows: int, length: int, valid: Tensor | None, device: torch.device) -> Tensor | None:
        """(B, length so far + length) bool of what new positions may see, or None while nothing is padding."""
        if self.valid is None and valid is None:
            return None
        old = self.valid if self.valid is not None else torch.ones(rows, self.length, dtype=torch.bool, device=device)
        new = valid if valid is not None else torch.ones(rows, length, dtype=torch.bool, device=device)
        return torch.cat([old, new], 1)


def _as_they_are(index: Tensor, count: int) -> bool:
    """Whether an index selects all of so many in their order."""
    return len(index) == count and bool((index == torch.arange(count, device=index.device)).all())
