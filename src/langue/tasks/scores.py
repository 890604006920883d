"""Scores of texts that were written against texts that people wrote."""

from __future__ import annotations

from collections.abc import Sequence


def translation_scores(predicted: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    """BLEU, chrF and TER of a corpus, as sacreBLEU has them."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    found, right = list(predicted), [list(expected)]
    metrics = {"bleu": BLEU(), "chrf": CHRF(), "ter": TER()}
    return {name: metric.corpus_score(found, right).score for name, metric in metrics.items()}


def summary_scores(predicted: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    return {}
