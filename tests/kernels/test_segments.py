"""The sequences that rows hold, written out."""

from __future__ import annotations

import torch

from langue.kernels.segments import ordinals, segments


def test_segments_are_the_real_sequences() -> None:
    valid = torch.tensor([[False, True, True, True], [False] * 4, [True, True, False, False]])
    index, lengths, rows = segments(torch.zeros(3, 4), valid, None)
    assert index.tolist() == [[1, 2, 3], [8, 9, 9]]
    assert lengths.tolist() == [3, 2]
    assert rows.tolist() == [0, 2]
    documents = torch.tensor([[1, 1, 2, 2], [2, 2, 2, 2], [2, 3, 4, 4]])
    index, lengths, rows = segments(torch.zeros(3, 4), None, documents)
    assert lengths.tolist() == [2, 2, 4, 1, 1, 2]
    assert rows.tolist() == [0, 0, 1, 2, 2, 2]
    assert index[5].tolist() == [10, 11, 11, 11]


def test_documents_are_numbered_as_they_come() -> None:
    documents = torch.tensor([[7, 7, 3, 7], [1, 1, 1, 1], [0, 5, 2, 2]])
    assert ordinals(documents).tolist() == [[0, 0, 1, 2], [0, 0, 0, 0], [0, 1, 2, 2]]


def test_padding_between_documents_belongs_to_none() -> None:
    documents, valid = torch.tensor([[1, 1, 2, 2, 2]]), torch.tensor([[False, True, False, True, True]])
    index, lengths, rows = segments(torch.zeros(1, 5), valid, documents)
    assert index.tolist() == [[1, 1], [3, 4]]
    assert lengths.tolist() == [1, 2]
    assert rows.tolist() == [0, 0]
