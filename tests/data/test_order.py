"""The keyed permutation is a bijection for every size and key, asked singly or in bulk, near or far."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.data.order import Permutation, epoch_order


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
