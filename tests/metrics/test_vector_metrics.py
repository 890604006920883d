"""Similarities, duplicates and groups against scikit-learn, torch and sentence-transformers' evaluator."""

import numpy as np
import pytest
import sklearn.cluster
import sklearn.metrics
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator

from langue.errors import LangueError
from langue.metrics.answers import best_threshold, squad_v2
from langue.metrics.retrieval import ranked
from langue.metrics.similarity import average_precision, best_f1, cosines, k_means, v_measure

coarse = st.integers(0, 4).map(float)
pairs = st.lists(st.tuples(coarse | st.floats(0, 4), st.booleans()), min_size=1, max_size=40)
labels = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), min_size=1, max_size=40)


def test_cosines_are_torchs():
    first, second = np.random.default_rng(0).normal(size=(2, 20, 7)).astype(np.float32)
    first[3] = 0
    want = torch.cosine_similarity(torch.from_numpy(first).double(), torch.from_numpy(second).double())
    assert cosines(first, second) == pytest.approx(want.numpy(), abs=1e-12)


@given(pairs)
def test_average_precision_is_scikit_learns(rows):
    scores, positive = zip(*rows, strict=True)
    if any(positive):
        want = sklearn.metrics.average_precision_score(positive, scores)
        assert average_precision(scores, positive) == pytest.approx(want, abs=1e-12)


@settings(deadline=None)
@given(pairs)
@example([(5e-324, True), (0.0, False)])
def test_no_threshold_reaches_more_than_the_best(rows):
    scores, positive = zip(*rows, strict=True)
    if not any(positive):
        return
    found = best_f1(scores, positive)

    def scored(threshold):
        said = [score >= threshold for score in scores]
        return sklearn.metrics.precision_recall_fscore_support(positive, said, average="binary", zero_division=0)

    assert max(scored(threshold)[2] for threshold in scores) == pytest.approx(found.f1, abs=1e-12)
    assert scored(found.threshold)[:3] == pytest.approx((found.precision, found.recall, found.f1), abs=1e-12)


def test_best_f1_is_sentence_transformers_where_no_scores_are_equal():
    rng = np.random.default_rng(1)
    positive = rng.random(300) < 0.4
    scores = rng.normal(size=300) + positive
    want = BinaryClassificationEvaluator.find_best_f1_and_threshold(scores, positive, high_score_more_similar=True)
    found = best_f1(scores, positive)
    assert (found.f1, found.precision, found.recall, found.threshold) == pytest.approx(want, abs=1e-12)


@given(labels)
def test_v_measure_is_scikit_learns(rows):
    predicted, expected = zip(*rows, strict=True)
    want = sklearn.metrics.v_measure_score(expected, predicted)
    assert v_measure(predicted, expected) == pytest.approx(want, abs=1e-9)


def test_groups_that_lie_apart_are_found_and_found_again():
    rng = np.random.default_rng(2)
    truth = np.arange(90) % 3
    vectors = rng.normal(size=(90, 5)) * 0.1 + np.eye(5)[truth] * 3
    found = k_means(vectors, 3)
    assert v_measure(found, truth.tolist()) == pytest.approx(1.0)
    noise = rng.normal(size=(90, 5))
    assert k_means(noise, 7, seed=3) == k_means(noise, 7, seed=3)
    # Ten beginnings are at least as good as scikit-learn's single one.
    theirs = sklearn.cluster.KMeans(7, n_init=1, random_state=3).fit(noise)
    centres = np.stack([noise[np.array(k_means(noise, 7, seed=3)) == group].mean(0) for group in range(7)])
    assert ((noise - centres[k_means(noise, 7, seed=3)]) ** 2).sum() <= theirs.inertia_ + 1e-9


def test_what_cannot_be_scored_is_said():
    with pytest.raises(LangueError, match="no pair is a duplicate"):
        best_f1([0.5], [False])
    with pytest.raises(LangueError, match="2 vectors do not make 3 groups"):
        k_means(np.zeros((2, 4)), 3)
    with pytest.raises(LangueError, match="nothing to score"):
        cosines(np.zeros((0, 4)), np.zeros((0, 4)))


def test_what_is_no_number_has_no_place_in_an_order():
    scores = [0.5, float("nan"), 0.1]
    for metric in (average_precision, best_f1):
        with pytest.raises(LangueError, match="1 of 3 scores are not numbers"):
            metric(scores, [True, False, True])
    with pytest.raises(LangueError, match="1 of 3 scores"):
        ranked(dict(zip("abc", scores, strict=True)))
    with pytest.raises(LangueError, match="1 of 4 numbers in vectors"):
        k_means(np.array([[1.0, np.nan], [0.0, 1.0]]), 2)
    for measure in (squad_v2, best_threshold):
        with pytest.raises(LangueError, match="1 of 1 no_answer"):
            measure(["a"], [["a"]], [float("nan")])
