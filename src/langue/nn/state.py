"""What decoding remembers, so that each new position costs the same however long the text is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

Owner = Literal["row", "trunk", "source"]


class Owners:
    """Which of those that something is remembered of are kept, in a new order or repeated: (N,) int64 numbers."""

    def __init__(self, numbers: Tensor):
        self.numbers = numbers
        places = torch.arange(len(numbers), device=numbers.device)
        self._places = (numbers != places).nonzero()[:, 0]
        """Where somebody else was; worked out once for all layers."""
        self._stay = 2 * len(self._places) <= len(numbers)
        self._moving = numbers[self._places] if self._stay else numbers

    def are_all(self, count: int) -> bool:
        """Whether these are all of so many, in their order."""
        return len(self.numbers) == count and not len(self._places)

    def of(self, x: Tensor) -> Tensor:
        """Their parts of what is remembered, along the first dimension, in new memory."""
        return x.index_select(0, self.numbers)

    def within(self, x: Tensor) -> Tensor:
        """The same in the memory of x, as long as most stay where they are."""
        count = len(self.numbers)
        if count > len(x) or not self._stay:
            return self.of(x)
        if len(self._places):
            x.index_copy_(0, self._places, x.index_select(0, self._moving))
        return x[:count]


class LayerState(ABC):
    """What one layer remembers of the positions it has seen. It is empty until the layer first writes to it."""

    owner: ClassVar[Owner] = "row"
    """Of what the layer remembers something: of each row, of each trunk (see `Branches`), or of each source."""

    @abstractmethod
    def select(self, owners: Owners) -> None:
        """Keep, reorder or repeat what is remembered of some owners."""

    @abstractmethod
    def join(self, other: Self) -> None:
        """Remember of another's owners, behind those that there are, what it remembers of them."""

    def keep(self, slots: Tensor) -> None:
        """Keep some slots of each trunk, (trunks, N) int64, of what is remembered of trunks."""
        return


