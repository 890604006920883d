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
    text = unicodedata.normalize("NFC", text).replace("’", "'").lower()
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" or c == "'" else " " for c in text).split())


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
    pairs = [[normalise(text, kind) for text in pair] for pair in zip(predicted, expected, strict=True)]
    words = [_errors(jiwer.process_words, str.split, *map(spaced, pair)) for pair in pairs]
    characters = [_errors(jiwer.process_characters, list, *pair) for pair in pairs]
    return {"wer": np.array(words, np.float64), "cer": np.array(characters, np.float64)}


def _errors(align: Callable, split: Callable, written: str, expected: str) -> tuple[int, int]:
    """The edits from what is expected to what was written, and the words or characters of the former."""
    if not expected:  # of which jiwer knows no rate
        return len(split(written)), 0
    edits = align(expected, written)
    return edits.substitutions + edits.deletions + edits.insertions, len(split(expected))


class Edit(NamedTuple):
    """A stretch of words that were written as they should, or otherwise; either side may have none."""

    kind: Literal["same", "other"]
    expected: str
    written: str


def edits(written: str, expected: str) -> list[Edit]:
    """The words of one text in order, each stretch with what was written for it.

    Raises:
        LangueError: jiwer is not installed.
    """
    words, golds = (spaced(basic(text)).split() for text in (written, expected))
    if not golds or not words:
        return [Edit("other", " ".join(golds), " ".join(words))] if golds or words else []
    chunks = _jiwer().process_words(" ".join(golds), " ".join(words)).alignments[0]
    return [
        Edit(
            "same" if chunk.type == "equal" else "other",
            " ".join(golds[chunk.ref_start_idx : chunk.ref_end_idx]),
            " ".join(words[chunk.hyp_start_idx : chunk.hyp_end_idx]),
        )
        for chunk in chunks
    ]


def error_rate(sums: np.ndarray) -> float:
    """Errors for each word or character that should stand there; more than 1 where too much was written."""
    return float(sums[0] / sums[1]) if sums[1] else float(sums[0] > 0)


def speech_scores(predicted: Sequence[str], expected: Sequence[str], kind: Normaliser = "basic") -> dict[str, float]:
    """Word and character error rate of a corpus, from 0 up; see `error_statistics`."""
    return {name: error_rate(counts.sum(0)) for name, counts in error_statistics(predicted, expected, kind).items()}
