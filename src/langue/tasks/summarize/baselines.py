"""Summaries that take no model, which one has to beat."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langue.metrics.rouge import KINDS, rouge, rouge_statistics

_SENTENCE = re.compile(r"(?<=[.!?؟।])\s+|(?<=[。！？｡])\s*|\n+")


def baselines(
    texts: Sequence[str], summaries: Sequence[str], language: str | None = None
) -> dict[str, dict[str, float]]:
    """Scores of summaries without a model: a text's first sentence (lead), and, with the summary in hand, the sentence
    of it that scores best (oracle), which no extract of one sentence can beat."""
    sentences = [[part.strip() for part in _SENTENCE.split(text) if part.strip()] or [text] for text in texts]
    chosen = {
        "lead": [parts[0] for parts in sentences],
        "oracle": [_best(parts, summary, language) for parts, summary in zip(sentences, summaries, strict=True)],
    }
    return {name: rouge(predicted, summaries, language=language) for name, predicted in chosen.items()}


def _best(sentences: Sequence[str], summary: str, language: str | None) -> str:
    scores = rouge_statistics(sentences, [summary] * len(sentences), language=language)
    return sentences[int(scores[:, KINDS.index("rouge_l")].argmax())]
