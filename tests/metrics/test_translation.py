"""BLEU, chrF and TER are sacreBLEU's, by way of sums over sentences."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import sacrebleu

from langue.errors import LangueError
from langue.metrics.scripts import language_in
from langue.metrics.translation import TranslationMetric, _tokenizer, translation_statistics

PREDICTED = ["The dog bit the man .", "It was not unexpected.", "The man had bitten him just before.", ""]
EXPECTED = ["The dog bit the man.", "No one was surprised.", "The man had bitten him just before!", "Well."]
OTHERS = ["The dog had bitten the man.", "It did not surprise anyone.", "The man bit him first.", "Good."]


def test_scores_and_signatures_are_sacrebleus():
    statistics = translation_statistics(PREDICTED, EXPECTED)
    scores, signatures = statistics.scores(), statistics.signatures
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(PREDICTED, [EXPECTED]).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(PREDICTED, [EXPECTED]).score)
    assert scores["ter"] == pytest.approx(sacrebleu.corpus_ter(PREDICTED, [EXPECTED]).score)
    assert signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert signatures["ter"].startswith("nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:")


def test_several_references():
    statistics = translation_statistics(PREDICTED, list(zip(EXPECTED, OTHERS, strict=True)))
    scores, signatures = statistics.scores(), statistics.signatures
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
    assert found == TranslationMetric("bleu").corpus(predicted, expected)  # as its script tells
    assert found > TranslationMetric("bleu", "en").corpus(predicted, expected)


def test_mistakes_are_said():
    with pytest.raises(LangueError, match="nothing to score"):
        translation_statistics([], [])
    with pytest.raises(LangueError, match="same number of references"):
        TranslationMetric("bleu").statistics(["a", "b"], [["a"], ["b", "c"]])
    assert np.isfinite(TranslationMetric("ter").corpus(["a"], ["b"]))


CHINESE = ["今天天气很好，我们去学校。", "他在写一封信。"], ["今天天气很好，我们去公园。", "他写了一封信。"]
JAPANESE = ["今日は天気がいいです。"], ["今日は天気が悪いです。"]
THAI = ["วันนี้อากาศดี"], ["วันนี้อากาศไม่ดี"]


@pytest.mark.parametrize("language", ["zh", "zh-CN", "zho_Hans", "zh_CN", "cmn", ">>cmn_Hans<<", "Chinese", None])
def test_chinese_is_chinese_whatever_it_is_called(language):
    predicted, expected = CHINESE
    statistics = translation_statistics(predicted, expected, language)
    scores, signatures = statistics.scores(), statistics.signatures
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(predicted, [expected], tokenize="zh").score)
    ter = sacrebleu.corpus_ter(predicted, [expected], normalized=True, asian_support=True).score
    assert scores["ter"] == pytest.approx(ter)
    assert 0 < ter < 50
    assert "tok:zh|" in signatures["bleu"]
    assert "norm:yes|punct:yes|asian:yes" in signatures["ter"]


@pytest.mark.parametrize("language", ["th", "khm_Khmr", "lo", "my_MM", "bo"])
def test_scripts_without_spaces_are_split_by_characters(language):
    predicted, expected = THAI
    statistics = translation_statistics(predicted, expected, language)
    scores, signatures = statistics.scores(), statistics.signatures
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(predicted, [expected], tokenize="char").score)
    assert 0 < scores["ter"] < 50
    assert "tok:char|" in signatures["bleu"]
    assert "tok:char|" in signatures["ter"]


@pytest.mark.parametrize("language", ["ja", "ja_XX", "ko"])
def test_what_mecab_would_split_is_split_by_characters_without_it_and_that_is_said(language, capsys):
    _tokenizer.cache_clear()
    code = language[:2]
    module = {"ja": "MeCab", "ko": "mecab_ko"}[code]
    statistics = translation_statistics(*JAPANESE, language)
    scores, signatures = statistics.scores(), statistics.signatures
    assert scores["bleu"] > 30
    if importlib.util.find_spec(module) is None:
        assert "tok:char|" in signatures["bleu"]
        assert f"BLEU of {code} is counted by characters" in capsys.readouterr().err
    else:
        assert f"tok:{code}-mecab" in signatures["bleu"]


def test_each_sentence_may_be_of_its_own_language():
    (chinese, *_), (reference, *_) = CHINESE
    predicted, expected = ["The cat sat.", chinese], ["The cat sits.", reference]
    metric = TranslationMetric("bleu", [None, "zh"])
    rows = metric.statistics(predicted, expected)
    np.testing.assert_array_equal(rows[0], TranslationMetric("bleu", "en").statistics(predicted[:1], expected[:1])[0])
    np.testing.assert_array_equal(rows[1], TranslationMetric("bleu", "zh").statistics(predicted[1:], expected[1:])[0])
    assert "tok:13a" in metric.signature
    assert "tok:zh" in metric.signature
    with pytest.raises(LangueError, match="1 predictions for 2 examples"):
        TranslationMetric("bleu", ["zh"]).statistics(predicted, expected)


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["漢字とかな"], "ja"), (["今天"], "zh"), (["hello 世界"], None), ([], None), (["123 ?!"], None),
        (["ສະບາຍດີ"], "lo"), (["안녕하세요"], None), (["សួស្តី"], "km"), (["မင်္ဂလာပါ"], "my"), (["привет"], None),
    ],
)  # fmt: skip
def test_a_script_tells_its_language_where_it_has_no_spaces(texts, language):
    assert language_in(texts) == language
