"""The answer task: a question and a text in, the piece of the text that answers it out."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langue.account import reported
from langue.batch import Example
from langue.data.examples import Examples
from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.metrics.answers import squad_v1, squad_v2
from langue.models import Model
from langue.tasks.answer.data import Window, answers_of, check, encoded_windows, windows_of
from langue.tasks.answer.objective import Extract, span_scores
from langue.tasks.answer.settings import AnswerRecipe, AnswerSettings
from langue.tasks.framing import outputs_of
from langue.tasks.inputs import as_list
from langue.tasks.task import SupervisedTask
from langue.text import Tokenizer
from langue.training.device import autocast


@dataclass(frozen=True)
class AnswerSpan:
    """A piece of a text.

    Attributes:
        text: as it stands there; empty for no answer.
        start: its first character.
        score: of its first and last token together; the higher the likelier.
    """

    text: str
    start: int
    score: float


class Answer(SupervisedTask):
    """A model that finds answers.

    Args:
        model: one with a classifier that gives each position two scores.
        tokenizer: the one it was trained with.
        settings: how texts are cut and answers put together.

    Raises:
        LangueError: the model has no such head.
    """

    name = "answer"
    measured_on = "rows"
    measure_options = ("columns", "predictions", "benchmark", "split")
    loss_unit = "stretch of a text"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: AnswerSettings | None = None):
        head = model.config.classifier
        if head is None or head.level != "position" or head.outputs != 2:
            raise LangueError("the model has no head that finds answers; train it with task: answer first")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings or AnswerSettings()

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: AnswerRecipe | None = None) -> Answer:
        return cls(pretrained.model, tokenizer, None if recipe is None else recipe.answer)

    def objective(self) -> Extract:
        return Extract()

    def examples(self, rows: Sequence[Labelled]) -> Sequence[Example]:
        return Examples(encoded_windows(self.tokenizer, rows, self.settings, self.model.config.context))

    def answer(
        self, question: str | Sequence[str], context: str | Sequence[str], *, top: int = 1, scores: bool = False
    ) -> Any:
        """Find the answer of one question in one text, or of many in as many.

        Args:
            question: one or many.
            context: the text of each.
            top: how many answers.
            scores: tell where each stands and its score.

        Returns:
            The answer's text, "" for none; with `top` above 1 a list, the best first; with `scores` mappings
            `{"text": …, "start": …, "score": …}` in their place. One answer for one question, a list for a list.

        Raises:
            LangueError: a question or a text is empty, or there are not as many of one as of the other.
        """
        is_single = isinstance(question, str)
        questions, contexts = (as_list(texts, "a text") for texts in (question, context))
        if len(questions) != len(contexts):
            raise LangueError(f"there are {len(questions)} questions and {len(contexts)} texts; give one for each")
        rows = [
            Labelled(f"question {number}", {"question": query, "context": text})
            for number, (query, text) in enumerate(zip(questions, contexts, strict=True), 1)
        ]
        answers = [self._texts_of(spans[:top], top, scores) for spans in self.find(rows)]
        return answers[0] if is_single else answers

    @staticmethod
    def _texts_of(spans: Sequence[AnswerSpan], top: int, scores: bool) -> Any:
        answers: list[Any] = [
            {"text": piece.text, "start": piece.start, "score": piece.score} if scores else piece.text
            for piece in spans
        ]
        return answers[0] if top == 1 else answers

    def predict(self, inputs: Sequence[tuple[str, str]], **options: Any) -> list[Any]:
        """`answer` for a list of pairs of question and text."""
        pairs = as_list(inputs, "a pair of question and text", (), (tuple, list))
        for number, pair in enumerate(pairs, 1):
            if len(pair) != 2:
                raise LangueError(f"input {number} should be a pair of question and text, got {len(pair)}")
        return self.answer([question for question, _ in pairs], [context for _, context in pairs], **options)

    def score(self, predicted: Sequence[str], expected: Sequence[Sequence[str]]) -> dict[str, float]:
        """SQuAD's exact match and F1 against all right answers of each; none stands for "there is no answer"."""
        measure = squad_v2 if any(not golds for golds in expected) else squad_v1
        return measure(predicted, expected)

    def evaluate(self, rows: Sequence[Labelled], precision: str = "fp32") -> tuple[dict[str, float], list[str]]:
        """Metrics on rows with answers, and the model's own.

        Raises:
            LangueError: there are no rows, or one cannot be measured by; see `check`.
        """
        if not rows:
            raise LangueError("there are no rows to evaluate on")
        for row in rows:
            check(row)
        expected = [[answer["text"] for answer in answers_of(row)] for row in rows]
        with autocast(self.model.device, precision):
            answers = [pieces[0].text for pieces in self.find(rows)]
        return self.score(answers, expected), answers

    def check_input(self, value: Labelled, place: str) -> None:
        list(windows_of(self.tokenizer, [value], self.settings, self.model.config.context))

    @reported()
    def find(self, rows: Sequence[Labelled]) -> list[list[AnswerSpan]]:
        """All answers that come into question for each row, the best first."""
        windows = list(windows_of(self.tokenizer, rows, self.settings, self.model.config.context))
        flat = [window for row_windows in windows for window in row_windows]
        scores = self._scores(flat)
        answers, place = [], 0
        for row, row_windows in zip(rows, windows, strict=True):
            answers.append(self._best(row.values["context"], row_windows, scores[place : place + len(row_windows)]))
            place += len(row_windows)
        return answers

    def _scores(self, windows: Sequence[Window]) -> list[np.ndarray]:
        """(tokens + 1, 2) of each window: its first position's, which stands for no answer, and its text's."""
        texts = [(window.ids, window.segments) for window in windows]
        outputs = outputs_of(self.model, texts, lambda batch: span_scores(self.model, batch))
        return [
            np.concatenate([row[:1], row[window.begins : window.begins + len(window.places)]]).astype(np.float64)
            for window, row in zip(windows, outputs, strict=True)
        ]

    def _best(self, context: str, windows: Sequence[Window], scores: Sequence[np.ndarray]) -> list[AnswerSpan]:
        """The best pieces over all windows, each once; no answer among them where the settings allow it."""
        pieces: dict[tuple[int, int], float] = {}
        for window, window_scores in zip(windows, scores, strict=True):
            for score, first, last in self._candidates(window_scores[1:]):
                place = int(window.places[first, 0]), int(window.places[last, 1])
                pieces[place] = max(score, pieces.get(place, -np.inf))
        best = heapq.nlargest(self.settings.candidates, ((score, place) for place, score in pieces.items()))
        spans = [AnswerSpan(context[start:end], start, score) for score, (start, end) in best]
        if not self.settings.no_answer:
            return spans
        # A text holds no answer only if none of its windows does.
        nothing = AnswerSpan("", 0, min(float(window_scores[0].sum()) for window_scores in scores))
        rank = sum(nothing.score - self.settings.null_threshold <= piece.score for piece in spans)
        return [*spans[:rank], nothing, *spans[rank:]]

    def _candidates(self, scores: np.ndarray) -> Iterator[tuple[float, int, int]]:
        """The best pairs of a first and a last token (tokens, 2), of all whose last does not come before the first."""
        longest = min(self.settings.answer_tokens, len(scores))
        every = np.full((longest, len(scores)), -np.inf)  # by how much later the last comes, and by the first
        for later in range(longest):
            every[later, : len(scores) - later] = scores[: len(scores) - later, 0] + scores[later:, 1]
        count = min(self.settings.candidates, every.size)
        for place in np.argpartition(-every, count - 1, axis=None)[:count].tolist():
            later, first = divmod(place, len(scores))
            if first + later < len(scores):
                yield float(every[later, first]), first, first + later
