"""Answers that are labels, held against the right ones: by label, and against scikit-learn's numbers."""

import numpy as np
import pytest
import sklearn.metrics as sklearn

from langue.errors import LangueError
from langue.metrics.judgements import judged_choices, judged_entities, judged_labels, judged_sets, judged_words
from langue.metrics.spans import f1_spans

LABELS = ("a", "b", "c")
DRAWS = np.random.default_rng(0)
SHARES, RIGHT = DRAWS.dirichlet(np.ones(3), 60), DRAWS.integers(3, size=60)


def lowest(right, confidence, precision):
    """The lowest threshold of scikit-learn's curve that has the precision, and its recall."""
    precisions, recalls, thresholds = sklearn.precision_recall_curve(right, confidence)
    good = [place for place in range(len(thresholds)) if precisions[place] >= precision]
    return None if not good else (thresholds[good[0]], recalls[good[0]])


def assert_takes_the_same(point, theirs, confidence):
    """Thresholds have few digits, which part the same answers."""
    assert (point is None) == (theirs is None)
    if point is not None:
        assert np.array_equal(confidence >= point.threshold, confidence >= theirs[0])
        assert point.recall == pytest.approx(theirs[1])


def test_one_label_each_is_judged_as_by_scikit_learn():
    judging = judged_labels(LABELS, SHARES, RIGHT).result(precision=0.6)
    answers = SHARES.argmax(1)
    columns = np.transpose(sklearn.precision_recall_fscore_support(RIGHT, answers, zero_division=0))
    ours = [[score.precision, score.recall, score.f1, score.support] for score in judging.labels.values()]
    np.testing.assert_allclose(ours, columns)
    assert np.array_equal(judging.confusion.counts, sklearn.confusion_matrix(RIGHT, answers))
    assert judging.calibration.brier == pytest.approx(sklearn.brier_score_loss(RIGHT, SHARES))
    assert sum(part.count for part in judging.calibration.bins) == 60
    for number, label in enumerate(LABELS):
        theirs, point = lowest(number == RIGHT, SHARES[:, number], 0.6), judging.thresholds.labels[label]
        assert_takes_the_same(point, theirs, SHARES[:, number])
    assert any(judging.thresholds.labels.values())


def test_a_threshold_for_all_labels_finds_a_share_of_all_rows():
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    point = judged_labels("ab", shares, np.array([0, 0, 0, 1])).result(precision=1.0).thresholds.all
    assert (point.threshold, point.recall, point.count) == (0.8, 0.5, 2)


def test_several_labels_are_judged_one_by_one():
    shares, right = DRAWS.random((40, 3)), DRAWS.random((40, 3)) < 0.4
    judging = judged_sets(LABELS, shares, right, 0.5).result(precision=0.5)
    columns = np.transpose(sklearn.precision_recall_fscore_support(right, shares >= 0.5, zero_division=0))
    ours = [[score.precision, score.recall, score.f1, score.support] for score in judging.labels.values()]
    np.testing.assert_allclose(ours, columns)
    assert judging.confusion is None
    binary = [sklearn.brier_score_loss(right[:, number], shares[:, number]) for number in range(3)]
    assert judging.calibration.brier == pytest.approx(np.mean(binary))
    theirs, point = lowest(right.ravel(), shares.ravel(), 0.5), judging.thresholds.all
    assert_takes_the_same(point, theirs, shares.ravel())


def test_choices_have_no_labels_but_probabilities():
    judging = judged_choices([np.array([0.9, 0.1]), np.array([0.2, 0.3, 0.5])], [0, 1]).result(precision=1.0)
    assert judging.labels == {}
    assert judging.confusion is None
    assert judging.thresholds.all.count == 1
    assert judging.calibration.brier == pytest.approx((2 * 0.01 + 0.04 + 0.49 + 0.25) / 2)


def test_words_are_judged_each():
    shares = [SHARES[:20], SHARES[20:60]]
    words = judged_words(LABELS, shares, [RIGHT[:20], RIGHT[20:60]]).result(precision=0.6)
    assert words == judged_labels(LABELS, SHARES, RIGHT).result(precision=0.6)


TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def one_hot(*rows):
    """(words, labels) in which each word's tag has its share, and the others the rest."""
    table = np.full((len(rows), len(TAGS)), 0.0)
    for row, (tag, share) in zip(table, rows, strict=True):
        row[:] = (1 - share) / (len(TAGS) - 1)
        row[TAGS.index(tag)] = share
    return table


def test_entities_are_right_as_a_whole_and_as_sure_as_their_least_sure_word():
    shares = [
        one_hot(("B-PER", 0.9), ("I-PER", 0.6), ("O", 0.8), ("B-LOC", 0.7)),
        one_hot(("B-PER", 0.95), ("O", 0.5)),
    ]
    right = [["B-PER", "I-PER", "O", "O"], ["B-PER", "I-PER"]]
    judgements = judged_entities(TAGS, shares, [[TAGS.index(tag) for tag in row] for row in right])
    judging = judgements.result(precision=0.5)
    assert list(judging.labels) == ["PER", "LOC"]
    person = judging.labels["PER"]
    assert (person.precision, person.recall, person.support) == (0.5, 0.5, 2)
    assert judging.labels["LOC"].support == 0
    answers = [[TAGS[number] for number in row.argmax(1)] for row in shares]
    assert person.f1 == f1_spans([[tag if "LOC" not in tag else "O" for tag in row] for row in answers], right)
    # Of two persons the surer one is wrong.
    assert judging.thresholds.labels["PER"].threshold == pytest.approx(0.6)
    assert judging.thresholds.labels["LOC"] is None
    assert judging.confusion.labels == TAGS
    assert sum(map(sum, judging.confusion.counts)) == 6


def test_a_kind_that_was_never_answered_has_no_threshold():
    judgements = judged_entities(TAGS, [one_hot(("O", 0.9))], [[TAGS.index("B-PER")]])
    assert judgements.result(precision=0.9).thresholds.labels == {"PER": None, "LOC": None}
    assert judgements.result().thresholds is None


def test_a_precision_that_cannot_be_is_a_sentence():
    with pytest.raises(LangueError, match="a share above 0"):
        judged_labels(LABELS, SHARES, RIGHT).result(precision=90)