def joined(old: Tensor, new: Tensor, dim: int = 1) -> Tensor:
    """Owners of two tensors behind each other, along the first dimension; zeros behind what is shorter along `dim`."""
    length = max(old.shape[dim], new.shape[dim])
    shape = list(old.shape)
    shape[0], shape[dim] = len(old) + len(new), length
    both = old.new_zeros(shape)
    both[: len(old)].narrow(dim, 0, old.shape[dim]).copy_(old)
    both[len(old) :].narrow(dim, 0, new.shape[dim]).copy_(new)
    return both


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
    def of(cls, valid: Tensor, width: int) -> Branches:
        """So many rows of each trunk that have all of its past in common, (trunks, length) bool without padding."""
        positions = torch.arange(valid.shape[1], device=valid.device)
        return cls(valid[:, None].expand(-1, width, -1), positions.expand(len(valid), -1))

    @property
    def width(self) -> int:
        return self.seen.shape[1]

    def select(self, rows: Tensor, trunks: Tensor) -> Branches:
        """Keep, reorder or repeat rows (B',) of trunks (N,), as many in succession of each."""
        seen = self.seen.flatten(0, 1).index_select(0, rows).view(len(trunks), -1, self.seen.shape[2])
        return Branches(seen, self.positions.index_select(0, trunks))

    def moved(self, by: int) -> Branches:
        """With positions counted from another beginning, before which nobody sees any."""
        return Branches(self.seen, (self.positions + by).clamp(min=0))

    def joined(self, other: Branches) -> Branches:
        """With another's trunks, of as many rows each, behind its own."""
        return Branches(joined(self.seen, other.seen, 2), joined(self.positions, other.positions))

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

    def grown(self, past: int, length: int) -> tuple[Branches, Tensor]:
        """With the next positions of each row, which others do not see, and the slots that these take, (trunks, N).

        They are written where nobody looks any more, so that a trunk is no longer than what its rows have in mind.
        """
        device, wanted = self.positions.device, self.width * length
        free = ~self.seen.any(1)
        more = max(0, wanted - int(free.sum(1).amin()))
        slots = pad(free, (0, more), value=True).byte().topk(wanted).indices
        own = torch.eye(self.width, dtype=torch.bool, device=device).repeat_interleave(length, 1)
        new = torch.arange(past, past + length, device=device).repeat(self.width)
        seen = pad(self.seen, (0, more)).scatter(
            2, slots[:, None].expand(-1, self.width, -1), own.expand(len(slots), -1, -1)
        )
        return Branches(seen, pad(self.positions, (0, more)).scatter(1, slots, new.expand(len(slots), -1))), slots

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

    def select(self, sources: Owners) -> None:
        if sources.are_all(len(self.hidden)):
            return
        # Not in place: it may be somebody's own, who gave it encoded already.
        self.hidden = sources.of(self.hidden)
        self.valid = None if self.valid is None else sources.of(self.valid)

    def join(self, other: Memory) -> None:
        """With another's sources behind its own."""
        mine, theirs = (_valid(x.valid, x.hidden.shape[:2], x.hidden.device) for x in (self, other))
        self.hidden, self.valid = joined(self.hidden, other.hidden), joined(mine, theirs)


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
        own, trunks = Owners(rows), self._branch(rows, sources)
        owners: dict[Owner, Owners] = {
            "row": own,
            "trunk": own if trunks is rows else Owners(trunks),
            "source": own if sources is None else Owners(sources),
        }
        if self.memory is not None:
            self.memory.select(owners["source"])
        for layer in self.layers:
            for state in layer:
                state.select(owners[state.owner])
        if self.valid is not None:
            self.valid = own.of(self.valid)
        self._forget()

    def join(self, other: State) -> None:
        """Let rows of another state go on behind those of this one; both have branched, into as many of each trunk.

        However far they have come, all end side by side: the younger are padded on the left.

        Raises:
            ValueError: rows of either have not branched.
        """
        mine, theirs = self.branches, other.branches
        if mine is None or theirs is None:
            raise ValueError("only rows that have branched are joined by others")
        length = max(self.length, other.length)
        sides = ((self, mine, length - self.length), (other, theirs, length - other.length))
        device = mine.seen.device
        every = [
            pad(_valid(state.valid, (len(branches.seen) * branches.width, state.length), device), (missing, 0))
            for state, branches, missing in sides
        ]
        valid = torch.cat(every)
        # What has become padding in all of them goes, so that a state lasts however many come and leave.
        begin = int(valid.any(0).byte().argmax())
        mine, theirs = (branches.moved(missing - begin) for _, branches, missing in sides)
        self.branches, self.length, self.valid = mine.joined(theirs), length - begin, valid[:, begin:]
        if self.memory is not None and other.memory is not None:
            self.memory.join(other.memory)
        for old_layer, new_layer in zip(self.layers, other.layers, strict=True):
            for old, new in zip(old_layer, new_layer, strict=True):
                old.join(new)
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

    def _branch(self, rows: Tensor, sources: Tensor | None) -> Tensor:
        """Let rows branch, or branch on; which trunks to keep, (N,) int64."""
        old = self.branches
        trunks = rows if old is None else rows // old.width
        width = 1 if sources is None else len(rows) // len(sources)
        families = trunks.view(-1, width)
        # Rows that were read each for itself, and yet share a source, have no trunk in common.
        if width == 1 or not bool((families == families[:, :1]).all()):
            self.branches = None if old is None else old.select(rows, trunks)
        elif old is None:
            trunks = families[:, 0]
            valid = None if self.valid is None else self.valid.index_select(0, trunks)
            self.branches = Branches.of(_valid(valid, (len(trunks), self.length), rows.device), width)
        else:
            trunks = families[:, 0]
            self.branches = old.select(rows, trunks)
        return trunks

    def visible(self, rows: int, length: int, valid: Tensor | None, device: torch.device) -> Tensor | None:
        """(B, length so far + length) bool of what new positions may see, or None while nothing is padding."""
        if self.valid is None and valid is None:
            return None
        old = _valid(self.valid, (rows, self.length), device)
        return torch.cat([old, _valid(valid, (rows, length), device)], 1)


def _valid(valid: Tensor | None, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """What None stands for, written out: (rows, positions) bool."""
    return torch.ones(shape, dtype=torch.bool, device=device) if valid is None else valid
