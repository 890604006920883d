"""Summarisation: a long text in, a short one out, by an encoder–decoder or by any decoder that is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langue.data.parallel import Pair
from langue.metrics.rouge import KINDS, rouge_statistics, split_of
from langue.metrics.scripts import one_language
from langue.metrics.significance import CorpusStatistics, as_mean, mean_of
from langue.metrics.translation import Languages
from langue.policies import RewriterPolicy
from langue.tasks.inputs import as_list
from langue.tasks.rewriting.predict import Rewrite
from langue.tasks.summarize.baselines import baselines


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

    def statistics(
        self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None
    ) -> CorpusStatistics:
        """ROUGE-1, ROUGE-2 and ROUGE-L, mean F1 over texts."""
        language = one_language(languages)
        scores = rouge_statistics(predicted, expected, language=language)
        counts = {kind: (as_mean(scores[:, place]), mean_of) for place, kind in enumerate(KINDS)}
        return CorpusStatistics(counts, {"rouge": f"tok:{split_of(language, expected)}|stem:no"})

    def baselines(self, pairs: Sequence[Pair], languages: Languages = None) -> dict[str, dict[str, float]]:
        texts, summaries = [pair.source for pair in pairs], [pair.target for pair in pairs]
        return baselines(texts, summaries, one_language(languages))
