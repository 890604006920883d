"""Summarisation: a long text in, a short one out, by an encoder–decoder or by any decoder that is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from langue.metrics.rouge import KINDS, rouge, rouge_statistics
from langue.metrics.scripts import one_language
from langue.metrics.significance import Score, as_mean, mean_of
from langue.metrics.translation import Languages
from langue.policies import RewriterPolicy
from langue.tasks.inputs import as_list
from langue.tasks.rewriting.predict import Rewrite


class Summarize(Rewrite):
    """A model that was trained to summarise."""

    name = "summarize"
    policy = RewriterPolicy
    columns = ("text", "summary")
    long = "cut"

    def summarize(self, texts: str | Sequence[str], **options: Any) -> str | list[str]:
        """Summarise one text or many.

        Args:
            texts: what is to be told in short.
            options: the fields of `GenerationSettings`, of which beams is 4 unless said otherwise.

        Returns:
            A string for one text, a list for several.

        Raises:
            LangueError: an option has no such name or value.
        """
        summaries = [result.text for result in self.rewrite(as_list(texts, "a text"), **options)]
        return summaries[0] if isinstance(texts, str) else summaries

    def counted(
        self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None
    ) -> tuple[str, np.ndarray, Score]:
        """The metric that a student is compared with its teacher by: its name, (texts, k) counts, and how their sum
        becomes a score."""
        scores = rouge_statistics(predicted, expected, language=one_language(languages))
        return "rouge_l", as_mean(scores[:, KINDS.index("rouge_l")]), mean_of

    def score(self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None) -> dict[str, float]:
        """ROUGE-1, ROUGE-2 and ROUGE-L, mean F1 over texts."""
        return rouge(predicted, expected, language=one_language(languages))
