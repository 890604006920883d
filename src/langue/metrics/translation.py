"""Scores of translations by sacreBLEU: BLEU, chrF and TER, with their signatures.

They are on the scale that everyone prints, 0 to 100 (TER may pass it, and lower is better), and not fractions of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from langue.errors import LangueError
from langue.extra import need
from langue.metrics.check import check_columns

TranslationKind = Literal["bleu", "chrf", "ter"]

KINDS: tuple[TranslationKind, ...] = ("bleu", "chrf", "ter")

References = Sequence[str] | Sequence[Sequence[str]]
"""One text for each prediction, or for each the same number of them."""


class TranslationMetric:
    """A metric of sacreBLEU (Post 2018): BLEU (Papineni et al. 2002), chrF (Popović 2015) or TER (Snover et al. 2006).

    Args:
        kind: bleu, chrf (chrF2) or ter.
        language: target language, by its code; BLEU splits Chinese (zh), Japanese (ja) and Korean (ko) in their own
            ways, the latter two with packages that sacreBLEU names.

    Raises:
        LangueError: sacreBLEU, or what it needs for the language, is not installed.
    """

    def __init__(self, kind: TranslationKind, language: str | None = None):
        self.kind = kind
        self.metric = _make(kind, language)

    def corpus(self, predicted: Sequence[str], expected: References) -> float:
        """Of all sentences together.

        Raises:
            LangueError: nothing to score, or columns of different lengths.
        """
        return self.score(self.statistics(predicted, expected).sum(0))

    def statistics(self, predicted: Sequence[str], expected: References) -> np.ndarray:
        """(sentences, k) counts, whose sums `score` takes: what a significance test wants.

        Raises:
            LangueError: nothing to score, or columns of different lengths.
        """
        check_columns(predicted, expected)
        each = [[text] if isinstance(text, str) else list(text) for text in expected]
        if len({len(texts) for texts in each}) > 1:
            raise LangueError("each prediction needs the same number of references")
        columns = [list(column) for column in zip(*each, strict=True)]
        # The same counts that sacreBLEU's own significance tests resample.
        return np.array(self.metric._extract_corpus_statistics(list(predicted), columns), dtype=np.float64)

    def score(self, sums: np.ndarray) -> float:
        """From summed statistics (k,) to the score."""
        return float(self.metric._compute_score_from_stats(sums.tolist()).score)

    @property
    def signature(self) -> str:
        """How it was counted, as sacreBLEU prints it; known after the first corpus."""
        return str(self.metric.get_signature())


def translation_scores(
    predicted: Sequence[str], expected: References, language: str | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores and signatures by name: bleu, chrf and ter.

    Raises:
        LangueError: nothing to score, columns of different lengths, or sacreBLEU is not installed.
    """
    metrics = [TranslationMetric(kind, language) for kind in KINDS]
    scores: dict[str, float] = {metric.kind: metric.corpus(predicted, expected) for metric in metrics}
    return scores, {metric.kind: metric.signature for metric in metrics}


def _make(kind: TranslationKind, language: str | None) -> Any:
    metrics = need("sacrebleu.metrics", "metrics", "judging translations")
    if kind == "bleu":
        # Text that comes out of a model is what it is, whatever its full stops look like.
        try:
            return metrics.BLEU(trg_lang=language or "", force=True)
        except RuntimeError as error:
            raise LangueError(" ".join(str(error).split())) from None
    return metrics.CHRF() if kind == "chrf" else metrics.TER()
