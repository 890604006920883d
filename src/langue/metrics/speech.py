"""Scores of transcripts: word and character error rate, after what is written in several ways is written in one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from langue.extra import need
from langue.metrics.check import check_columns
from langue.metrics.scripts import spaced

Normaliser = Literal["basic", "english", "none"]

_BRACKETED = re.compile(r"[<\[][^>\]]*[>\]]|\([^)]+?\)")


def plain(text: str) -> str:
    """Letters, digits and apostrophes in lower case, one space between words: what a recording alone can tell."""
    kept = (c if unicodedata.category(c)[0] in "LMN" or c == "'" else " " for c in _one_apostrophe(text).lower())
    return " ".join("".join(kept).split())


def _one_apostrophe(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("’", "'")


def basic(text: str) -> str:
    """Whisper's basic normaliser (Radford et al. 2022, appendix C): no brackets, no signs, lower case."""
    text = _BRACKETED.sub("", text.lower())
    kept = (" " if unicodedata.category(c)[0] in "MSP" else c for c in unicodedata.normalize("NFKC", text))
    return re.sub(r"\s+", " ", "".join(kept).lower()).strip()


def normalise(text: str, kind: Normaliser) -> str:
    """A text as it is scored.

    Raises:
        LangueError: Whisper's rules for English are asked for and not installed.
    """
    if kind == "none":
        return " ".join(text.split())
    return basic(text) if kind == "basic" else _english()(text)


@cache
def _english() -> Callable[[str], str]:
    return need("whisper_normalizer.english", "metrics", "a text by Whisper's rules").EnglishTextNormalizer()


def _jiwer() -> Any:
    return need("jiwer", "metrics", "counting misheard words")


def error_statistics(
    predicted: Sequence[str], expected: Sequence[str], kind: Normaliser = "basic"
) -> dict[str, np.ndarray]:
    """(texts, 2) of each metric: errors, and words or characters that should stand there. Sums are what is divided.

    wer and cer are Levenshtein's edits, as jiwer counts them. In scripts without spaces a letter counts as a word, as
    in Whisper's paper.

    Raises:
        LangueError: nothing to score, columns of different lengths, or jiwer is not installed.
    """
    check_columns(predicted, expected)
    jiwer = _jiwer()
    pairs = [(normalise(said, kind), normalise(right, kind)) for said, right in zip(predicted, expected, strict=True)]
    found = {}
    for name, count, part in (("wer", jiwer.process_words, str.split), ("cer", jiwer.process_characters, list)):
        rows = []
        for said, right in pairs:
            if part is str.split:
                said, right = spaced(said), spaced(right)
            if not right:  # of which jiwer knows no rate
                rows.append((len(part(said)), 0))
                continue
            each = count(right, said)
            rows.append((each.substitutions + each.deletions + each.insertions, len(part(right))))
        found[name] = np.array(rows, np.float64)
    return found


class Edit(NamedTuple):
    """A stretch of words that were written as they should, or otherwise; either side may have none."""

    kind: Literal["same", "other"]
    expected: str
    written: str


def edits(written: str, expected: str, kind: Normaliser = "basic") -> list[Edit]:
    """What became of the words of one text, in order.

    Raises:
        LangueError: jiwer is not installed.
    """
    said, right = (spaced(normalise(text, kind)).split() for text in (written, expected))
    if not right or not said:
        return [Edit("other", " ".join(right), " ".join(said))] if right or said else []
    found = _jiwer().process_words(" ".join(right), " ".join(said)).alignments[0]
    return [
        Edit(
            "same" if chunk.type == "equal" else "other",
            " ".join(right[chunk.ref_start_idx : chunk.ref_end_idx]),
            " ".join(said[chunk.hyp_start_idx : chunk.hyp_end_idx]),
        )
        for chunk in found
    ]


def error_rate(sums: np.ndarray) -> float:
    """Errors for each word or character that should stand there; more than 1 where too much was written."""
    return float(sums[0] / sums[1]) if sums[1] else float(sums[0] > 0)


def speech_scores(predicted: Sequence[str], expected: Sequence[str], kind: Normaliser = "basic") -> dict[str, float]:
    """Word and character error rate of a corpus, from 0 up; see `error_statistics`."""
    return {name: error_rate(counts.sum(0)) for name, counts in error_statistics(predicted, expected, kind).items()}
