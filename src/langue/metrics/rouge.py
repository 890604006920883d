"""ROUGE: how many words, pairs of words and common subsequences a summary shares with a reference.

Of texts in ASCII's letters equal to Google's `rouge-score`, which replicates ROUGE-1.5.5 (Lin 2004), in a fraction of
its time; `rouge-score` sees nothing of other scripts, whose words are counted here as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from langue.metrics.check import check_columns
from langue.metrics.languages import check_language
from langue.metrics.scripts import is_foreign, language_of, spaced

_WORD = re.compile(r"[a-z0-9]+")
_ANY_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff]+[^\W_]*)*")

Stem = Callable[[str], str]
"""Cuts a word's ending; of `rouge-score`'s option, NLTK's `PorterStemmer().stem`."""

KINDS = ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")


class Rouge(NamedTuple):
    """Shares of what was predicted and of what was expected that both have, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


Split = Literal["ascii", "unicode"]
"""The letters of words: ASCII's letters and digits, as `rouge-score` has it, or all letters and digits, where each
letter of a script without spaces is a word."""


def split_of(language: str | None, expected: Sequence[str]) -> Split:
    """The letters of a language's words; where nobody says which it is, most letters of the references decide.

    Raises:
        LangueError: it is no language.
    """
    if language is None:
        return "unicode" if is_foreign(expected) else "ascii"
    check_language(language)
    return "ascii" if language_of(language) in ("en", "eng", "english") else "unicode"


def words(text: str, stem: Stem | None = None, split: Split = "ascii") -> list[str]:
    """Runs of letters and digits in lower case; everything else stands between words.

    Args:
        text: any text.
        stem: applied to words of more than three letters, of ASCII's alone.
        split: which letters.
    """
    if split == "unicode":
        return _ANY_WORD.findall(spaced(unicodedata.normalize("NFC", text).lower()))
    ascii_words = _WORD.findall(text.lower())
    if stem is None:
        return ascii_words
    stemmed = [stem(word) if len(word) > 3 else word for word in ascii_words]
    return [word for word in stemmed if _WORD.fullmatch(word)]


def rouge_n(predicted: Sequence[str], expected: Sequence[str], size: int) -> Rouge:
    """ROUGE-N of two lists of words: how many runs of `size` words they share (Lin 2004, section 2)."""
    mine, theirs = (
        Counter(zip(*(text[place:] for place in range(size)), strict=False)) for text in (predicted, expected)
    )
    return _shares((mine & theirs).total(), max(1, mine.total()), max(1, theirs.total()))


def rouge_l(predicted: Sequence[str], expected: Sequence[str]) -> Rouge:
    """ROUGE-L of two lists of words: the length of their longest common subsequence (Lin 2004, section 3.1)."""
    if not predicted or not expected:
        return Rouge(0.0, 0.0, 0.0)
    common = len(predicted) - _table(expected, predicted)[-1].bit_count()
    return _shares(common, len(predicted), len(expected))


def rouge_lsum(predicted: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> Rouge:
    """ROUGE-L of summaries as sentences of words: each expected sentence against the union of its longest common
    subsequences with all predicted ones (Lin 2004, section 3.2); as in ROUGE-1.5.5, no word counts twice."""
    mine, theirs = (Counter(word for sentence in text for word in sentence) for text in (predicted, expected))
    total_mine, total_theirs = mine.total(), theirs.total()
    if not total_mine or not total_theirs:
        return Rouge(0.0, 0.0, 0.0)
    hits = 0
    for sentence in expected:
        union = sorted({place for other in predicted for place in _common(sentence, other)})
        for word in (sentence[place] for place in union):
            if mine[word] > 0 and theirs[word] > 0:
                hits += 1
                mine[word] -= 1
                theirs[word] -= 1
    return _shares(hits, total_mine, total_theirs)


def rouge_scores(predicted: str, expected: str, stem: Stem | None = None, split: Split = "ascii") -> dict[str, Rouge]:
    """All kinds of one pair of texts: rouge_1, rouge_2, rouge_l, and rouge_lsum, whose sentences are lines."""
    mine, theirs = words(predicted, stem, split), words(expected, stem, split)
    lines = ([words(line, stem, split) for line in text.split("\n") if line] for text in (predicted, expected))
    return {
        "rouge_1": rouge_n(mine, theirs, 1),
        "rouge_2": rouge_n(mine, theirs, 2),
        "rouge_l": rouge_l(mine, theirs),
        "rouge_lsum": rouge_lsum(*lines),
    }


def rouge(
    predicted: Sequence[str], expected: Sequence[str], stem: Stem | None = None, language: str | None = None
) -> dict[str, float]:
    """Mean F1 of each kind over all pairs."""
    means = rouge_statistics(predicted, expected, stem, language).mean(0)
    return {kind: float(mean) for kind, mean in zip(KINDS, means, strict=True)}


def rouge_statistics(
    predicted: Sequence[str], expected: Sequence[str], stem: Stem | None = None, language: str | None = None
) -> np.ndarray:
    """(pairs, 4) F1 of each kind, in the order of `KINDS`: what a significance test wants.

    The language decides what a word is; see `split_of`.
    """
    check_columns(predicted, expected)
    split = split_of(language, expected)
    scores = (rouge_scores(mine, theirs, stem, split) for mine, theirs in zip(predicted, expected, strict=True))
    return np.array([[score[kind].f1 for kind in KINDS] for score in scores])


def _shares(common: int, of_predicted: int, of_expected: int) -> Rouge:
    precision, recall = common / of_predicted, common / of_expected
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Rouge(precision, recall, f1)


def _table(rows: Sequence[str], columns: Sequence[str]) -> list[int]:
    """The table of longest common subsequences, each row as one number (Hyyrö 2004, "Bit-parallel LCS-length").

    Bit j of row i is 0 where the table grows from column j to j + 1: so `len` minus the ones among the first bits is
    the length that stands there. A whole row takes four operations.
    """
    places: dict[str, int] = {}
    for column, word in enumerate(columns):
        places[word] = places.get(word, 0) | 1 << column
    everything = (1 << len(columns)) - 1
    row = everything
    table = [row]
    for word in rows:
        here = row & places.get(word, 0)
        row = ((row + here) | (row - here)) & everything
        table.append(row)
    return table


def _common(rows: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Places in `rows` of one longest common subsequence: the one that ROUGE-1.5.5 finds."""
    table = _table(rows, columns)

    def length(row: int, column: int) -> int:
        return column - (table[row] & ((1 << column) - 1)).bit_count()

    row, column = len(rows), len(columns)
    places = []
    while row and column:
        if rows[row - 1] == columns[column - 1]:
            row, column = row - 1, column - 1
            places.append(row)
        elif length(row, column - 1) > length(row - 1, column):
            column -= 1
        else:
            row -= 1
    return places
