"""Scores of translations by sacreBLEU: BLEU, chrF and TER, with their signatures.

They are on the scale that everyone prints, 0 to 100 (TER may pass it, and lower is better), and not fractions of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np

from langue.console import say
from langue.errors import LangueError
from langue.extra import need
from langue.metrics.check import check_columns
from langue.metrics.languages import check_language
from langue.metrics.scripts import CODES, language_in, language_of
from langue.metrics.significance import CorpusStatistics, Score

TranslationKind = Literal["bleu", "chrf", "ter"]

KINDS: tuple[TranslationKind, ...] = ("bleu", "chrf", "ter")

References = Sequence[str] | Sequence[Sequence[str]]
"""One text for each prediction, or for each the same number of them."""


Languages = str | Sequence[str | None] | None
"""The language that is written, by its code: one of all texts, or of each; None goes by the references' script."""

TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab", "th": "char", "lo": "char", "my": "char", "km": "char"}
"""The tokenizers by which BLEU splits languages whose words are not parted by spaces alone; others as mteval-v13a."""

ASIAN = ("zh", "ja")
"""Languages that TER knows how to split."""


class TranslationMetric:
    """A metric of sacreBLEU (Post 2018): BLEU (Papineni et al. 2002), chrF (Popović 2015) or TER (Snover et al. 2006).

    Args:
        kind: bleu, chrf (chrF2) or ter.
        language: what is written. BLEU splits Chinese in its own way, Japanese and Korean by MeCab or, without it, as
            Thai, Lao, Burmese, Khmer and Tibetan by characters; TER splits Chinese and Japanese by its Asian rules, and
            those others by characters.
        sentences: it scores single sentences: BLEU leaves out n-grams that a sentence is too short for.

    Raises:
        LangueError: sacreBLEU is not installed.
    """

    def __init__(self, kind: TranslationKind, language: Languages = None, *, sentences: bool = False):
        self.kind, self.language = kind, language
        self._used: dict[str | None, _Split] = {}
        self._sentences = sentences
        # Whose score is a function of counts alone, however texts were split.
        self.metric = _Split(kind, None, sentences).metric

    def corpus(self, predicted: Sequence[str], expected: References) -> float:
        """The score of all sentences together."""
        return self.score(self.statistics(predicted, expected).sum(0))

    def statistics(self, predicted: Sequence[str], expected: References) -> np.ndarray:
        """(sentences, k) counts, whose sums `score` takes: what a significance test wants."""
        check_columns(predicted, expected)
        references = [[text] if isinstance(text, str) else list(text) for text in expected]
        if len({len(texts) for texts in references}) > 1:
            raise LangueError("each prediction needs the same number of references")
        languages = languages_of(self.language, references)
        self._used = {language: _Split(self.kind, language, self._sentences) for language in dict.fromkeys(languages)}
        rows: dict[int, Any] = {}
        for language, split in self._used.items():
            numbers = [number for number, own in enumerate(languages) if own == language]
            counts = split.statistics([predicted[n] for n in numbers], [references[n] for n in numbers])
            rows |= dict(zip(numbers, counts, strict=True))
        return np.array([rows[number] for number in range(len(rows))], dtype=np.float64)

    def score(self, sums: np.ndarray) -> float:
        """From summed statistics (k,) to the score."""
        return float(self.metric._compute_score_from_stats(sums.tolist()).score)

    @property
    def signature(self) -> str:
        """The way of counting, as sacreBLEU prints it, for each language; known after the first corpus."""
        return " + ".join(dict.fromkeys(split.signature for split in self._used.values()))


def languages_of(language: Languages, expected: Sequence[Sequence[str]]) -> list[str | None]:
    """The language of each sentence that decides how it is split; None where spaces do.

    What nobody says is told by the script of the references that nobody says it of.

    Raises:
        LangueError: there are not as many languages as sentences, or one is no language.
    """
    names = [language] * len(expected) if language is None or isinstance(language, str) else list(language)
    check_columns(names, expected)
    for name in {name for name in names if name is not None}:
        check_language(name)
    written = language_in(text for texts, name in zip(expected, names, strict=True) if name is None for text in texts)
    codes = [written if name is None else language_of(name) for name in names]
    return [code if code in CODES else None for code in codes]


class _Split:
    """A metric of sacreBLEU for one language."""

    def __init__(self, kind: TranslationKind, language: str | None, sentences: bool):
        library = need("sacrebleu.metrics", "metrics", "judging translations")
        self.characters = False
        if kind == "bleu":
            # Text that comes out of a model is what it is, whatever its full stops look like.
            self.metric = library.BLEU(tokenize=_tokenizer(language), force=True, effective_order=sentences)
        elif kind == "chrf":
            self.metric = library.CHRF()
        else:
            asian = language in ASIAN
            self.characters = language is not None and not asian and language != "ko"
            self.metric = library.TER(normalized=asian, asian_support=asian)

    def statistics(self, predicted: Sequence[str], expected: Sequence[Sequence[str]]) -> Any:
        columns = [list(column) for column in zip(*expected, strict=True)]
        if self.characters:
            predicted = list(map(" ".join, predicted))
            columns = [list(map(" ".join, column)) for column in columns]
        # The same counts that sacreBLEU's own significance tests resample.
        return self.metric._extract_corpus_statistics(list(predicted), columns)

    @property
    def signature(self) -> str:
        signature = str(self.metric.get_signature())
        return signature.replace("tok:tercom", "tok:char") if self.characters else signature


@cache
def _tokenizer(language: str | None) -> str:
    """SacreBLEU's name of what splits a language."""
    name = "13a" if language is None else TOKENIZERS.get(language, "char")
    try:
        need("sacrebleu.metrics", "metrics", "judging translations").BLEU(tokenize=name)
    except (RuntimeError, ImportError):
        say(f"BLEU of {language} is counted by characters, since MeCab is lacking: pip install 'sacrebleu[{language}]'")
        return "char"
    return name


def translation_statistics(
    predicted: Sequence[str], expected: References, language: Languages = None
) -> CorpusStatistics:
    """The counts of bleu, chrf and ter, with their signatures.

    Raises:
        LangueError: nothing to score, columns of different lengths, or sacreBLEU is not installed.
    """
    metrics = [TranslationMetric(kind, language) for kind in KINDS]
    counts: dict[str, tuple[np.ndarray, Score]] = {
        metric.kind: (metric.statistics(predicted, expected), metric.score) for metric in metrics
    }
    return CorpusStatistics(counts, {metric.kind: metric.signature for metric in metrics})
