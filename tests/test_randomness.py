"""Randomness: draws are functions of their key, so that they can be made again anywhere, in any order."""

from __future__ import annotations

import numpy as np
import torch

from langue.randomness import RowRandomness, coins, mix, numpy_generator, row_keys, seed_torch, torch_generator


def test_mix_is_the_same_everywhere_and_for_ever() -> None:
    # A change of these numbers would change every run's order, masks and first weights.
    assert mix() == 0x9E3779B97F4A7C15
    assert mix(0) == 7960286522194355700  # the second output of the published SplitMix64 seeded with 0
    assert mix("order", 3) == 18374875381402217198
    assert mix(-1) == 16834447057089888969


def test_keys_of_rows_are_mixed_all_at_once() -> None:
    found = row_keys(7, 1000, 3, 2).tolist()
    assert found == [mix(7, "dropout", row, place) for row in (1000, 1001, 1002) for place in (0, 1)]


def test_coins_are_mixed_all_at_once_too() -> None:
    states = np.array([mix(3, "sample", sample) for sample in range(50)], np.uint64)
    found = coins(states, np.arange(50)).tolist()
    assert found == [mix(3, "sample", number, number) / 2**64 for number in range(50)]


def test_neighbouring_keys_give_unrelated_bits() -> None:
    numbers = [mix(seed, row) for seed in range(40) for row in range(40)]
    assert len(set(numbers)) == 1600
    flips = [(mix(0, row) ^ mix(0, row + 1)).bit_count() for row in range(500)]
    assert 31 < np.mean(flips) < 33
    for bit in range(64):
        assert 600 < sum(number >> bit & 1 for number in numbers) < 1000


def test_keys_are_read_in_order_whole_and_by_parts() -> None:
    keys = [(), (0,), (0, 0), (1, 2), (2, 1), (1 << 64,), (1 << 64, 0), (-1,), ("a", "b"), ("ab",), ("a" * 20,)]
    assert len({mix(*key) for key in keys}) == len(keys)


def test_generators_repeat_their_draws() -> None:
    assert numpy_generator(1, 2).random(3).tolist() == numpy_generator(1, 2).random(3).tolist()
    assert numpy_generator(1, 2).random(3).tolist() != numpy_generator(1, 3).random(3).tolist()
    first = torch.rand(3, generator=torch_generator("a", 1))
    assert torch.equal(first, torch.rand(3, generator=torch_generator("a", 1)))
    seed_torch("dropout", 5)
    mask = torch.nn.functional.dropout(torch.ones(50), 0.5)
    torch.rand(7)
    seed_torch("dropout", 5)
    assert torch.equal(mask, torch.nn.functional.dropout(torch.ones(50), 0.5))


def test_a_row_draws_the_same_in_any_batch() -> None:
    whole = [RowRandomness(7, 0)[row].random() for row in range(8)]
    halves = [RowRandomness(7, start)[row].random() for start in (0, 4) for row in range(4)]
    assert whole == halves
    assert len(set(whole)) == 8
    assert RowRandomness(8, 0)[0].random() != whole[0]
