"""A mix gives each stream its share, its own rows in their own order, and none of them twice in a pass."""

import numpy as np
import pytest

from langue.data import ArrayRows, Mix, RowStream, tempered
from langue.data.mix import BLOCK
from langue.errors import LangueError


class Counting(RowStream):
    """A stream whose rows say where they come from."""

    def __init__(self, name: int, size: int):
        self.name, self._size = name, size

    @property
    def size(self) -> int:
        return self._size

    def take(self, rows: np.ndarray) -> ArrayRows:
        return ArrayRows({"ids": np.stack([np.full_like(rows, self.name), rows], axis=1)})


def mix(shares: list[float], seed: int = 0) -> Mix:
    return Mix([Counting(name, 50) for name in range(len(shares))], shares, seed)


def test_shares_come_out_exactly_in_each_block():
    for block in (0, 1, 7):
        ids = mix([0.5, 0.3, 0.2]).rows(block * BLOCK, BLOCK).arrays["ids"]
        assert np.bincount(ids[:, 0]).tolist() == [BLOCK // 2, BLOCK * 3 // 10, BLOCK // 5]


def test_each_stream_is_followed_without_gap_or_repetition():
    ids = mix([0.6, 0.4]).rows(0, 3 * BLOCK).arrays["ids"]
    for source in (0, 1):
        own = ids[ids[:, 0] == source, 1]
        assert sorted(own.tolist()) == list(range(len(own)))


def test_streams_are_mixed_throughout():
    ids = mix([0.5, 0.5]).rows(0, BLOCK).arrays["ids"]
    halves = ids[:, 0].reshape(10, -1).mean(axis=1)
    assert np.all((halves > 0.42) & (halves < 0.58))


def test_every_stream_gets_something():
    ids = mix([1 - 1e-9, 1e-9]).rows(0, BLOCK).arrays["ids"]
    assert np.bincount(ids[:, 0]).tolist() == [BLOCK - 1, 1]


@pytest.mark.parametrize("shares", [[1 / 3] * 3, [1 / 7] * 7, [0.1] * 10, [0.333, 0.333, 0.334]])
def test_quotas_fill_a_block(shares):
    assert mix(shares).quotas.sum() == BLOCK


def test_the_mix_depends_on_its_seed():
    one, other = (mix([0.5, 0.5], seed).rows(0, 100).arrays["ids"] for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_a_pass_is_as_long_as_all_streams():
    assert mix([0.9, 0.1]).size == 100


def test_temperature_flattens_and_sharpens():
    weights = {"large": 4.0, "small": 1.0}
    assert tempered(weights, 1.0) == pytest.approx({"large": 0.8, "small": 0.2})
    assert tempered(weights, 2.0) == pytest.approx({"large": 2 / 3, "small": 1 / 3})
    assert tempered(weights, 0.5) == pytest.approx({"large": 16 / 17, "small": 1 / 17})


@pytest.mark.parametrize("weight", [0, -1, float("nan")])
def test_a_weight_must_be_above_zero(weight):
    with pytest.raises(LangueError, match=r"the weight of b\.txt must be above 0"):
        tempered({"a.txt": 1.0, "b.txt": weight}, 1.0)
