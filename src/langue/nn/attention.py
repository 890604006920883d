"""Attention: each position takes a weighted mean of what the others offer."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import model_validator
from torch import Tensor, nn

from langue import kernels
from langue.nn.layout import Guide, Layout
from langue.nn.linear import make_linear
from langue.nn.mixer import Mixer
from langue.nn.roles import GAIN, NORMAL, SHIFT, Initial, matrix, output
from langue.nn.state import EncoderOutput, LayerState, PageTable, RowIndex, joined
from langue.settings import Settings

AttentionBias = Literal["none", "query_key_value", "all"]
QueryKeyNorm = Literal["none", "plain", "weighted", "offset", "joint"]


class KeyValueState(LayerState):
    """Keys and values of all positions so far, in memory whose size doubles when it is full.

    Each row's own are (rows, key heads, capacity, head width). When rows share them, they are a table (key heads ·
    capacity, head width), whose rows are found by `PageTable.gather_indices`.
    """

    can_be_cut = True

    def __init__(self, heads: int) -> None:
        self.heads = heads
        self.tensors: list[Tensor] = []
        """Keys and values, with the room behind them; none before the first."""
        self.length = 0
        """Positions of each row, as long as it keeps its own."""
        self.paged = False

    def append(self, keys: Tensor, values: Tensor, layout: Layout) -> list[Tensor]:
        """Add (rows, key heads, T, head width) and return all: (rows, key heads, length, head width), or tables."""
        if layout.page_table is not None:
            places = layout.gather_indices(self.heads)[:, :, layout.past :]
            return self._write([keys, values], places, layout.page_table.size(self.heads))
        begin, self.length = self.length, self.length + keys.shape[2]
        self._make_room([keys, values], 2, self.length)
        for tensor, new in zip(self.tensors, (keys, values), strict=True):
            tensor[:, :, begin : self.length] = new
        return [tensor[:, :, : self.length] for tensor in self.tensors]

    def _write(self, new: list[Tensor], places: Tensor, size: int) -> list[Tensor]:
        """Write (…, head width) to places (…) of tables of so many rows, and return these."""
        rows = [x.reshape(-1, x.shape[-1]) for x in new]
        self._make_room(rows, 0, size)
        return [table.index_copy_(0, places.flatten(), x) for table, x in zip(self.tensors, rows, strict=True)]

    def _make_room(self, new: list[Tensor], dim: int, length: int) -> None:
        """For as many positions or rows, and as many again, behind those that there are."""
        if not self.tensors or length > self.tensors[0].shape[dim]:
            old = self.tensors or [None, None]
            self.tensors = [_with_room(x, like, dim, length) for x, like in zip(old, new, strict=True)]

    def select(self, owners: RowIndex) -> None:
        # With the room behind them: without it, the next positions would have all copied once more.
        if not self.paged:
            self.tensors = [owners.within(x) for x in self.tensors]

    def move_to_pages(self, rows: Tensor) -> None:
        self.paged = True
        kept = [x[rows, :, : self.length].flatten(0, 2) for x in self.tensors]
        self.tensors = [_with_room(x, x, 0, len(x)) for x in kept]

    def alone(self, row: int, positions: Tensor, page_table: PageTable | None) -> KeyValueState:
        if page_table is not None:
            places = page_table.gather_indices(self.heads)
            return self._of([x[places] for x in self.tensors], len(positions))
        return self._of(
            [x[row : row + 1].index_select(2, positions.to(x.device)) for x in self.tensors], len(positions)
        )

    def first(self, length: int) -> KeyValueState:
        # Without room behind them: whoever goes on writes to a copy.
        return self._of([x[:, :, :length] for x in self.tensors], length)

    def _of(self, tensors: list[Tensor], length: int) -> KeyValueState:
        state = KeyValueState(self.heads)
        state.tensors, state.length = tensors, length
        return state

    def join(self, other: KeyValueState, theirs: PageTable, mine: PageTable) -> None:
        if other.tensors:
            places = theirs.gather_indices(self.heads).flatten()
            rows = [x.index_select(0, places) for x in other.tensors]
            self._write(rows, mine.gather_indices(self.heads), mine.size(self.heads))


def _with_room(old: Tensor | None, like: Tensor, dim: int, length: int) -> Tensor:
    shape = list(like.shape)
    shape[dim] = max(64, 2 * length)
    new = like.new_empty(shape)
    if old is not None:
        new.narrow(dim, 0, old.shape[dim]).copy_(old)
    return new


class SourceState(LayerState):
    """Keys and values of the source, worked out at the first look, or one tensor that serves as both.

    Args:
        dims: the dimension of the source's positions in each of them.
    """

    owner = "source"

    def __init__(self, *dims: int) -> None:
        self.dims = dims
        self.tensors: list[Tensor] = []

    def select(self, owners: RowIndex) -> None:
        self.tensors = [owners.within(x) for x in self.tensors]

    def trim(self, length: int) -> None:
        self.tensors = [x.narrow(dim, 0, length) for x, dim in zip(self.tensors, self.dims, strict=False)]

    def join(self, other: SourceState, theirs: PageTable, mine: PageTable) -> None:
        pairs = zip(self.tensors, other.tensors, self.dims, strict=False)
        self.tensors = [joined(old, new, dim) for old, new, dim in pairs]


class AttentionSpec(Settings):
    """A mixer of attention."""

    kind: Literal["attention"] = "attention"
    """Kind of mixer."""
    heads: int
    """Heads of queries."""
    key_heads: int
    """Heads of keys and values; each serves heads / key_heads heads (Ainslie et al. 2023)."""
    head_width: int
    """Width of one head."""
    window: int | None
    """Positions that are seen, itself included; null sees everything that the form allows."""
    bias: AttentionBias
    """Projections that have one: none, those of queries, keys and values, or all."""
    norm: QueryKeyNorm
    """Normalisation of queries and keys of each head (Henry et al. 2020; Dehghani et al. 2023): none, RMS, RMS with
    weights of their own, or with one more than these (offset); joint takes the heads of a layer together."""
    norm_epsilon: float | None
    """Its ε; null takes the smallest difference that numbers near 1 can have."""
    scale: bool
    """Divide scores by √(head width)."""
    score_width: int | None
    """The number by whose root scores are divided, where that is not the head width."""
    score_cap: float | None
    """The cap that no score exceeds, if there is one."""

    @property
    def stretch(self) -> float:
        """Factor of queries that undoes the head width's part in scores, where it has none."""
        wanted = (self.score_width or self.head_width) if self.scale else 1
        return (self.head_width / wanted) ** 0.5

    @property
    def shares_norm(self) -> bool:
        """True if a head's queries and keys depend on those of others."""
        return self.norm == "joint"

    @model_validator(mode="after")
    def _check(self) -> AttentionSpec:
        if self.heads % self.key_heads:
            raise ValueError(f"{self.heads} heads cannot be grouped over key_heads {self.key_heads}")
        return self


