"""The tag task: texts or lists of words in, a label for each word out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from torch import Tensor

from langue.account import reported
from langue.batch import IGNORE, Batch, Example
from langue.data.examples import Examples
from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.metrics import classification, spans
from langue.metrics.judgements import judged_entities, judged_words
from langue.models import Model
from langue.tasks.framing import outputs_of
from langue.tasks.inputs import as_list
from langue.tasks.judging import JudgedRows, JudgingTask, Stretch, WrongAnswer, worst_first
from langue.tasks.tag.data import encoded_pieces, pieces_of, targets_of, words_of
from langue.tasks.tag.objective import TagObjective
from langue.tasks.tag.settings import TagRecipe, TagSettings
from langue.text import Tokenizer

WORD = re.compile(r"\w+(?:[-'’.]\w+)*|\S")
"""Words of a plain text: runs of letters and digits, and every other mark by itself."""

BIO = re.compile(r"O|[BI]-.+")


class Tag(JudgingTask):
    """A model that labels words.

    Args:
        model: one with a classifier for positions.
        tokenizer: the one it was trained with.
        settings: all labels.

    Raises:
        LangueError: the model has no such head, or another number of labels.
    """

    name = "tag"
    measured_on = "rows"
    measure_options = ("columns", "predictions", "precision", "mistakes")
    loss_unit = "word"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TagSettings):
        head = model.config.classifier
        if head is None or head.level != "position" or not head.outputs:
            raise LangueError("the model has no head that labels words; train it with task: tag first")
        if len(settings.labels) != head.outputs:
            raise LangueError(f"the model tells {head.outputs} labels apart, but {len(settings.labels)} are named")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: TagRecipe | None = None) -> Tag:
        head = pretrained.model.config.classifier
        names = tuple(pretrained.labels or map(str, range(0 if head is None else head.outputs)))
        return cls(pretrained.model, tokenizer, (recipe.tag if recipe else TagSettings()).replace(labels=names))

    def objective(self) -> TagObjective:
        return TagObjective()

    @property
    def hits(self) -> Callable[[Model, Batch], Tensor]:
        return _right_words

    def examples(self, rows: Sequence[Labelled]) -> Sequence[Example]:
        return Examples(encoded_pieces(self.tokenizer, rows, self.settings, self.model.config.context))

    def tag(self, texts: str | Sequence[Any], *, scores: bool = False) -> Any:
        """Label the words of one text or of many.

        Args:
            texts: a text, which is cut into words and marks; or a list, each a text or a list of words.
            scores: tell the probability of each label as well.

        Returns:
            For each text a list of `(word, label)`, or with `scores` of `(word, label, probability)`. One list for one
            text, a list of lists for a list.

        Raises:
            LangueError: a text is empty, or a list holds something else than texts and lists of words.
        """
        many = as_list(texts, "a text", kinds=(object,))
        rows = [_row(text, f"text {number}") for number, text in enumerate(many, 1)]
        labelled = [
            list(zip(words_of(row), *((labels, shares) if scores else (labels,)), strict=True))
            for row, (labels, shares) in zip(rows, self.find(rows), strict=True)
        ]
        return labelled[0] if isinstance(texts, str) else labelled

    def check_input(self, value: Any, place: str) -> None:
        list(pieces_of(self.tokenizer, [_row(value, place)], self.model.config.context))

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """The labels alone, for a list of texts, lists of words, or rows with `tokens`."""
        many = as_list(inputs, "an input", (), (object,))
        rows = [_row(text, f"text {number}") for number, text in enumerate(many, 1)]
        return [labels for labels, _ in self.find(rows)]

    def score(self, predicted: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> dict[str, float]:
        """Accuracy over words and, of labels O, B-KIND and I-KIND, the F1 of whole entities."""
        flat = [[label for row in rows for label in row] for rows in (predicted, expected)]
        scores = {"accuracy": classification.accuracy(*flat)}
        return {"f1": spans.f1_spans(predicted, expected), **scores} if is_bio(self.settings.labels) else scores

    def judged(self, rows: Sequence[Labelled]) -> JudgedRows:
        labels, targets = self.settings.labels, [targets_of(row, self.settings) for row in rows]
        logs = self._logs(rows)
        answers, expected = ([[labels[n] for n in row] for row in side] for side in (map(_likeliest, logs), targets))
        losses = [-row[np.arange(len(row)), right] for row, right in zip(logs, targets, strict=True)]
        judge, probabilities = judged_entities if is_bio(labels) else judged_words, [np.exp(row) for row in logs]
        mistakes = [
            _mistake(row, answer, right, shares)
            for row, answer, right, shares in zip(rows, answers, expected, probabilities, strict=True)
            if answer != right
        ]
        loss = float(np.concatenate(losses).mean())
        return JudgedRows(loss, answers, expected, judge(labels, probabilities, targets), worst_first(mistakes))

    @reported()
    def find(self, rows: Sequence[Labelled]) -> list[tuple[list[str], list[float]]]:
        """The label of each word of each row, and its probability."""
        return [
            ([self.settings.labels[number] for number in row.argmax(1)], np.exp(row.max(1)).tolist())
            for row in self._logs(rows)
        ]

    def _logs(self, rows: Sequence[Labelled]) -> list[np.ndarray]:
        """(words, labels) of each row: logarithms of probabilities; all alike for a word that has no token."""
        labels = len(self.settings.labels)
        logs = [np.full((len(words_of(row)), labels), -np.log(labels)) for row in rows]
        cut = pieces_of(self.tokenizer, rows, self.model.config.context)
        pieces = [(number, piece) for number, some in enumerate(cut) for piece in some]
        texts = [(piece.ids, piece.segments) for _, piece in pieces]
        outputs = outputs_of(self.model, texts, lambda batch: self.model.classify(batch).double().log_softmax(-1))
        for (number, piece), output in zip(pieces, outputs, strict=True):
            there = np.flatnonzero(piece.places >= 0)
            logs[number][piece.first + there] = output[piece.places[there]]
        return logs


def _likeliest(logs: np.ndarray) -> list[int]:
    return logs.argmax(1).tolist()


def _mistake(row: Labelled, answer: Sequence[str], right: Sequence[str], shares: np.ndarray) -> WrongAnswer:
    """A row with its wrong words marked; right ones that stand together are one stretch."""
    words = zip(words_of(row), right, answer, strict=True)
    text: list[Stretch] = []
    for is_right, group in groupby(words, lambda word: word[1] == word[2]):
        if is_right:
            text.append(Stretch(text=" ".join(word for word, _, _ in group)))
        else:
            text += [Stretch(text=word, expected=label, answered=other) for word, label, other in group]
    wrong = [place for place, pair in enumerate(zip(answer, right, strict=True)) if pair[0] != pair[1]]
    return WrongAnswer(place=row.place, text=tuple(text), confidence=float(shares[wrong].max()), wrong=len(wrong))


def _right_words(model: Model, batch: Batch) -> Tensor:
    assert batch.targets is not None
    return (model.classify(batch).argmax(-1) == batch.targets)[batch.targets != IGNORE]


def is_bio(labels: Sequence[str]) -> bool:
    """True if labels name entities, so that whole ones can be counted."""
    return all(BIO.fullmatch(label) for label in labels)


def _row(text: Any, place: str) -> Labelled:
    if isinstance(text, Mapping):
        return Labelled(place, text)
    if isinstance(text, str):
        if not text.strip():
            raise LangueError(f"{place}: text is empty")
        return Labelled(place, {"tokens": WORD.findall(text)})
    if not isinstance(text, Sequence):
        raise LangueError(f"{place}: give a text or a list of words, not {text!r:.60}")
    return Labelled(place, {"tokens": list(text)})
