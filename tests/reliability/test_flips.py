"""A flipped bit in any file that Langue writes is caught, or changes nothing that is read of it."""

import pytest
from flips import SILENT, TRACEBACK, flip_all
from written import WRITTEN


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_flipped_bit_is_caught_or_harmless(kind, tmp_path):
    check(kind, tmp_path, flips=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITTEN)
def test_many_flipped_bits_are_caught_or_harmless(kind, tmp_path):
    check(kind, tmp_path, flips=30)


def check(kind, folder, flips):
    outcomes = flip_all(WRITTEN[kind], folder, flips)
    for name, counts in outcomes.items():
        print(kind, name, dict(counts))
    assert {name: counts for name, counts in outcomes.items() if counts[SILENT] or counts[TRACEBACK]} == {}
    assert sum(counts.total() for counts in outcomes.values()) >= flips