class Attention(Mixer):
    """Multi-head attention (Vaswani et al. 2017, section 3.2).

    Args:
        input_width: width of the input.
        width: width of the output.
        spec: heads, biases, norms and window.
        dropout: probability of dropping an attention weight.
        position: which of the stack's positions guides this layer; None for none.
    """

    def __init__(
        self, input_width: int, width: int, spec: AttentionSpec, *, dropout: float = 0.0, position: int | None = None
    ):
        super().__init__()
        self.position, self.dropout = position, dropout
        self.heads, self.key_heads, self.head_width = spec.heads, spec.key_heads, spec.head_width
        self.window, self.norm, self.epsilon = spec.window, spec.norm, spec.norm_epsilon
        self.stretch, self.cap, self.shares_norm = spec.stretch, spec.score_cap, spec.shares_norm
        queries, keys = spec.heads * spec.head_width, spec.key_heads * spec.head_width
        initial = NORMAL if spec.scale else Initial(factors=(spec.head_width**-0.5, 1.0, 1.0))
        self.query_key_value = make_linear(
            input_width, (queries, keys, keys), spec.bias != "none", matrix("attention", initial)
        )
        self.output = make_linear(queries, (width,), spec.bias == "all", output("attention"))
        self.query_norm, self.key_norm = (_gain(spec, heads) for heads in (spec.heads, spec.key_heads))
        role = SHIFT if spec.norm == "offset" else GAIN
        self.roles = {} if self.query_norm is None else {"query_norm": role, "key_norm": role}

    def start(self) -> KeyValueState:
        return KeyValueState(self.key_heads)

    def forward(self, x: Tensor, layout: Layout, state: LayerState | None = None) -> Tensor:
        guide = layout.guide(self.position)
        queries, keys, values = self._project(x, guide)
        if isinstance(state, KeyValueState):
            keys, values = state.append(keys, values, layout)
        mask = layout.mask(self.window)
        queries, bias = self._with_distances(queries, keys, guide, layout)
        if bias is not None:
            mask = _with_bias(bias, mask, layout)
        if layout.page_table is not None:
            mixed = _along_rows(queries, keys, values, mask, layout, self.key_heads, self.cap)
        else:
            causal, dropout = mask is None and layout.is_plain_causal(self.window), self.dropout * self.training
            mixed = kernels.attention(queries, keys, values, mask, causal=causal, dropout=dropout, cap=self.cap)
        return self.output(mixed.transpose(1, 2).reshape(*x.shape[:2], -1))

    def weights(self, x: Tensor, layout: Layout) -> Tensor:
        guide = layout.guide(self.position)
        queries, keys, _ = self._project(x, guide)
        queries, bias = self._with_distances(queries, keys, guide, layout)
        keys = keys.repeat_interleave(self.heads // self.key_heads, 1)
        bias = x.new_zeros(layout.length, layout.past + layout.length) if bias is None else bias
        mask = _with_bias(bias, layout.mask(self.window), layout)
        return kernels.attention_weights(queries, keys, mask, self.cap)

    def _project(self, x: Tensor, guide: Guide) -> tuple[Tensor, Tensor, Tensor]:
        rows, length, _ = x.shape
        # Norm and rotation work on (B, T, heads, head width), which lies in memory as the projection wrote it.
        fused = self.query_key_value(x).view(rows, length, -1, self.head_width)
        # As many as it gives, which may be a part of those that there are in all.
        key_heads = fused.shape[2] // (self.heads // self.key_heads + 2)
        heads = fused.shape[2] - 2 * key_heads
        both, values = fused.split([heads + key_heads, key_heads], 2)
        if self.norm != "none":
            both = self._normalise(both, heads)
        if guide.rotation is not None:
            both = _rotated(both, guide.rotation)
        both, values = both.transpose(1, 2), values.transpose(1, 2)
        queries, keys = both.split([heads, key_heads], 1)
        return _stretched(queries, self.stretch), keys, values

    def _with_distances(
        self, queries: Tensor, keys: Tensor, guide: Guide, layout: Layout
    ) -> tuple[Tensor, Tensor | None]:
        """Queries, and what is added to their scores: content against distance and distance against content, where
        distances have vectors, of which each score is the mean of three (He et al. 2021, equation 4)."""
        if guide.vectors is None or guide.distances is None:
            return queries, guide.bias
        if layout.page_table is not None:
            keys = F.embedding(layout.gather_indices(self.key_heads), keys)
        own_queries, own_keys, _ = self._project(guide.vectors[None], Guide())
        queries, own_queries = queries * 3**-0.5, own_queries * 3**-0.5
        shared = queries.shape[1] // keys.shape[1]
        own_keys, keys = (part.repeat_interleave(shared, 1) for part in (own_keys, keys))
        shape = (queries.shape[0], queries.shape[1], -1, -1)  # as a tracer follows them
        distances = guide.distances[:, None].expand(shape)
        by_content = (queries @ own_keys.transpose(2, 3)).gather(3, distances)
        by_distance = (keys @ own_queries.transpose(2, 3)).gather(3, distances.transpose(2, 3)).transpose(2, 3)
        return queries, (by_content + by_distance) * queries.shape[-1] ** -0.5

    def _normalise(self, both: Tensor, heads: int) -> Tensor:
        epsilon = self.epsilon or torch.finfo(both.dtype).eps
        if self.query_norm is None or self.key_norm is None:
            return kernels.rms_norm(both, None, epsilon)
        if self.shares_norm:
            parts = zip(both.split([heads, both.shape[2] - heads], 2), (self.query_norm, self.key_norm), strict=True)
            normed = [kernels.rms_norm(part.flatten(2), weight, epsilon).view(part.shape) for part, weight in parts]
            return torch.cat(normed, 2)
        key_heads = both.shape[2] - heads
        weight = torch.cat([self.query_norm.expand(heads, -1), self.key_norm.expand(key_heads, -1)])
        return kernels.rms_norm(both, None, epsilon) * (1 + weight if self.norm == "offset" else weight)


def _gain(spec: AttentionSpec, heads: int) -> nn.Parameter | None:
    """The weights of a norm of queries or keys, where it has some: for one head, or for all of them."""
    if spec.norm in ("none", "plain"):
        return None
    width = heads * spec.head_width if spec.shares_norm else spec.head_width
    return nn.Parameter(torch.zeros(width) if spec.norm == "offset" else torch.ones(width))


def _rotated(x: Tensor, rotation: Tensor) -> Tensor:
    """Queries and keys (B, T, heads, head width), of which the first numbers are turned where not all of them are."""
    width = 2 * rotation.shape[-2]
    if width == x.shape[-1]:
        return kernels.rotate(x, rotation)
    return torch.cat([kernels.rotate(x[..., :width].contiguous(), rotation), x[..., width:]], -1)


def _along_rows(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    layout: Layout,
    key_heads: int,
    cap: float | None,
) -> Tensor:
    """Attention (B, heads, T, head width) to tables, of rows of like length at a time where that saves something."""
    places = layout.gather_indices(key_heads)
    if mask is None or not layout.like_rows():
        return kernels.attention_along_rows(queries, keys, values, places, mask, cap)
    mixed, mask = torch.empty_like(queries), mask.expand(len(queries), -1, -1, -1)
    for rows, length in layout.like_rows():
        seen, hidden = places[rows, :, -length:], mask[rows, :, :, -length:]
        mixed[rows] = kernels.attention_along_rows(queries[rows], keys, values, seen, hidden, cap)
    return mixed


def _stretched(queries: Tensor, factor: float) -> Tensor:
    """Queries (…, head width) whose scores come out divided by another root than that of the head width."""
    return queries if factor == 1.0 else queries * factor


def _with_bias(bias: Tensor, mask: Tensor | None, layout: Layout) -> Tensor:
    """Merge a bias with the mask, which it makes explicit."""
    if mask is None and layout.causal and layout.length > 1:
        mask = torch.ones(bias.shape[-2:], dtype=torch.bool, device=bias.device).tril()
    return bias if mask is None else bias.masked_fill(~mask, float("-inf"))


class CrossAttention(nn.Module):
    """Cross-attention to a source: queries from the decoder, keys and values from the encoder's output."""

    def __init__(
        self,
        width: int,
        memory_width: int,
        *,
        heads: int,
        head_width: int,
        bias: bool,
        dropout: float,
        scale: bool = True,
    ):
        super().__init__()
        self.heads, self.head_width, self.dropout = heads, head_width, dropout
        self.stretch = 1.0 if scale else head_width**0.5
        initial = NORMAL if scale else Initial(factors=(head_width**-0.5,))
        self.query = make_linear(width, (heads * head_width,), bias, matrix("cross", initial))
        blocks = (heads * head_width, heads * head_width)
        self.key_value = make_linear(memory_width, blocks, bias, matrix("cross", of_source=True))
        self.output = make_linear(heads * head_width, (width,), bias, output("cross"))

    def start(self) -> SourceState:
        return SourceState(-1, -2)

    def forward(self, x: Tensor, memory: EncoderOutput, state: LayerState | None = None) -> Tensor:
        """x (B, T, width) attends to memory; keys and values are worked out once and kept in the state."""
        if isinstance(state, SourceState):
            if not state.tensors:
                keys, values = self._remember(memory)
                # The way round in which a product with keys is the faster.
                state.tensors = [keys.transpose(2, 3).contiguous(), values.contiguous()]
            keys, values = state.tensors[0].transpose(2, 3), state.tensors[1]
        else:
            keys, values = self._remember(memory)
        queries = _stretched(self._heads(memory.by_source(self.query(x))), self.stretch)
        if memory.attention_weights is not None:
            weights = kernels.attention_weights(queries, keys, memory.mask())
            memory.attention_weights.append(memory.by_row(weights.transpose(1, 2), x.shape[1]).transpose(1, 2))
        mixed = kernels.attention(queries, keys, values, memory.mask(), dropout=self.dropout * self.training)
        return self.output(memory.by_row(mixed.transpose(1, 2).flatten(2), x.shape[1]))

    def _remember(self, memory: EncoderOutput) -> tuple[Tensor, Tensor]:
        keys, values = self.key_value(memory.hidden).chunk(2, -1)
        return self._heads(keys), self._heads(values)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.head_width).transpose(1, 2)
