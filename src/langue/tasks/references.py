"""Tasks whose texts are held against those that people wrote."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from langue.metrics.significance import CorpusStatistics
from langue.metrics.translation import Languages
from langue.tasks.task import SupervisedTask


class ReferenceTask(SupervisedTask):
    """A task that is measured by how near its texts come to references."""

    @abstractmethod
    def statistics(
        self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None
    ) -> CorpusStatistics:
        """The counts of the task's metrics, text by text.

        Args:
            predicted: what a model wrote.
            expected: what people wrote.
            languages: of the latter, which decides how they are split.

        Raises:
            LangueError: there is nothing to score, or a library is not installed.
        """

    def score(self, predicted: Sequence[str], expected: Sequence[str], *how: Any, **options: Any) -> dict[str, float]:
        """The task's metrics of all texts; the other arguments are those of `statistics`."""
        return self.statistics(predicted, expected, *how, **options).scores()
