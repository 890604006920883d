"""Layout of a batch: the number of each position, and the masks of attention."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from langue import kernels
from langue.batch import TRUNK
from langue.nn.state import PageTable, State

WORTH_IT = 0.6
"""The share of positions up to which rows of like length are looked at by themselves: several passes cost something."""


@dataclass(frozen=True)
class Guide:
    """Guidance of attention by positions.

    Attributes:
        rotation: (1 or B, T, 1, head width / 2, 2) cosines and sines for queries and keys.
        bias: (1 or B, heads, T, S) added to the scores.
        vectors: (distances, width) that queries and keys are compared with besides.
        distances: (1 or B, T, S) int64, which of these stands for a query and a key.
    """

    rotation: Tensor | None = None
    bias: Tensor | None = None
    vectors: Tensor | None = None
    distances: Tensor | None = None


@dataclass
class Layout:
    """The layout of one forward pass, worked out once for all layers. B rows, T new and S visible positions.

    Attributes:
        rows: B.
        length: T.
        causal: no position sees a later one.
        past: how many positions a state already remembers; S = past + T.
        valid: (B, S) bool, False on padding, or None when nothing is padding.
        new_valid: (B, T) bool, the same for the new positions alone; None when none of them is padding.
        documents: (B, T) int64; positions see their own document and the `TRUNK` before it only. None when each row is
            one document.
        device: where masks are made.
        page_table: in which slots attention finds its keys and values, of the new positions too; None when each row
            keeps its own.
        guides: of the stack's positions that guide attention, in their order; each layer knows the number of its own.
    """

    rows: int
    length: int
    causal: bool
    past: int
    valid: Tensor | None
    new_valid: Tensor | None
    documents: Tensor | None
    device: torch.device
    page_table: PageTable | None = None
    guides: list[Guide] = field(default_factory=list)
    _masks: dict[int | None, Tensor | None] = field(default_factory=dict)
    _gather_indices: dict[int, Tensor] = field(default_factory=dict)
    _like_rows: list[tuple[Tensor, int]] | None = None

    @classmethod
    def of(
        cls, ids: Tensor, valid: Tensor | None, documents: Tensor | None, *, causal: bool, state: State | None = None
    ) -> Layout:
        """The layout of new positions `ids` (B, T, …), which follow those that the state remembers."""
        if state is not None and documents is not None:
            raise ValueError("a state remembers one document a row; packed documents are for whole rows")
        rows, length = ids.shape[:2]
        past = 0 if state is None else state.length
        if state is not None and state.page_table is not None and valid is not None:
            raise ValueError("rows that share what is remembered of them go on without padding")
        return cls(
            rows=rows,
            length=length,
            causal=causal,
            past=past,
            page_table=None if state is None or state.page_table is None else state.page_table.grown(length),
            valid=valid if state is None else state.visible(rows, length, valid, ids.device),
            new_valid=valid,
            documents=documents,
            device=ids.device,
        )

    def guide(self, number: int | None) -> Guide:
        """The guidance of positions by their number; none for a layer without."""
        return Guide() if number is None else self.guides[number]

    def positions(self) -> Tensor:
        """Number of each visible position in its own sequence: (1, S) or (B, S) int64.

        Padding does not count, so that a padded row is numbered like the same row alone; each packed document starts
        again at 0, or where the trunk ends.
        """
        if self.documents is not None:
            return _positions_in_documents(self.documents, self.valid)
        if self.valid is not None:
            return (self.valid.long().cumsum(1) - 1).clamp(min=0)
        return torch.arange(self.past + self.length, device=self.device)[None]

    def gather_indices(self, key_heads: int) -> Tensor:
        """`PageTable.gather_indices` of all visible positions, (B, key heads, S) int64, kept for all layers."""
        if key_heads not in self._gather_indices:
            assert self.page_table is not None
            self._gather_indices[key_heads] = self.page_table.gather_indices(key_heads)
        return self._gather_indices[key_heads]

    def like_rows(self) -> list[tuple[Tensor, int]]:
        """Numbers of rows of like length, and the last visible positions that these need; nothing if that saves little.

        The longest of some rows is at most twice as long as any other, so that a short text that stands beside a long
        one looks at little padding.
        """
        if self._like_rows is None:
            self._like_rows = [] if self.valid is None else _like_rows(self.valid)
        return self._like_rows

    def mask(self, window: int | None) -> Tensor | None:
        """The attention mask, (1 or B, 1, T, S) bool, or None when plain causal or full attention says it all.

        Args:
            window: a position sees itself and the `window` − 1 before it (and after it when not causal).
        """
        if window not in self._masks:
            self._masks[window] = self._make_mask(window)
        return self._masks[window]

    def is_plain_causal(self, window: int | None) -> bool:
        """True when "no later position" is the whole rule and no mask need be written out."""
        return self.causal and self.length > 1 and self.mask(window) is None

    def _make_mask(self, window: int | None) -> Tensor | None:
        total = self.past + self.length
        narrow = window is not None and kernels.window_hides(window, total)
        triangular = self.causal and self.past > 0 and self.length > 1
        if not (narrow or triangular or self.valid is not None or self.documents is not None):
            return None
        queries = torch.arange(self.past, total, device=self.device)[:, None]
        keys = torch.arange(total, device=self.device)[None]
        seen = keys <= queries if self.causal else torch.ones_like(keys <= queries)
        if narrow:
            assert window is not None
            seen = seen & ((queries - keys).abs() < window)
        mask = seen[None, None]
        if self.valid is not None:
            # A padded query sees itself, lest its softmax be empty and its NaN spread through the gradients.
            mask = (mask & self.valid[:, None, None, :]) | (queries == keys)
        if self.documents is not None:
            first = (self.length + 1) * _trees(self.documents)
            documents, trunks = self.documents + first, TRUNK + first
            own, trunk, others = documents[:, None, :, None], trunks[:, None, :, None], documents[:, None, None, :]
            mask = mask & ((own == others) | (trunk == others))
        return mask


def _like_rows(valid: Tensor) -> list[tuple[Tensor, int]]:
    """See `Layout.like_rows`, of (B, S) bool that is padded on the left."""
    kinds: dict[int, list[int]] = {}
    lengths = valid.sum(1).tolist()
    for row, length in enumerate(lengths):
        kinds.setdefault(length.bit_length(), []).append(row)
    groups = [(torch.tensor(rows, device=valid.device), max(lengths[row] for row in rows)) for rows in kinds.values()]
    needed = sum(len(rows) * length for rows, length in groups)
    return groups if needed <= WORTH_IT * valid.numel() else []


def _trees(documents: Tensor) -> Tensor:
    """(B, T) int64, which of a row's trunks each position belongs to, as a part of it or behind it; 0 without any."""
    trunk = documents == TRUNK
    begins = trunk.clone()
    begins[:, 1:] = trunk[:, 1:] & ~trunk[:, :-1]
    return begins.cumsum(1)


def _positions_in_documents(documents: Tensor, valid: Tensor | None) -> Tensor:
    """See `Layout.positions`; 0 on padding, which may go on beyond any context."""
    counted = torch.ones_like(documents) if valid is None else valid.long()
    before = counted.cumsum(1) - counted
    starts = torch.ones_like(documents, dtype=torch.bool)
    starts[:, 1:] = documents[:, 1:] != documents[:, :-1]
    trunk, trees = documents == TRUNK, _trees(documents)
    within = before - torch.where(starts, before, 0).cummax(1).values
    lengths = counted.new_zeros(documents.shape[0], trees.shape[1] + 1).scatter_add(1, trees, trunk * counted)
    return (within + lengths.gather(1, trees) * ~trunk) * counted
