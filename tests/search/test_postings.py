"""BM25 against bm25s, and postings that grew and shrank against those that were made at once."""

import numpy as np
import pytest

from langue.search.collector import Collector
from langue.search.postings import ARRAYS, K1, B, Postings, best
from langue.search.words import words

TEXTS = [
    "the cat sat on the mat",
    "the dog sat on the log and the dog barked at the cat",
    "cats and dogs",
    "a quick brown fox",
    "the the the",
    "fox fox cat",
    "",
    "日本語の検索",
]


def collect(texts, first=0) -> Collector:
    collector = Collector()
    for key, text in enumerate(texts, first):
        collector.add(key, words(text))
    return collector


@pytest.mark.parametrize("query", ["cat", "the fox", "dog dog log", "検索", "unknown cat", "unknown"])
def test_scores_are_those_of_bm25s(query):
    bm25s = pytest.importorskip("bm25s")
    known = bm25s.BM25(method="lucene", k1=K1, b=B)
    known.index([words(text) for text in TEXTS], show_progress=False)
    asked = words(query)
    inside = [word for word in asked if word in known.vocab_dict]
    expected = known.get_scores(inside) if inside else np.zeros(len(TEXTS))
    np.testing.assert_allclose(collect(TEXTS).finish().scores(asked), expected, rtol=1e-5)


def test_the_best_come_first_and_of_equals_the_one_before():
    postings = collect(["a b", "a", "a", "b", "a a a"]).finish()
    assert [key for key, _ in postings.search(["a"], 3)] == [4, 1, 2]
    assert [key for key, _ in postings.search(["a"], 10, np.array([0, 2, 3]))] == [2, 0]
    assert postings.search(["c"], 3) == []
    assert Collector().finish().search(["a"], 3) == []


@pytest.mark.parametrize("few", [0.1, 2, 16, 1000])
def test_what_is_left_out_changes_nothing_of_what_is_found(monkeypatch, few):
    monkeypatch.setattr("langue.search.postings.FEW", few)
    draws = np.random.default_rng(0)
    chances = 1 / np.arange(2, 42)
    texts = [" ".join(f"w{word}" for word in np.flatnonzero(draws.random(40) < chances)) for _ in range(2000)]
    postings = collect(texts).finish()
    for number in range(60):
        asked = [f"w{word}" for word in draws.integers(0, 40, 1 + number % 7)]
        k = (1, 3, 10, 100, 3000)[number % 5]
        allowed = None if number % 3 else np.sort(draws.choice(2000, 400, replace=False))
        scores = postings.scores(asked)
        held = np.flatnonzero(scores)
        expected = held if allowed is None else np.intersect1d(held, allowed)
        expected = expected[np.argsort(-scores[expected], kind="stable")][:k]
        assert postings.search(asked, k, allowed) == [(int(key), float(scores[key])) for key in expected]


def test_best_is_a_stable_sort():
    scores = np.random.default_rng(0).integers(0, 20, 500).astype(float)
    for k in (1, 7, 100, 499, 500, 600):
        np.testing.assert_array_equal(best(scores, k), np.argsort(-scores, kind="stable")[:k])


@pytest.mark.parametrize(("block", "chunk"), [(1 << 16, 1 << 20), (2, 3), (1, 1)])
def test_what_grew_and_shrank_is_what_was_made_at_once(tmp_path, monkeypatch, block, chunk):
    monkeypatch.setattr("langue.search.collector.BLOCK", block)
    monkeypatch.setattr("langue.search.collector.CHUNK", chunk)
    texts = [*TEXTS, "a fox for good measure", "a fox's end"]
    assert len(collect(texts)._blocks) == len(texts) // block
    first = ["only here, at once", *texts[:3], "gone for good", *texts[3:5], "only there, in the end"]
    gone, keys = [0, 4, 7], [1, 2, 3, 5, 6, 30, 31, 32, 33, 34]
    collect(first).save(tmp_path / "first")
    grown = Collector()
    for key, text in zip(keys[5:], texts[5:], strict=True):
        grown.add(key, words(text))
    before = Postings.load(tmp_path / "first")
    grown.save(tmp_path / "second", before, np.array(gone))
    expected = collect(texts).finish()
    for found in (grown.finish(before, np.array(gone)), Postings.load(tmp_path / "second")):
        assert found.keys.tolist() == keys
        for name in ARRAYS[:-1]:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
            assert getattr(found, name).dtype == getattr(expected, name).dtype


def test_nothing_is_left_of_what_is_gone():
    found = Collector().finish(collect(TEXTS).finish(), np.arange(len(TEXTS)))
    assert [len(getattr(found, name)) for name in ARRAYS] == [0, 0, 1, 0, 0, 0, 0]
    assert found.search(["cat"], 3) == []


def test_a_damaged_array_is_never_a_pickle(tmp_path):
    collect(TEXTS).save(tmp_path)
    np.save(tmp_path / "keys.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        Postings.load(tmp_path)
