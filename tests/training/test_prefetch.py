"""Batches made one ahead are those that would be made now, and what goes wrong with one is said when it is its turn."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from langue.batch import Batch, Example, Loss
from langue.data.loader import MicroBatch
from langue.errors import LangueError
from langue.objectives import Causal
from langue.randomness import RowRandomness
from langue.training.prefetch import Prefetch
from tiny_training import trainer


class Rows:
    """Two micro-batches of two rows a step, as far as they go."""

    def __init__(self, steps: int):
        self.steps = steps

    def __getitem__(self, step: int) -> list[MicroBatch]:
        if step >= self.steps:
            raise LangueError(f"there is no step {step}")
        return [MicroBatch([{"ids": [row]}, {"ids": [row + 1]}], row) for row in (4 * step, 4 * step + 2)]


class Drawn:
    """Draws a number for each row, and tells who made which batch."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int]] = []
        self.reached = threading.Event()

    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
        self.made.append((rng.first_row, threading.get_ident()))
        if rng.first_row == 4:
            self.reached.set()
        return Batch(torch.tensor([[rng[row].integers(1 << 40)] for row in range(len(examples))]))

    def loss(self, model: Any, batch: Batch) -> Loss:
        raise NotImplementedError


def ahead_of(rows: Rows, objective: Drawn, *, alone: bool = False, by_thread: bool = True) -> Prefetch:
    ahead = Prefetch(rows, objective, seed=3, alone=alone)
    if by_thread:
        ahead.start()
    return ahead


BOTH = pytest.mark.parametrize("by_thread", [True, False])


@BOTH
def test_they_are_what_would_be_made_now(by_thread: bool) -> None:
    ahead = ahead_of(Rows(9), Drawn(), by_thread=by_thread)
    for step in (0, 1, 2, 6, 7, 7, 1):  # as a training goes on, is resumed, or is asked twice
        found = list(ahead[step])
        assert [(made.step, made.first_row, made.is_last) for made in found] == [
            (step, 4 * step, False),
            (step, 4 * step + 2, True),
        ]
        for made in found:
            draws = Drawn().batch([{}, {}], RowRandomness(3, made.first_row))
            assert torch.equal(made.batch.ids, draws.ids)


@BOTH
def test_a_step_that_was_left_in_its_middle_is_begun_again(by_thread: bool) -> None:
    ahead = ahead_of(Rows(9), Drawn(), by_thread=by_thread)
    assert next(ahead[2]).first_row == 8
    assert [made.first_row for made in ahead[2]] == [8, 10]


def test_the_next_is_made_while_nobody_asks_for_it() -> None:
    drawn = Drawn()
    ahead = ahead_of(Rows(9), drawn)
    list(ahead[0])
    assert drawn.reached.wait(30)
    time.sleep(0.05)
    assert [row for row, _ in drawn.made] == [0, 2, 4]  # and no further
    list(ahead[1])
    assert [row for row, _ in drawn.made][:4] == [0, 2, 4, 6]
    assert threading.get_ident() not in {who for _, who in drawn.made}


@BOTH
def test_what_goes_wrong_is_said_at_its_turn(by_thread: bool) -> None:
    ahead = ahead_of(Rows(2), Drawn(), by_thread=by_thread)
    list(ahead[0])
    list(ahead[1])  # while step 2 goes wrong
    for _ in range(2):
        with pytest.raises(LangueError, match="there is no step 2"):
            list(ahead[2])
    assert len(list(ahead[0])) == 2


class Slow(Drawn):
    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
        time.sleep(0.05)
        return super().batch(examples, rng)


def test_a_thread_begins_once_it_was_waited_for_long() -> None:
    slow = Slow()
    ahead = Prefetch(Rows(9), slow, seed=3)
    list(ahead[0])
    assert 0.001 <= ahead.waited(100.0) < 0.02
    list(ahead[1])
    assert {who for _, who in slow.made} == {threading.get_ident()}  # it is not worth one yet
    assert 0.1 <= ahead.waited(1.0) < 1.0
    for made in ahead[2]:
        if made.is_last:
            ahead.waited(1.0)
            time.sleep(0.5)
    assert threading.get_ident() not in {who for row, who in slow.made if row > 8}
    assert next(ahead[3]).first_row == 12
    assert ahead.waited(1.0) < 0.05


@pytest.mark.parametrize("alone", [True, False])
def test_one_core_is_enough_beside_a_cpu(alone: bool) -> None:
    class Counting(Drawn):
        cores = 0

        def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
            self.cores = torch.get_num_threads()
            return super().batch(examples, rng)

    before, counting = torch.get_num_threads(), Counting()
    torch.set_num_threads(2)
    try:
        list(ahead_of(Rows(9), counting, alone=alone)[0])
        assert counting.cores == (1 if alone else 2)
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def test_nothing_of_it_stays_when_it_is_let_go() -> None:
    before = set(threading.enumerate())
    ahead = ahead_of(Rows(9), Drawn())
    list(ahead[0])
    (thread,) = set(threading.enumerate()) - before
    gone = weakref.ref(ahead)
    del ahead
    assert gone() is None
    thread.join(30)
    assert not thread.is_alive()


def test_a_training_ends_by_the_batch_that_went_wrong_and_not_before() -> None:
    class Damaged(Causal):
        def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
            if rng is not None and rng.first_row == 20:
                raise LangueError("the sixth batch is damaged")
            return super().batch(examples, rng)

    training = trainer(objective=Damaged())
    with pytest.raises(LangueError, match="the sixth batch is damaged"):
        training.run()
    assert training.progress.step == 5
