"""State of decoding: what is remembered of each position, so that a new one costs the same however long the text is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

Owner = Literal["row", "source"]


class RowIndex:
    """Row index: numbers (N,) int64 of the rows, or sources, that are kept, in a new order, or repeated."""

    def __init__(self, numbers: Tensor):
        self.numbers = numbers
        places = torch.arange(len(numbers), device=numbers.device)
        self._places = (numbers != places).nonzero()[:, 0]
        """Rows whose number changes; worked out once for all layers."""
        self._stay = 2 * len(self._places) <= len(numbers)
        self._moving = numbers[self._places] if self._stay else numbers

    def are_all(self, count: int) -> bool:
        """True if these are all of so many, in their order."""
        return len(self.numbers) == count and not len(self._places)

    def of(self, x: Tensor) -> Tensor:
        """These rows of a tensor, along the first dimension, in new memory."""
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
    """State of one layer, made of the positions it has seen. It is empty until the layer first writes to it."""

    owner: ClassVar[Owner] = "row"
    """The owner of what is remembered: each row, or each source."""
    can_be_cut: ClassVar[bool] = False
    """True if it is kept position by position, so that the last ones can be forgotten."""

    @abstractmethod
    def select(self, owners: RowIndex) -> None:
        """Keep, reorder or repeat what is remembered of some owners."""

    @abstractmethod
    def join(self, other: Self, theirs: PageTable, mine: PageTable) -> None:
        """Remember of another's owners, behind those that there are, what it remembers of them.

        Args:
            other: of the same layer.
            theirs: of what lies in slots, which of the other's are taken.
            mine: the slots which these become.
        """

    def move_to_pages(self, rows: Tensor) -> None:
        """Keep from now on in slots what is remembered of each position: first of these rows (N,), one by one."""
        return

    def trim(self, length: int) -> None:
        """Forget source positions behind the first few, which are padding."""
        return

    def alone(self, row: int, positions: Tensor, page_table: PageTable | None) -> Self:
        """A copy of what is remembered of one row.

        Args:
            row: its number.
            positions: (L,) int64, the positions that are no padding of its.
            page_table: the slots (1, L) of these, if rows share what they remember.

        Raises:
            NotImplementedError: it belongs to a source.
        """
        raise NotImplementedError("what is remembered of a source is not kept by itself")

    def first(self, length: int) -> Self:
        """The same behind the first positions of one row; both see the same memory, and neither writes there."""
        return self


def joined(old: Tensor, new: Tensor, dim: int = 1) -> Tensor:
    """Rows of two tensors behind each other, along the first dimension; zeros behind what is shorter along `dim`."""
    length = max(old.shape[dim], new.shape[dim])
    shape = list(old.shape)
    shape[0], shape[dim] = len(old) + len(new), length
    both = old.new_zeros(shape)
    both[: len(old)].narrow(dim, 0, old.shape[dim]).copy_(old)
    both[len(old) :].narrow(dim, 0, new.shape[dim]).copy_(new)
    return both


@dataclass(frozen=True)
class PageTable:
    """Page table: the slots of each row's keys and values, which rows share as far as they grew together.

    Keys and values of all rows lie side by side in slots, and each row knows through which its own text went. So
    hypotheses of a beam part, and are given up, while nothing that is remembered of them moves: the paged attention of
    Kwon et al. 2023 (vLLM, section 4), with pages of one position.

    Attributes:
        slots: (rows, L) int64, of each row's positions in turn; of padding, any of its own.
        count: how many slots there are. Some of them no text goes through any more.
        run: of so many slots in succession, as many as the rows had in common first, each head's part lies side by
            side, since a long text is read head by head.
    """

    slots: Tensor
    count: int
    run: int

    @classmethod
    def of(cls, rows: int, length: int, device: torch.device) -> PageTable:
        """The table of rows that have nothing in common yet."""
        count = rows * length
        return cls(torch.arange(count, device=device).view(rows, length), count, max(1, length))

    def select(self, rows: Tensor) -> PageTable:
        """Keep, reorder or repeat rows (B',) int64."""
        return replace(self, slots=self.slots.index_select(0, rows))

    def grown(self, length: int) -> PageTable:
        """With the next positions of each row, which others do not go through."""
        new = self._take(len(self.slots) * length)
        return replace(new, slots=torch.cat([self.slots, new.slots.view(-1, length)], 1))

    def joined(self, other: PageTable, length: int) -> tuple[PageTable, PageTable, PageTable]:
        """With another's rows behind its own, all as if they had come so far: padded, or cut off, on the left.

        Returns:
            Also the other's slots (N, 1) that are needed for that, and those that they become.
        """
        needed, numbers = other._aligned(length).unique(return_inverse=True)
        new = self._take(len(needed))
        both = torch.cat([self._aligned(length), new.slots[:, 0][numbers]])
        return replace(new, slots=both), replace(other, slots=needed[:, None]), new

    def _aligned(self, length: int) -> Tensor:
        """(rows, length) slots, where padding is the row's own, so that nothing of others comes near it, NaN or not."""
        missing = max(0, length - self.slots.shape[1])
        return torch.cat([self.slots[:, :1].expand(-1, missing), self.slots[:, -length:]], 1)

    def _take(self, wanted: int) -> PageTable:
        """Free slots (N, 1), which no text goes through: new ones where there are too few."""
        device = self.slots.device
        free = torch.ones(self.count, dtype=torch.bool, device=device).index_fill_(0, self.slots.flatten(), False)
        old = free.nonzero()[:wanted]
        count = self.count + wanted - len(old)
        new = torch.arange(self.count, count, device=device)[:, None]
        return replace(self, slots=torch.cat([old, new]), count=count)

    def gather_indices(self, heads: int) -> Tensor:
        """Gather indices: the row of a table for each position and head, (rows, heads, L) int64."""
        head = torch.arange(heads, device=self.slots.device)[:, None]
        return (self.slots + self.slots // self.run * self.run * (heads - 1))[:, None] + head * self.run

    def size(self, heads: int) -> int:
        """Rows of a table that has room for all slots."""
        return -(-self.count // self.run) * self.run * heads


class Grid(NamedTuple):
    """Grid of rows whose sources are not shared by as many each: every source has room for the most.

    Attributes:
        width: rows that the most shared source has.
        cells: (rows,) int64, the source's number times the width, and which of the source's rows it is.
    """

    width: int
    cells: Tensor

    @classmethod
    def of(cls, counts: Sequence[int], device: torch.device) -> Grid | None:
        """The grid of sources that so many rows in succession share; None where all counts are alike."""
        if len(set(counts)) <= 1:
            return None
        width, rows = max(counts), torch.tensor(counts)
        cells = torch.arange(len(counts) * width).view(-1, width)[torch.arange(width) < rows[:, None]]
        return cls(width, cells.to(device))


@dataclass
class EncoderOutput:
    """Encoder output: what a decoder may read of its source.

    Attributes:
        hidden: (B, S, width). Several of the decoder's rows in succession may share a source.
        valid: (B, S) bool, or None when nothing is padding.
        attention_weights: list to which each cross-attention in turn adds its weights over the source,
            (rows, heads, T, S); None when nobody asks.
        grid: how rows share sources; None when as many share each.
    """

    hidden: Tensor
    valid: Tensor | None
    attention_weights: list[Tensor] | None = None
    grid: Grid | None = None

    def share(self, counts: Sequence[int]) -> None:
        """Let so many rows in succession share each source."""
        self.grid = Grid.of(counts, self.hidden.device)

    def by_source(self, x: Tensor) -> Tensor:
        """(rows, T, …) → (B, N, …): what rows ask together of the source that they share, as positions of one row.

        Of rows that not as many share, N has room for the most, which costs less than copies of what they attend to.
        """
        if self.grid is not None:
            room = x.new_zeros(len(self.hidden) * self.grid.width, *x.shape[1:])
            x = room.index_copy_(0, self.grid.cells, x)
        return x.reshape(self.hidden.shape[0], -1, *x.shape[2:])

    def by_row(self, x: Tensor, length: int) -> Tensor:
        """(B, N, …) → (rows, T, …): the way back, of T positions a row."""
        x = x.reshape(-1, length, *x.shape[2:])
        return x if self.grid is None else x.index_select(0, self.grid.cells)

    def mask(self) -> Tensor | None:
        """(B, 1, 1, S) bool: True where a decoder may look."""
        return None if self.valid is None else self.valid[:, None, None, :]

    def trim(self) -> int:
        """Cut off what is padding of all sources; how many positions are left."""
        if self.valid is not None:
            longest = int(self.valid.any(0).nonzero()[-1]) + 1
            self.hidden, self.valid = self.hidden[:, :longest], self.valid[:, :longest]
        return self.hidden.shape[1]

    def select(self, sources: RowIndex) -> None:
        if sources.are_all(len(self.hidden)):
            return
        # Not in place: it may be somebody's own, who gave it encoded already.
        self.hidden = sources.of(self.hidden)
        self.valid = None if self.valid is None else sources.of(self.valid)

    def join(self, other: EncoderOutput) -> None:
        """With another's sources behind its own."""
        mine, theirs = (_valid(x.valid, x.hidden.shape[:2], x.hidden.device) for x in (self, other))
        self.hidden, self.valid = joined(self.hidden, other.hidden), joined(mine, theirs)


@dataclass
class State:
    """State of a whole decoder.

    Attributes:
        layers: one list a block: the states of its mixer and, in an encoder–decoder, of its cross-attention.
        length: how many positions (padding included) have been consumed.
        valid: (B, length) bool, or None while no padding has been met.
        memory: the encoded source, for encoder–decoders.
        page_table: where rows find what is remembered of their positions, or None while each remembers its own.
    """

    layers: list[list[LayerState]]
    length: int = 0
    valid: Tensor | None = None
    memory: EncoderOutput | None = field(default=None)
    page_table: PageTable | None = None

    def select(self, rows: Tensor, sources: Tensor | None = None, counts: Sequence[int] = ()) -> None:
        """Keep, reorder or repeat rows of the batch: all that a beam needs.

        Rows that are repeated share from now on what they remember of their beginnings: beams need no copies.

        Args:
            rows: (B',) int64.
            sources: (B'',) int64, which sources are kept, where several rows in succession share one. None when each
                row takes its own along.
            counts: how many rows share each of these; none when as many share each.
        """
        own = RowIndex(rows)
        owners: dict[Owner, RowIndex] = {"row": own, "source": own if sources is None else RowIndex(sources)}
        if self.memory is not None:
            self.memory.select(owners["source"])
            self.memory.share(counts)
        if self.page_table is not None:
            self.page_table = self.page_table.select(rows)
        elif len(rows.unique()) < len(rows):
            self.move_to_pages(rows)
        for layer in self.layers:
            for state in layer:
                state.select(owners[state.owner])
        self.valid = None if self.valid is None else own.of(self.valid)

    def join(self, other: State, counts: Sequence[int] = ()) -> None:
        """Let rows of another state go on behind those of this one.

        However far they have come, all end side by side: the younger are padded on the left.

        Args:
            other: of the same layers.
            counts: how many rows share each source, these and the others'; none when as many share each.

        Raises:
            ValueError: the rows of either keep what they remember to themselves; see `move_to_pages`.
        """
        mine, theirs = self.page_table, other.page_table
        if mine is None or theirs is None:
            raise ValueError("rows share what they remember before others join them")
        length = max(self.length, other.length)
        every = [
            pad(_valid(state.valid, page_table.slots.shape, page_table.slots.device), (length - state.length, 0))
            for state, page_table in ((self, mine), (other, theirs))
        ]
        valid = torch.cat(every)
        # What has become padding in all of them goes, so that a state lasts however many come and leave.
        self.valid = valid[:, int(valid.any(0).byte().argmax()) :]
        self.length = self.valid.shape[1]
        self.page_table, theirs, mine = mine.joined(theirs, self.length)
        if self.memory is not None and other.memory is not None:
            longest = self.memory.trim()
            for state in (state for layer in self.layers for state in layer):
                state.trim(longest)
            self.memory.join(other.memory)
            self.memory.share(counts)
        for old_layer, new_layer in zip(self.layers, other.layers, strict=True):
            for old, new in zip(old_layer, new_layer, strict=True):
                old.join(new, theirs, mine)

    def move_to_pages(self, rows: Tensor) -> None:
        """Let rows (B',) of the batch have in common what is remembered of those that they repeat, in pages."""
        needed, numbers = rows.unique(return_inverse=True)
        for layer in self.layers:
            for state in layer:
                state.move_to_pages(needed)
        self.page_table = PageTable.of(len(needed), self.length, rows.device).select(numbers)

    @property
    def can_be_cut(self) -> bool:
        """True if it can go on from any of its positions as if the later ones had not been."""
        return all(state.can_be_cut for layer in self.layers for state in layer)

    def alone(self, row: int, length: int) -> State:
        """A copy of what is remembered of the first so many positions of one row, padding aside; of decoders."""
        table, device = self.page_table, torch.device("cpu") if self.valid is None else self.valid.device
        positions = torch.arange(self.length, device=device) if self.valid is None else self.valid[row].nonzero()[:, 0]
        positions = positions[:length]
        if table is not None:
            table = replace(table, slots=table.slots[row : row + 1, positions.to(table.slots.device)])
        layers = [[state.alone(row, positions, table) for state in layer] for layer in self.layers]
        return State(layers, len(positions))

    def first(self, length: int) -> State:
        """The state of one row that keeps its own, behind its first positions; a later one takes memory of its own."""
        return State([[state.first(length) for state in layer] for layer in self.layers], length)

    def take_back(self, counts: Tensor) -> None:
        """Forget the last positions of rows in pages, (B,) so many of each, which end side by side again."""
        table = self.page_table
        assert table is not None
        places = torch.arange(self.length, device=counts.device) - counts[:, None]
        behind = places.clamp(min=0)
        valid = _valid(self.valid, table.slots.shape, counts.device).gather(1, behind) & (places >= 0)
        begin = int(valid.any(0).byte().argmax())
        self.page_table = replace(table, slots=table.slots.gather(1, behind)[:, begin:])
        self.valid = None if bool(valid[:, begin:].all()) else valid[:, begin:]
        self.length -= begin

    def visible(self, rows: int, length: int, valid: Tensor | None, device: torch.device) -> Tensor | None:
        """(B, length so far + length) bool of what new positions may see, or None while nothing is padding."""
        if self.valid is None and valid is None:
            return None
        old = _valid(self.valid, (rows, self.length), device)
        return torch.cat([old, _valid(valid, (rows, length), device)], 1)


def _valid(valid: Tensor | None, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """A mask written out, of which None stands for no padding: (rows, positions) bool."""
    return torch.ones(shape, dtype=torch.bool, device=device) if valid is None else valid
