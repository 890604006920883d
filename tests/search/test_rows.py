"""Places and keys, in whatever order a table has its rows."""

import numpy as np
import pytest
from tests.search.small import Counting, rows

from langue.search import Index
from langue.search.rows import Rows
from langue.search.vectors import unit


@pytest.mark.parametrize("size", [0, 1, 200])
def test_a_passage_is_found_by_place_and_by_key_whatever_the_order(size):
    draws = np.random.default_rng(0)
    keys = draws.permutation(10 * size)[:size]
    places = draws.permutation(10 * size)[:size].astype(np.uint64) << np.uint64(32)
    known = Rows(places, keys)
    some = draws.permutation(size)[:50]
    assert known.keys(places[some]).tolist() == keys[some].tolist()
    assert known.places(keys[some]).tolist() == places[some].tolist()


def test_places_are_those_of_the_version_that_was_opened(tmp_path):
    pytest.importorskip("lancedb")
    model = Counting(noise=0.1)
    old = Index.build(rows(40), tmp_path / "index", model)
    writer = Index.open(tmp_path / "index", model)
    writer.delete([f"row-{number}" for number in range(0, 40, 3)])
    writer.add([{"id": "more", "text": "One more about a planet."}])  # the table is put together anew
    query = old.encode("a planet")
    for index, left in ((old, 40), (writer, 27), (Index.open(tmp_path / "index", model), 27)):
        found = index.store.dense(query, 100, ())
        passages = index.store.passages([key for key, _ in found])
        assert len({passage.document for passage in passages}) == left
        cosines = unit(model.embed([passage.text for passage in passages], prompt="document")) @ query
        np.testing.assert_allclose([score for _, score in found], cosines, atol=2e-6)
