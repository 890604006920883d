"""Translation: texts of one language in, texts of another out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langue.metrics.significance import CorpusStatistics
from langue.metrics.translation import Languages, translation_statistics
from langue.policies import RewriterPolicy
from langue.tasks.inputs import as_list
from langue.tasks.rewriting.predict import Rewrite


class Translate(Rewrite):
    """A model that translates."""

    name = "translate"
    policy = RewriterPolicy
    columns = ("source", "target")
    long = "split"

    def translate(
        self,
        texts: str | Sequence[str],
        *,
        source_language: str | None = None,
        target_language: str | None = None,
        **options: Any,
    ) -> str | list[str]:
        """Translate one text or many; line by line they stay in their order, and empty ones stay empty.

        Args:
            texts: what is to be translated.
            source_language: from which language, of a model that is told it (NLLB, M2M-100).
            target_language: into which language, of a model that knows several.
            options: the fields of `GenerationSettings`, of which beams is 4 unless said otherwise, and `long`: "split"
                texts that the model has no room for between sentences, or "cut" them.

        Returns:
            A string for one text, a list for several.

        Raises:
            LangueError: an option has no such name or value, or the model does not know the language.
        """
        tags = None if target_language is None else (target_language,)
        options = {"tags": tags, "source_language": source_language, **options}
        translations = [result.text for result in self.rewrite(as_list(texts, "a text"), **options)]
        return translations[0] if isinstance(texts, str) else translations

    def statistics(
        self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None
    ) -> CorpusStatistics:
        """BLEU, chrF and TER, as sacreBLEU has them, from 0 to 100."""
        return translation_statistics(predicted, expected, languages)
