"""The keyed permutation is a bijection for every size and key, asked singly or in bulk, near or far."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.data import order as orders_module
from langue.data.order import Permutation, epoch_order, poisson_rows
from langue.randomness import mix, row_coins


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 5000), seed=st.integers(0, 2**64), epoch=st.integers(0, 10**12))
def test_every_number_comes_exactly_once(n, seed, epoch):
    assert sorted(Permutation(n, seed, epoch)[np.arange(n)].tolist()) == list(range(n))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 2**62), seed=st.integers(0, 2**32), data=st.data())
def test_one_and_many_agree_and_stay_inside(n, seed, data):
    order = Permutation(n, seed)
    places = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=20, unique=True))
    found = order[np.array(places, dtype=np.int64)]
    assert found.tolist() == [order[place] for place in places]
    assert len(set(found.tolist())) == len(places)
    assert 0 <= found.min() <= found.max() < n


def test_different_keys_give_different_orders():
    n = np.arange(1000)
    orders = [Permutation(1000, *key)[n].tolist() for key in [(0, 0), (0, 1), (1, 0), (0, "mix", 0)]]
    assert all(orders[i] != orders[j] for i in range(4) for j in range(i))


def test_the_order_is_fixed_for_all_time():
    # A changed order would silently break the resumption of every run that was saved.
    assert Permutation(10, 0, 0)[np.arange(10)].tolist() == [6, 0, 4, 2, 5, 7, 3, 8, 1, 9]
    far = Permutation(10**12, 5, 9)
    assert [far[0], far[1], far[10**12 - 1]] == [884573906780, 971859097903, 134098910895]


def test_places_look_uniform():
    """Each of 8 things is at each of 8 places about equally often: chi-squared with 49 degrees of freedom."""
    counts = np.zeros((8, 8))
    for seed in range(2000):
        counts[np.arange(8), Permutation(8, seed)[np.arange(8)]] += 1
    assert ((counts - 250) ** 2 / 250).sum() < 95  # exceeded by chance once in 10,000


def test_neighbours_are_torn_apart():
    order = Permutation(100_000, 3)[np.arange(100_000)]
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02


@pytest.mark.parametrize("n", [0, -1, 2**62 + 1])
def test_impossible_sizes_are_refused(n):
    with pytest.raises(ValueError, match="permutation"):
        Permutation(n, 0)


def test_places_outside_are_refused():
    with pytest.raises(IndexError):
        Permutation(10, 0)[10]


def test_each_epoch_has_its_own_order():
    rows = np.arange(30, dtype=np.int64)
    epochs, places = epoch_order(rows, 10, 7)
    assert epochs.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    for epoch in range(3):
        assert places[epoch * 10 : epoch * 10 + 10].tolist() == Permutation(10, 7, epoch)[np.arange(10)].tolist()
    assert rows.tolist() == list(range(30))


def test_a_coin_is_that_of_its_row_alone():
    coins = row_coins(5, 1000, "seed", 3)
    assert coins.dtype == np.float64
    for row in (5, 6, 700, 1004):
        assert coins[row - 5] == (mix("seed", 3, row) >> 11) / 2**53
    assert abs(coins.mean() - 0.5) < 0.03


def test_a_row_is_in_a_poisson_sample_if_its_coin_says_so(monkeypatch):
    expected = [row for row in range(5000) if (mix(7, 2, row) >> 11) / 2**53 < 0.1]
    assert poisson_rows(5000, 0.1, 7, 2).tolist() == expected
    monkeypatch.setattr(orders_module, "_COINS", 64)
    assert poisson_rows(5000, 0.1, 7, 2).tolist() == expected
    # More rows leave those before them as they were.
    assert [row for row in poisson_rows(9000, 0.1, 7, 2).tolist() if row < 5000] == expected


def test_poisson_samples_vary_in_size_as_a_binomial_does():
    sizes = np.array([len(poisson_rows(400, 0.25, 1, step)) for step in range(600)])
    assert abs(sizes.mean() - 100) < 4 * math.sqrt(75 / 600)
    assert 0.8 < sizes.var() / 75 < 1.25
    often = np.bincount(np.concatenate([poisson_rows(400, 0.25, 1, step) for step in range(600)]), minlength=400)
    assert abs(often - 150).max() < 5 * math.sqrt(600 * 0.25 * 0.75)


def test_poisson_samples_of_all_and_of_nothing():
    assert poisson_rows(10, 1.0, 1).tolist() == list(range(10))
    assert not len(poisson_rows(10, 0.0, 1))
    assert not len(poisson_rows(0, 0.5, 1))
