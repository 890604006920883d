"""BLEU, chrF and TER are sacreBLEU's, by way of sums over sentences."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from langue.errors import LangueError
from langue.metrics import TranslationMetric, translation_scores

PREDICTED = ["The dog bit the man .", "It was not unexpected.", "The man had bitten him just before.", ""]
EXPECTED = ["The dog bit the man.", "No one was surprised.", "The man had bitten him just before!", "Well."]
OTHERS = ["The dog had bitten the man.", "It did not surprise anyone.", "The man bit him first.", "Good."]


def test_scores_and_signatures_are_sacrebleus():
    scores, signatures = translation_scores(PREDICTED, EXPECTED)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(PREDICTED, [EXPECTED]).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(PREDICTED, [EXPECTED]).score)
    assert scores["ter"] == pytest.approx(sacrebleu.corpus_ter(PREDICTED, [EXPECTED]).score)
    assert signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert signatures["ter"].startswith("nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:")


def test_several_references():
    scores, signatures = translation_scores(PREDICTED, list(zip(EXPECTED, OTHERS, strict=True)))
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(PREDICTED, [EXPECTED, OTHERS]).score)
    assert signatures["bleu"].startswith("nrefs:2|")


@pytest.mark.parametrize("kind", ["bleu", "chrf", "ter"])
def test_statistics_are_one_row_a_sentence(kind):
    metric = TranslationMetric(kind)
    statistics = metric.statistics(PREDICTED, EXPECTED)
    assert len(statistics) == 4
    part = metric.corpus(PREDICTED[:3], EXPECTED[:3])
    assert metric.score(statistics[:3].sum(0)) == pytest.approx(part)


def test_chinese_is_split_by_characters():
    predicted, expected = ["我喜欢学习语言。"], ["我爱学习语言。"]
    expected_score = sacrebleu.corpus_bleu(predicted, [expected], tokenize="zh").score
    found = TranslationMetric("bleu", "zh").corpus(predicted, expected)
    assert found == pytest.approx(expected_score)
    assert found > TranslationMetric("bleu").corpus(predicted, expected)


def test_mistakes_are_said():
    with pytest.raises(LangueError, match="nothing to score"):
        translation_scores([], [])
    with pytest.raises(LangueError, match="same number of references"):
        TranslationMetric("bleu").statistics(["a", "b"], [["a"], ["b", "c"]])
    assert np.isfinite(TranslationMetric("ter").corpus(["a"], ["b"]))
