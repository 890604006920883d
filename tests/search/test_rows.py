"""Places and keys, in whatever order a table has its rows."""

import numpy as np
import pytest
from tests.search.small import Counting, rows

from langue.search import Index
from langue.search.lance import PassageRows
from langue.search.vectors import unit


@pytest.mark.parametrize("size", [0, 1, 200])
def test_a_passage_is_found_by_place_and_by_key_whatever_the_order(size):
    draws = np.random.default_rng(0)
    keys = draws.permutation(10 * size)[:size]
    places = draws.permutation(10 * size)[:size].astype(np.uint64) << np.uint64(32)
    known = PassageRows(places, keys)
    some = draws.permutation(size)[:50]
    assert known.keys(places[some]).tolist() == keys[some].tolist()
    assert known.places(keys[some]).tolist() == places[some].tolist()


@pytest.mark.parametrize("changes", [1, 20])
def test_places_are_those_of_the_version_that_was_opened(tmp_path, monkeypatch, changes):
    pytest.importorskip("lancedb")
    monkeypatch.setattr("langue.search.lance.CHANGES", changes)
    model = Counting(noise=0.1)
    old = Index.build(rows(40), tmp_path / "index", model)
    writer = Index.open(tmp_path / "index", model)
    writer.delete([f"row-{number}" for number in range(0, 40, 3)])
    writer.add([{"id": "more", "text": "One more about a planet."}])
    query = old.encode("a planet")
    for index, left in ((old, 40), (writer, 27), (Index.open(tmp_path / "index", model), 27)):
        found = index.store.dense(query, 100, ())
        passages = index.store.passages([key for key, _ in found])
        assert len({passage.document for passage in passages}) == left
        cosines = unit(model.embed([passage.text for passage in passages], prompt="document")) @ query
        np.testing.assert_allclose([score for _, score in found], cosines, atol=2e-6)


@pytest.mark.parametrize(("changes", "loose"), [(3, 1000), (1000, 20)])
def test_a_table_is_put_together_after_so_many_changes_or_passages(tmp_path, monkeypatch, changes, loose):
    pytest.importorskip("lancedb")
    monkeypatch.setattr("langue.search.lance.CHANGES", changes)
    monkeypatch.setattr("langue.search.lance.LOOSE", loose)
    Index.build(rows(10), tmp_path / "index", Counting())
    pieces = []
    for number in range(10, 60, 10):
        index = Index.open(tmp_path / "index", Counting())
        index.add(rows(number + 10)[number:])
        pieces.append(index.store._table._table.stats()["fragment_stats"]["num_fragments"])
    assert pieces == [2, 1, 2, 3, 1]  # the first filling counts
