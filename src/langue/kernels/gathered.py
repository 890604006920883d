"""Products with chosen rows of a table, for the few queries of a step under way.

MKL first copies both sides of a product into an order of its own, which for few queries takes longer than the product.
FBGEMM sums the rows of a table where they lie, as bags of embeddings are summed, and torch's sparse matrices multiply
with no more of them than is wanted. None of them has a gradient here.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.kernels.dispatch import work_out
from langue.kernels.products import suit_onednn


def weighted_sums(weights: Tensor, values: Tensor) -> Tensor:
    """weights·values of (B, H, T, S) and (B, H, S, width), without a gradient."""
    return work_out("weighted_sums", weights, values)


def by_bags(weights: Tensor, values: Tensor) -> Tensor:
    """The same as sums of rows.

    For T of 1 to 12 it takes two thirds of the time of a product, a fifth where T is 1 and two threads share the work.
    """
    width, strides = values.shape[3], values.stride()
    steps = tuple(stride // width for stride in strides[:3])
    columns, rows = _bags((*values.shape[:2], *weights.shape[2:]), steps)
    table = values.as_strided((rows, width), (width, 1))
    return sums_of_rows(weights.reshape(columns.shape), table, columns).view(*weights.shape[:3], width)


def suit_bags(weights: Tensor, values: Tensor) -> bool:
    """True if values lie as the rows of one table, on a processor whose MKL is slow."""
    width, strides = values.shape[3], values.stride()
    return suit_onednn(weights, values) and strides[3] == 1 and not any(stride % width for stride in strides[:3])


@lru_cache(maxsize=4)
def _bags(shape: tuple[int, ...], steps: tuple[int, ...]) -> tuple[Tensor, int]:
    """For each of (B, H, T) the S rows of a table, (B · H · T, S), and how many rows that table has.

    Kept while a search runs, since all blocks of a decoder look at the same few shapes in turns.
    """
    first, second, third = (
        step * torch.arange(n) for step, n in zip(steps, (shape[0], shape[1], shape[3]), strict=True)
    )
    rows = first[:, None, None] + second[:, None] + third
    return rows[:, :, None].expand(shape).flatten(0, 2), int(rows[-1, -1, -1]) + 1


def forget() -> None:
    """Let go of what is kept of shapes, once nobody has them any more."""
    _bags.cache_clear()


def products_with_rows(x: Tensor, table: Tensor, columns: Tensor) -> Tensor:
    """Entries of x·tableᵀ, for (N, k) and (M, k): only what stands in each row at columns (N, S) int64: (N, S)."""
    _know_sparse()
    # Zeros, since nothing times what was in new memory may be NaN.
    zeros, size = x.new_zeros(columns.numel()), (len(x), len(table))
    wanted = torch.sparse_csr_tensor(_ends(columns), columns.flatten(), zeros, size, check_invariants=False)
    return torch.sparse.sampled_addmm(wanted, x, table.t(), beta=0.0, out=wanted).values().view(columns.shape)


def sums_of_rows(weights: Tensor, table: Tensor, columns: Tensor) -> Tensor:
    """Sums by weights (N, S) of those rows of a table (M, width) whose numbers are columns (N, S) int64: (N, width)."""
    return F.embedding_bag(
        columns.flatten(),
        table,
        _ends(columns),
        mode="sum",
        per_sample_weights=weights.flatten(),
        include_last_offset=True,
    )


def _ends(columns: Tensor) -> Tensor:
    """Offsets at which, of columns written behind each other, each row begins and the last one ends."""
    return torch.arange(0, columns.numel() + 1, columns.shape[1])


@cache
def _know_sparse() -> None:
    """PyTorch says once in a process that its sparse matrices may yet change, which is no news to a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor(torch.zeros(1, dtype=torch.long), torch.zeros(0, dtype=torch.long), torch.zeros(0))
