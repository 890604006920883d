"""Tasks whose answers are right or wrong: what they answered to labelled rows, with the probabilities behind it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.metrics.judgements import Judgements
from langue.settings import Settings
from langue.tasks.task import SupervisedTask
from langue.training.device import autocast


class Stretch(Settings):
    """A stretch of a text."""

    text: str
    """As it was read."""
    expected: str = ""
    """The right label of a word that was labelled wrongly."""
    answered: str = ""
    """And the model's."""


class WrongAnswer(Settings):
    """A row that was answered wrongly."""

    place: str
    """That of the row."""
    text: tuple[Stretch, ...]
    """That which was read."""
    expected: str = ""
    """The right answer; empty where it stands in the text."""
    answered: str = ""
    """The model's."""
    confidence: float
    """Its probability, of several the greatest."""
    wrong: int = 1
    """The number of things in it that are wrong."""


class JudgedRows(NamedTuple):
    """A model's answers to labelled rows.

    Attributes:
        loss: mean of all.
        answers: as `predict` gives them.
        expected: the right ones, in the same form.
        judgements: by label; None of answers that are numbers.
        mistakes: the worst first: those with most wrong, then those that the model was surest of.
    """

    loss: float
    answers: list[Any]
    expected: list[Any]
    judgements: Judgements | None
    mistakes: list[WrongAnswer]


class JudgingTask(SupervisedTask):
    """A task that is measured on labelled rows by how many of its answers are right."""

    @abstractmethod
    def judged(self, rows: Sequence[Labelled]) -> JudgedRows:
        """The answers to labelled rows, of which there are some.

        Raises:
            LangueError: a label of one is unknown.
        """

    @abstractmethod
    def score(self, predicted: Sequence[Any], expected: Sequence[Any]) -> dict[str, float]:
        """Metrics of answers against the right ones."""

    def judge(self, rows: Sequence[Labelled], precision: str = "fp32") -> JudgedRows:
        """The answers to labelled rows, and all that can be said of them.

        Raises:
            LangueError: there are no rows, or a label of one is unknown.
        """
        if not rows:
            raise LangueError("there are no rows to evaluate on")
        with autocast(self.model.device, precision):
            return self.judged(rows)

    def evaluate(self, rows: Sequence[Labelled], precision: str = "fp32") -> tuple[dict[str, float], list[Any]]:
        """Metrics on labelled rows, the mean loss among them, and the answers.

        Raises:
            LangueError: there are no rows, or a label of one is unknown.
        """
        judged = self.judge(rows, precision)
        return self.metrics_of(judged), judged.answers

    def metrics_of(self, judged: JudgedRows) -> dict[str, float]:
        """The mean loss, and metrics of the answers."""
        return {"loss": judged.loss, **self.score(judged.answers, judged.expected)}


def worst_first(mistakes: Sequence[WrongAnswer]) -> list[WrongAnswer]:
    """Mistakes by how much is wrong, and then by how sure the model was."""
    return sorted(mistakes, key=lambda mistake: (-mistake.wrong, -mistake.confidence))
