"""Who stands where and who sees whom, written out."""

from __future__ import annotations

import torch
from torch import Tensor

from langue.batch import TRUNK
from langue.nn.layout import Layout
from langue.nn.state import State


def layout(
    length: int, valid: Tensor | None = None, documents: Tensor | None = None, causal: bool = True, past: int = 0
) -> Layout:
    rows = 1 if valid is None and documents is None else len(valid if valid is not None else documents)
    state = State([], length=past) if past else None
    return Layout.of(torch.zeros(rows, length, dtype=torch.long), valid, documents, causal=causal, state=state)


def picture(mask: Tensor | None, row: int = 0) -> list[str]:
    """A row's mask, one string for each query, x where it sees."""
    assert mask is not None
    return ["".join("x" if seen else "." for seen in line) for line in mask[row, 0].tolist()]


def test_the_plain_cases_write_no_mask() -> None:
    assert layout(4).mask(None) is None
    assert layout(4).is_plain_causal(None)
    assert layout(4, causal=False).mask(None) is None
    assert not layout(4, causal=False).is_plain_causal(None)
    assert layout(4).mask(4) is None
    assert layout(1, past=3).mask(None) is None
    assert not layout(1, past=3).is_plain_causal(None)


def test_windows() -> None:
    assert picture(layout(4).mask(2)) == ["x...", "xx..", ".xx.", "..xx"]
    assert not layout(4).is_plain_causal(2)
    assert picture(layout(4, causal=False).mask(2)) == ["xx..", "xxx.", ".xxx", "..xx"]
    assert picture(layout(1, past=3).mask(2)) == ["..xx"]


def test_new_positions_see_the_past_and_not_each_others_future() -> None:
    assert picture(layout(2, past=2).mask(None)) == ["xxx.", "xxxx"]


def test_padding_is_seen_by_itself_alone() -> None:
    valid = torch.tensor([[False, True, True], [True, True, True]])
    assert picture(layout(3, valid).mask(None)) == ["x..", ".x.", ".xx"]
    assert picture(layout(3, valid).mask(None), row=1) == ["x..", "xx.", "xxx"]
    assert picture(layout(3, valid, causal=False).mask(None)) == ["xxx", ".xx", ".xx"]


def test_documents_see_themselves_alone() -> None:
    documents = torch.tensor([[4, 4, 5, 5]])
    assert picture(layout(4, documents=documents).mask(None)) == ["x...", "xx..", "..x.", "..xx"]
    assert picture(layout(4, documents=documents, causal=False).mask(None)) == ["xx..", "xx..", "..xx", "..xx"]


def test_documents_see_the_trunk_before_them() -> None:
    documents = torch.tensor([[TRUNK, TRUNK, 0, 1, 1, TRUNK, 0, 1], [4, 4, 4, 4, 9, 9, 9, 9]])
    where = layout(8, documents=documents)
    seen = ["x.......", "xx......", "xxx.....", "xx.x....", "xx.xx...", ".....x..", ".....xx.", ".....x.x"]
    assert picture(where.mask(None)) == seen
    assert where.positions().tolist() == [[0, 1, 2, 2, 3, 0, 1, 1], [0, 1, 2, 3, 0, 1, 2, 3]]
    assert layout(1, documents=documents[:, :1]).positions().tolist() == [[0], [0]]


def test_positions_count_what_is_real() -> None:
    assert layout(3, past=2).positions().tolist() == [[0, 1, 2, 3, 4]]
    valid = torch.tensor([[False, False, True, True], [True, True, True, False]])
    assert layout(4, valid).positions()[valid].tolist() == [0, 1, 0, 1, 2]
    documents = torch.tensor([[7, 7, 3, 3, 3, 9]])
    assert layout(6, documents=documents).positions().tolist() == [[0, 1, 0, 1, 2, 0]]
    padded = torch.tensor([[False, True, True, True, True, True]])
    assert layout(6, padded, documents).positions()[padded].tolist() == [0, 0, 1, 2, 0]


def test_positions_go_on_after_a_padded_past() -> None:
    state = State([], length=3, valid=torch.tensor([[False, True, True], [True, True, True]]))
    where = Layout.of(torch.zeros(2, 2, dtype=torch.long), None, None, causal=True, state=state)
    assert where.positions()[:, 3:].tolist() == [[2, 3], [3, 4]]


def test_one_mask_serves_all_layers() -> None:
    where = layout(4)
    assert where.mask(2) is where.mask(2)
    assert where.mask(3) is not where.mask(2)
