"""Positions: learned or sinusoidal ones, which are added to embeddings, and relative ones, which bias attention."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from langue.nn.layout import Guide, Layout
from langue.nn.roles import SMALL, ZEROS, Role

AddedKind = Literal["learned", "sinusoidal"]
GuidingKind = Literal["rotary", "relative", "disentangled"]
PositionKind = Literal["learned", "sinusoidal", "rotary", "relative", "disentangled", "none"]
ADDED, GUIDING = get_args(AddedKind), get_args(GuidingKind)


class EmbeddingPosition(nn.Module):
    """No positions; the base of those that are added to the embeddings."""

    def added(self, positions: Tensor) -> Tensor | None:
        """(1 or B, T, width) to be added to the embeddings of positions (1 or B, T)."""
        return None


class AttentionPosition(nn.Module):
    """The base of positions that guide attention: they turn queries and keys, or bias the scores."""

    @abstractmethod
    def guide(self, layout: Layout) -> Guide:
        """The guidance of one forward pass, for all layers of these positions."""


class LearnedPosition(EmbeddingPosition):
    """A vector learned for each position (Gehring et al. 2017; GPT, BERT)."""

    def __init__(self, context: int, width: int, offset: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(context + offset, width))
        self.offset = offset
        self.roles = {"weight": Role("position", SMALL)}

    def added(self, positions: Tensor) -> Tensor:
        return self.weight[positions + self.offset]


class SinusoidalPosition(EmbeddingPosition):
    """Sines and cosines of geometric wavelengths (Vaswani et al. 2017, section 3.5), sines first, then cosines.

    Args:
        width: of the embeddings.
        offset: the number of the first position.
        closed: the last wavelength is 10,000 times the first, as tensor2tensor and fairseq have it; else the one that
            would come next.
    """

    def __init__(self, width: int, offset: int = 0, *, closed: bool = False):
        super().__init__()
        self.offset = offset
        whole = max(1, width - 2) if closed else width
        rate = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2, dtype=torch.float32) / whole)
        self.register_buffer("rate", rate, persistent=False)

    def added(self, positions: Tensor) -> Tensor:
        angle = (positions + self.offset)[..., None] * self.rate
        return torch.cat([angle.sin(), angle.cos()], -1)


class RelativePosition(AttentionPosition):
    """A bias learned for each head and bucket of distances, shared by layers (Raffel et al. 2020, section 2.1).

    Half of the buckets hold one small distance each, the rest grow logarithmically up to `reach`; when not causal, the
    two directions share the buckets out among themselves.
    """

    def __init__(self, heads: int, buckets: int, reach: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(buckets, heads))
        self.reach = reach
        self.roles = {"weight": Role("position", ZEROS)}

    def guide(self, layout: Layout) -> Guide:
        positions = layout.positions()
        distance = positions[:, None, :] - positions[:, layout.past :, None]
        bias = self.weight[self.bucket(distance, layout.causal)].permute(0, 3, 1, 2)
        return Guide(bias=bias)

    def bucket(self, distance: Tensor, causal: bool) -> Tensor:
        """Bucket of each distance key − query, int64 of the same shape."""
        buckets = self.weight.shape[0]
        offset = torch.zeros_like(distance)
        if causal:
            distance = (-distance).clamp(min=0)
        else:
            buckets //= 2
            offset = (distance > 0) * buckets
            distance = distance.abs()
        exact = buckets // 2
        scale = (buckets - exact) / math.log(self.reach / exact)
        far = exact + ((distance.clamp(min=1).float() / exact).log() * scale).long()
        return offset + torch.where(distance < exact, distance, far.clamp(max=buckets - 1))


class DisentangledPosition(AttentionPosition):
    """A vector learned for each bucket of distances, shared by layers, which each of them compares with its queries and
    its keys (He et al. 2021, "DeBERTa", section 3.1, with the buckets of its second version).

    Up to half of the buckets hold one distance each, those behind grow logarithmically up to `reach`, in either
    direction.

    Args:
        width: of the vectors.
        buckets: of either direction.
        reach: distance from which on all share the last bucket.
        norm: of the vectors.
    """

    def __init__(self, width: int, buckets: int, reach: int, norm: nn.Module):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2 * buckets, width))
        self.buckets, self.reach, self.norm = buckets, reach, norm
        self.roles = {"weight": Role("position", SMALL)}

    def guide(self, layout: Layout) -> Guide:
        positions = layout.positions()
        distance = positions[:, layout.past :, None] - positions[:, None, :]
        return Guide(vectors=self.norm(self.weight), distances=self.bucket(distance))

    def bucket(self, distance: Tensor) -> Tensor:
        """Bucket of each distance query − key, int64 of the same shape."""
        middle = self.buckets // 2
        ratio = distance.abs().clamp(min=middle).float() / middle
        steps = (ratio.log() / math.log((self.reach - 1) / middle) * (middle - 1)).ceil().long()
        far = distance.sign() * (middle + steps)
        bucket = torch.where(distance.abs() <= middle, distance, far)
        return (bucket + self.buckets).clamp(0, 2 * self.buckets - 1)
