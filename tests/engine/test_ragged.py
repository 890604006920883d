"""Rows of unlike length side by side: each sees what it sees alone, and hardly any padding."""

from __future__ import annotations

import pytest
import torch
from arrivals import model_of
from torch import Tensor

from langue import kernels
from langue.batch import Batch
from langue.models import Model
from langue.nn.layout import _like_rows
from langue.nn.state import State

LENGTHS = [3, 40, 5, 33, 1, 4]


def joined(model: Model, rows: list[Tensor]) -> State:
    """A state that has read each row by itself, in which all end side by side."""
    states = []
    for row in rows:
        states.append(model.start(Batch(row)))
        model.hidden(Batch(row), states[-1])
        states[-1].move_to_pages(torch.arange(1))
    for state in states[1:]:
        states[0].join(state)
    return states[0]


@pytest.mark.parametrize("length", [1, 3, 20])
@pytest.mark.parametrize("mixer", ["attention", "relative", "grouped", "sliding"])
@torch.inference_mode()
def test_rows_of_unlike_length_see_what_each_sees_alone(
    mixer: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, draws = model_of(mixer, context=80).double(), torch.Generator().manual_seed(1)
    rows = [torch.randint(4, 30, (1, count), generator=draws) for count in LENGTHS]
    more = torch.randint(4, 30, (len(rows), length), generator=draws)
    state, looked, along = joined(model, rows), [], kernels.attention_along_rows
    monkeypatch.setattr(
        kernels, "attention_along_rows", lambda *parts: (looked.append(parts[3][:, 0].numel()), along(*parts))[1]
    )
    logits = model(Batch(more), state)
    for row, before in enumerate(rows):
        alone = model(Batch(torch.cat([before, more[row : row + 1]], 1)))[0, -length:]
        torch.testing.assert_close(logits[row], alone, atol=1e-9, rtol=1e-9)
    assert sum(looked) <= 2 * 2 * (sum(LENGTHS) + length * len(LENGTHS))  # of two layers, at most half is padding


def test_rows_are_told_apart_where_that_saves_a_good_part() -> None:
    for lengths in ([7, 5, 6], [8, 7, 8], [64, 40, 33]):
        assert _like_rows(padded(lengths)) == []
    groups = _like_rows(padded([3, 64, 2, 40, 7]))
    assert [(rows.tolist(), longest) for rows, longest in groups] == [([0, 2], 3), ([1], 64), ([3], 40), ([4], 7)]


def padded(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths), 0, -1) <= torch.tensor(lengths)[:, None]
