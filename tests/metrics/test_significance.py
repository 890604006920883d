"""Intervals and paired tests against sacreBLEU, exact enumeration and coverage by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest, _bootstrap_resample, estimate_ci

from langue.errors import LangueError
from langue.metrics.significance import approximate_randomization, as_mean, bootstrap, mean_of, paired_bootstrap
from langue.metrics.translation import TranslationMetric


def corpora(count=150, seed=0):
    """A reference, and two systems, the second of which errs less often."""
    rng = np.random.default_rng(seed)
    known = [f"word{number}" for number in range(60)]
    expected = [list(rng.choice(known, 12)) for _ in range(count)]

    def system(error):
        return [" ".join(rng.choice(known) if rng.random() < error else word for word in text) for text in expected]

    return [" ".join(text) for text in expected], system(0.25), system(0.21)


@pytest.mark.parametrize(("test", "name"), [(paired_bootstrap, "bs"), (approximate_randomization, "ar")])
def test_bleu_is_tested_as_sacrebleu_tests_it(test, name):
    expected, first, second = corpora()
    metric = TranslationMetric("bleu")
    found = test(
        metric.statistics(first, expected), metric.statistics(second, expected), metric.score, samples=4000, seed=1
    )
    reference = PairedTest(
        [("first", first), ("second", second)], {"BLEU": BLEU(force=True)}, [expected], test_type=name, n_samples=4000
    )()[1]["BLEU"]
    assert (found.first, found.second) == pytest.approx((reference[0].score, reference[1].score))
    # Each is a share of 4000 draws: five standard deviations of their difference.
    share = reference[1].p_value
    assert abs(found.p - share) < 5 * (2 * share * (1 - share) / 4000) ** 0.5 + 1e-3
    assert found.low < found.difference < found.high


def test_an_interval_is_as_wide_as_sacrebleus():
    expected, first, _ = corpora()
    metric = TranslationMetric("bleu")
    statistics = metric.statistics(first, expected)
    found = bootstrap(statistics, metric.score, samples=2000)
    _, scores = _bootstrap_resample(statistics.tolist(), metric.metric, 2000)
    mean, half = estimate_ci(np.array([score.score for score in scores]))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)
    assert (found.high + found.low) / 2 == pytest.approx(mean, abs=half / 5)


def test_randomization_is_the_exact_test_on_few_sentences():
    rng = np.random.default_rng(5)
    first = rng.random(10)
    second = first + rng.normal(0.15, 0.3, 10)
    found = approximate_randomization(as_mean(first), as_mean(second), mean_of, samples=20_000)
    apart = second - first
    signs = np.array(list(itertools.product([-1, 1], repeat=10)))
    exact = (np.abs((signs * apart).mean(1)) >= abs(apart.mean()) - 1e-12).mean()
    assert found.p == pytest.approx(exact, abs=5 * (exact * (1 - exact) / 20_000) ** 0.5)
    assert found.difference == pytest.approx(apart.mean())


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(6)
    inside = 0
    for trial in range(400):
        values = rng.normal(2.0, 1.0, 80)
        found = bootstrap(as_mean(values), mean_of, samples=200, level=0.9, seed=trial)
        inside += found.low <= 2.0 <= found.high
    assert 0.85 < inside / 400 < 0.94


@pytest.mark.parametrize("test", [paired_bootstrap, approximate_randomization])
def test_equal_systems_are_rejected_as_seldom_as_the_level_says(test):
    rng = np.random.default_rng(7)
    rejected = 0
    for trial in range(300):
        first, second = rng.random((2, 40))
        rejected += test(as_mean(first), as_mean(second), mean_of, samples=200, seed=trial).p < 0.1
    assert 0.04 < rejected / 300 < 0.17


@pytest.mark.parametrize("test", [paired_bootstrap, approximate_randomization])
def test_a_system_does_not_differ_from_itself(test):
    values = as_mean(np.arange(10.0))
    found = test(values, values, mean_of, samples=100)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_the_seed_decides():
    values = as_mean(np.random.default_rng(0).random(30))
    first, again, other = (bootstrap(values, mean_of, samples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_many_sentences_need_little_memory():
    values = as_mean(np.random.default_rng(0).random(300_000))
    found = bootstrap(values, mean_of, samples=20)
    assert found.low < found.score < found.high


def test_mistakes_are_said():
    with pytest.raises(LangueError, match="no sentences"):
        bootstrap(np.zeros((0, 2)), mean_of)
    with pytest.raises(LangueError, match="2 and 3 outputs"):
        paired_bootstrap(np.ones((2, 2)), np.ones((3, 2)), mean_of)


@pytest.mark.parametrize("test", [paired_bootstrap, approximate_randomization])
def test_what_is_no_number_is_no_proof(test):
    rows = as_mean(np.array([1.0, np.nan, 2.0]))
    with pytest.raises(LangueError, match="1 of 6 counts are not numbers"):
        test(rows, rows, mean_of)
    with pytest.raises(LangueError, match="1 of 6 counts"):
        bootstrap(rows, mean_of)
    good = as_mean(np.array([1.0, 2.0]))
    with pytest.raises(LangueError, match="samples must be at least 1, not 0"):
        test(good, good, mean_of, samples=0)
