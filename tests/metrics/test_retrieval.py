"""Searches scored against ir-measures on its own example, and against each metric's formula written out in float64."""

import math
import subprocess
import sys

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, R, nDCG

from langue.errors import LangueError
from langue.metrics.retrieval import ranked, retrieval_scores, retrieval_statistics
from langue.metrics.significance import as_mean, bootstrap, mean_of

# The judgements and the run that ir-measures' own tests score.
QRELS = "0 0 D0 0\n0 0 D1 1\n0 0 D2 1\n0 0 D3 2\n0 0 D4 0\n1 0 D0 1\n1 0 D3 2\n1 0 D5 2\n"
RUN = (
    "0 0 D0 1 0.8 run\n0 0 D2 2 0.7 run\n0 0 D1 3 0.3 run\n0 0 D3 4 0.4 run\n0 0 D4 5 0.1 run\n"
    "1 0 D1 1 0.8 run\n1 0 D3 2 0.7 run\n1 0 D4 3 0.3 run\n1 0 D2 4 0.4 run\n"
)
NAMES = ("ndcg@10", "mrr@10", "recall@100", "map", "ndcg@2", "ndcg", "mrr", "recall@2", "map@2")


def example():
    judgements, scores = {}, {}
    for query, document, relevance, _ in ir_measures.read_trec_qrels(QRELS):
        judgements.setdefault(query, {})[document] = relevance
    for query, document, score in ir_measures.read_trec_run(RUN):
        scores.setdefault(query, {})[document] = score
    return {query: ranked(found) for query, found in scores.items()}, judgements


def test_ir_measures_own_example_scores_the_same():
    rankings, judgements = example()
    theirs = [nDCG @ 10, RR @ 10, R @ 100, AP, nDCG @ 2, nDCG, RR, R @ 2, AP @ 2]
    found = retrieval_statistics(rankings, judgements, NAMES)
    for name, measure in zip(NAMES, theirs, strict=True):
        want = ir_measures.iter_calc([measure], ir_measures.read_trec_qrels(QRELS), ir_measures.read_trec_run(RUN))
        assert dict(zip(judgements, found[name], strict=True)) == {each.query_id: each.value for each in want}
    # What trec_eval prints for it.
    assert retrieval_scores(rankings, judgements)["ndcg@10"] == pytest.approx((0.6584645692843067 + 0.33543504) / 2)


def by_hand(ranking, relevance, name):
    kind, _, cutoff = name.partition("@")
    top = ranking[: int(cutoff)] if cutoff else ranking
    hits = [relevance.get(document, 0) > 0 for document in top]
    relevant = sum(grade > 0 for grade in relevance.values())
    if kind == "mrr":
        return 1 / (hits.index(True) + 1) if True in hits else 0.0
    if not relevant:
        return 0.0
    if kind == "recall":
        return sum(hits) / relevant
    if kind == "map":
        return sum(sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits) if hit) / relevant
    gain = [max(0, relevance.get(document, 0)) for document in top]
    ideal = sorted((grade for grade in relevance.values() if grade > 0), reverse=True)[
        : int(cutoff) if cutoff else None
    ]
    first, best = (sum(grade / math.log2(place + 2) for place, grade in enumerate(grades)) for grades in (gain, ideal))
    return first / best


documents = st.lists(st.sampled_from("abcdefghij"), unique=True)
grades = st.dictionaries(st.sampled_from("abcdefghijklm"), st.integers(-1, 3), min_size=1)
queries = st.dictionaries(st.sampled_from(["q1", "q2", "10", "é"]), st.tuples(documents, grades), min_size=1)


@given(queries, st.dictionaries(st.sampled_from(["x1", "x2"]), documents))
def test_each_metric_is_its_formula(judged, unjudged):
    """Documents that are not found or not judged, queries that find nothing, and queries that nobody judged."""
    rankings = {query: found for query, (found, _) in judged.items() if found} | unjudged
    judgements = {query: relevance for query, (_, relevance) in judged.items()}
    scores = retrieval_statistics(rankings, judgements, NAMES)
    for name in NAMES:
        want = [by_hand(found, relevance, name) for found, relevance in judged.values()]
        assert scores[name] == pytest.approx(want, abs=1e-12), name
        assert scores[name].dtype == np.float64


def test_grades_below_zero_end_in_time():
    """In another process: trec_eval's own way with them is to go on for ever, now and then."""
    code = (
        f"from langue.metrics.retrieval import retrieval_statistics\nNAMES = {NAMES}\n"
        "for turn in range(300):\n"
        "    judgements = {'10': {'b': -1, 'k': -1, 'h': -1}, 'q2': {'a': turn % 4, 'm': -1}}\n"
        "    found = retrieval_statistics({'10': list('debf'), 'q2': list('ahicbg')}, judgements, NAMES)\n"
        "    assert found['map'].tolist() == [0.0, float(turn % 4 > 0)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_equal_scores_stand_in_one_order_for_all_metrics():
    scores = {"a": 1.0, "b": 2.0, "c": 1.0, "d": 1.0}
    assert ranked(scores) == ["b", "d", "c", "a"]
    # The order is trec_eval's, whose nDCG of the raw scores is therefore the same.
    judgements = {"q": {"a": 1}}
    want = ir_measures.calc_aggregate([nDCG @ 10], judgements, {"q": scores})[nDCG @ 10]
    found = retrieval_scores({"q": ranked(scores)}, judgements)
    assert found["ndcg@10"] == pytest.approx(want) == pytest.approx(1 / math.log2(5))
    # ir-measures by itself would have the reciprocal rank of "a" as 1/2 here.
    assert found["mrr@10"] == found["map"] == 0.25


def test_values_make_an_interval():
    judgements = {str(query): {"a": 1} for query in range(40)}
    rankings = {str(query): ["a", "b"] if query % 4 else ["b", "a"] for query in range(40)}
    found = bootstrap(as_mean(retrieval_statistics(rankings, judgements)["mrr@10"]), mean_of)
    assert found.score == retrieval_scores(rankings, judgements)["mrr@10"] == 0.875
    assert 0.75 < found.low < 0.875 < found.high < 0.96


@pytest.mark.parametrize(
    ("rankings", "judgements", "names", "says"),
    [
        ({}, {}, ["map"], "no query was judged"),
        ({"q": ["a", "a"]}, {"q": {"a": 1}}, ["map"], "query q has a document twice"),
        ({}, {"q": {"a": 1}}, ["recall"], "no metric 'recall'"),
        ({}, {"q": {"a": 1}}, ["ndcg@0"], "no metric 'ndcg@0'"),
    ],
)
def test_what_cannot_be_scored_is_said(rankings, judgements, names, says):
    with pytest.raises(LangueError, match=says):
        retrieval_scores(rankings, judgements, names)
