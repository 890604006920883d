"""The classify task: texts or pairs of texts in; labels, numbers or choices out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from langue.account import reported
from langue.batch import IGNORE, Batch, Example
from langue.data.examples import Examples
from langue.data.labelled import Labelled
from langue.errors import LangueError, hint
from langue.hub import PretrainedModel
from langue.metrics import classification, regression
from langue.metrics.judgements import Judgements, judged_choices, judged_labels, judged_sets
from langue.models import Model
from langue.tasks.classify.data import encode, encoded_examples, target_of, texts_of_choices, texts_of_row
from langue.tasks.classify.objective import ClassifyObjective
from langue.tasks.classify.settings import PROBLEMS, AnswerKind, ClassifyRecipe, ClassifySettings
from langue.tasks.framing import Framed, outputs_of
from langue.tasks.inputs import as_list
from langue.tasks.judging import JudgedRows, JudgingTask, Stretch, WrongAnswer, worst_first
from langue.text import Tokenizer

Text = str | tuple[str, str] | Mapping[str, Any]
"""An input: a text, a pair of texts, or a row of a table, such as {"sentence1": …, "choices": […]}."""


class Classify(JudgingTask):
    """A model that judges texts.

    Args:
        model: one with a classifier for texts.
        tokenizer: the one it was trained with.
        settings: what is asked, with all labels.

    Raises:
        LangueError: model, tokenizer and labels do not belong together.
    """

    name = "classify"
    measured_on = "rows"
    measure_options = ("columns", "predictions", "benchmark", "split", "precision", "mistakes")
    loss_unit = "example"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: ClassifySettings):
        config = model.config.classifier
        if config is None or config.level != "text" or not config.outputs:
            raise LangueError("the model has no head that classifies texts; train it with task: classify first")
        if settings.kind in ("label", "labels") and len(settings.labels) != config.outputs:
            raise LangueError(f"the model tells {config.outputs} labels apart, but {len(settings.labels)} are named")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings
        self.kind = settings.kind

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: ClassifyRecipe | None = None) -> Classify:
        model, labels = pretrained.model, tuple(pretrained.labels or ())
        if recipe is not None:
            return cls(model, tokenizer, recipe.classify.replace(labels=labels))
        outputs = 0 if model.config.classifier is None else model.config.classifier.outputs
        if outputs == 1:
            labels = ()  # Transformers has a name for a single output, as if there were others
        elif not labels:
            labels = tuple(str(number) for number in range(outputs))
        several = pretrained.origin.get("problem_type") == PROBLEMS["labels"]
        kind: AnswerKind = "number" if not labels else "labels" if several else "label"
        return cls(model, tokenizer, ClassifySettings(kind=kind, labels=labels))

    def objective(self) -> ClassifyObjective:
        return ClassifyObjective(self.kind)

    def examples(self, rows: Sequence[Labelled]) -> Sequence[Example]:
        encoded = encoded_examples(self.tokenizer, rows, self.settings, self.model.config.context)
        return Examples(encoded, several=self.kind == "choice")

    @property
    def hits(self) -> Callable[[Model, Batch], Tensor] | None:
        return {"label": _right_labels, "choice": _right_choices}.get(self.kind)

    @reported()
    def classify(
        self,
        texts: Text | Sequence[Text],
        *,
        scores: bool = False,
        threshold: float | Mapping[str, float] | None = None,
        special: bool = False,
    ) -> Any:
        """Judge one text or many.

        Args:
            texts: a text, a pair of texts as a tuple, a row with the columns of the training data, or a list of such.
            scores: tell the probability of each label or choice as well.
            threshold: probability from which on a label is an answer, as `langue.evaluate(…, precision=…)` finds it: of
                all, or of some by name. A text of which no label has so much is unsure, and its answer None; a label
                by name goes before others that are likelier. Where a text may have several, it has those from there on.
            special: let the names of special tokens in a text be these tokens; otherwise they are letters.

        Returns:
            For each text its label, its labels, its number, or the index of the right choice; with `scores` a mapping
            `{"label": …, "scores": {LABEL: PROBABILITY}}`. One answer for one text, a list for a list.

        Raises:
            LangueError: a text is empty, or there is no such label or probability.
        """
        least = self.thresholds(threshold)
        is_single = isinstance(texts, str | tuple | Mapping)
        many = as_list(texts, "a text, a pair of texts or a row", (str, tuple, Mapping), (str, tuple, Mapping, list))
        rows = [_row(text, f"text {number}") for number, text in enumerate(many, 1)]
        answers = self._answers(self.scores(self.encode(rows, special)), scores, least)
        return answers[0] if is_single else answers

    def check_input(self, value: Text, place: str, special: bool = False) -> None:
        self.encode([_row(value, place)], special)

    def score(self, predicted: Sequence[Any], expected: Sequence[Any]) -> dict[str, float]:
        """Metrics of answers against the right ones."""
        if self.kind == "number":
            return {
                "pearson": regression.pearson(predicted, expected),
                "spearman": regression.spearman(predicted, expected),
                "mean_squared_error": regression.mean_squared_error(predicted, expected),
            }
        if self.kind == "labels":
            return {
                "f1_micro": classification.f1_sets(predicted, expected, "micro"),
                "f1_macro": classification.f1_sets(predicted, expected, "macro", self.settings.labels),
                "exact_match": classification.same_sets(predicted, expected),
            }
        measured = {"accuracy": classification.accuracy(predicted, expected)}
        if self.kind == "label":
            measured["f1_macro"] = classification.f1_macro(predicted, expected)
            measured["matthews"] = classification.matthews(predicted, expected)
            if len(self.settings.labels) == 2:
                measured["f1"] = classification.f1(predicted, expected, self.settings.labels[1])
        return measured

    def encode(self, rows: Sequence[Labelled], special: bool = False) -> list[Any]:
        """Framed token numbers of each row; of choices, a list of them.

        Raises:
            LangueError: a column is missing or empty; names the place.
        """
        context = self.model.config.context
        return encode(self.tokenizer.reading_specials(special), rows, self.kind, context)

    def scores(self, encoded: Sequence[Any]) -> list[np.ndarray]:
        """The outputs of the model's head for each, in their order: (outputs,) of a text, or (choices,)."""
        texts: list[Framed] = [text for row in encoded for text in row] if self.kind == "choice" else list(encoded)
        outputs = outputs_of(self.model, texts, lambda batch: self.model.classify(batch).float())
        if self.kind != "choice":
            return outputs
        return np.split(np.concatenate(outputs), np.cumsum([len(row) for row in encoded])[:-1]) if outputs else []

    def rewards(self, prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
        """The score of each text behind its prompt, of a model that was trained to choose between texts; how far two of
        one prompt lie apart is the logit of the first one's being preferred (Bradley and Terry 1952)."""
        rows = [
            Labelled(f"text {number}", {"text": prompt, "choices": [text]})
            for number, (prompt, text) in enumerate(zip(prompts, texts, strict=True), 1)
        ]
        return [float(scores[0]) for scores in self.scores(self.encode(rows))]

    def _probabilities(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The probabilities of each text's labels, each by itself, or of all labels or choices together."""
        if self.kind == "labels":
            return [1 / (1 + np.exp(-row.astype(np.float64))) for row in outputs]
        return [_softmax(row) for row in outputs]

    def thresholds(self, threshold: float | Mapping[str, float] | None) -> np.ndarray:
        """(labels,) or, of all, (1,): the probability from which on each is an answer; NaN where there is none.

        Raises:
            LangueError: there is no such label or probability, or the model gives no probabilities.
        """
        usual = self.settings.threshold if self.kind == "labels" else np.nan
        if threshold is None:
            return np.array([usual])
        if self.kind == "number":
            raise LangueError("threshold: the model gives a number, which has no probability")
        if not isinstance(threshold, Mapping):
            return np.array([_share(threshold)])
        known = self.settings.labels
        if strange := [str(name) for name in threshold if name not in known]:
            raise LangueError(f"threshold: there is no label {strange[0]!r}; {hint(strange[0], known)}")
        return np.array([_share(threshold[label]) if label in threshold else usual for label in known])

    def _answers(self, outputs: Sequence[np.ndarray], scores: bool, least: np.ndarray | None = None) -> list[Any]:
        labels = self.settings.labels
        if self.kind == "number":
            return [float(row[0]) for row in outputs]
        probabilities = self._probabilities(outputs)
        least = self.thresholds(None) if least is None else least
        if self.kind == "labels":
            answers: list[Any] = [
                [label for label, is_sure in zip(labels, row >= least, strict=True) if is_sure] for row in probabilities
            ]
        else:
            answers = [_surest(row, least) for row in probabilities]
            if self.kind == "label":
                answers = [None if number is None else labels[number] for number in answers]
        if not scores:
            return answers
        name = "labels" if self.kind == "labels" else "label"
        return [
            {name: answer, "scores": dict(zip(labels or map(str, range(len(row))), map(float, row), strict=True))}
            for answer, row in zip(answers, probabilities, strict=True)
        ]

    def judged(self, rows: Sequence[Labelled]) -> JudgedRows:
        targets = [target_of(row, self.settings) for row in rows]
        outputs = self.scores(self.encode(rows))
        answers = self._answers(outputs, scores=False)
        expected = [self._expected(target) for target in targets]
        loss = self._loss(outputs, targets)
        if self.kind == "number":
            return JudgedRows(loss, answers, expected, None, [])
        probabilities = self._probabilities(outputs)
        mistakes = [
            _mistake(row, self.kind, answer, right, float(shares.max()))
            for row, answer, right, shares in zip(rows, answers, expected, probabilities, strict=True)
            if answer != right
        ]
        return JudgedRows(loss, answers, expected, self._judgements(probabilities, targets), worst_first(mistakes))

    def _judgements(self, probabilities: Sequence[np.ndarray], targets: Sequence[Any]) -> Judgements:
        if self.kind == "choice":
            return judged_choices(probabilities, targets)
        labels, table = self.settings.labels, np.stack(probabilities)
        if self.kind == "labels":
            return judged_sets(labels, table, np.array(targets, bool), self.settings.threshold)
        return judged_labels(labels, table, np.array(targets))

    def judgements(self, rows: Sequence[Labelled]) -> np.ndarray:
        """(rows,) 1 where the answer is right and 0 elsewhere, or the squared error of a number."""
        answers = self._answers(self.scores(self.encode(rows)), scores=False)
        expected = [self._expected(target_of(row, self.settings)) for row in rows]
        pairs = zip(answers, expected, strict=True)
        if self.kind == "number":
            return np.array([(answer - right) ** 2 for answer, right in pairs])
        return np.array([float(answer == right) for answer, right in pairs])

    def _expected(self, target: Any) -> Any:
        if self.kind == "label":
            return self.settings.labels[target]
        if self.kind == "labels":
            return [label for label, there in zip(self.settings.labels, target, strict=True) if there]
        return target

    def _loss(self, outputs: Sequence[np.ndarray], targets: Sequence[Any]) -> float:
        if self.kind == "choice":
            logs = [np.log(_softmax(row)[right]) for row, right in zip(outputs, targets, strict=True)]
            return float(-np.mean(logs))
        kind = torch.long if self.kind == "label" else torch.float32
        loss = ClassifyObjective(self.kind).of_scores(
            torch.from_numpy(np.stack(outputs)), torch.tensor(targets, dtype=kind)
        )
        return float(loss.total / loss.count)


def _row(text: Text, place: str) -> Labelled:
    if isinstance(text, str):
        return Labelled(place, {"text": text})
    if isinstance(text, Mapping):
        return Labelled(place, text)
    if len(text) != 2:
        raise LangueError(f"{place}: a pair has two texts, not {len(text)}")
    return Labelled(place, {"sentence1": text[0], "sentence2": text[1]})


def _mistake(row: Labelled, kind: str, answer: Any, right: Any, confidence: float) -> WrongAnswer:
    texts = texts_of_choices(row) if kind == "choice" else texts_of_row(row)
    return WrongAnswer(
        place=row.place,
        text=tuple(Stretch(text=text) for text in texts if text is not None),
        expected=_words(right),
        answered=_words(answer),
        confidence=confidence,
        wrong=_wrong(answer, right),
    )


def _words(answer: Any) -> str:
    """An answer in words."""
    return (", ".join(answer) or "none") if isinstance(answer, list) else str(answer)


def _wrong(answer: Any, right: Any) -> int:
    """The number of labels that are one's alone; 1 of answers that are one label."""
    return len(set(answer) ^ set(right)) if isinstance(answer, list) else 1


def _right_labels(model: Model, batch: Batch) -> Tensor:
    assert batch.targets is not None
    return model.classify(batch).argmax(1) == batch.targets


def _right_choices(model: Model, batch: Batch) -> Tensor:
    assert batch.targets is not None
    scores = model.classify(batch).view(batch.targets.shape).masked_fill(batch.targets == IGNORE, -torch.inf)
    return batch.targets.gather(1, scores.argmax(1, keepdim=True))[:, 0] == 1


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise LangueError(f"threshold: {value!r:.60} is no probability from 0 to 1, such as 0.9")
    return float(value)


def _surest(probabilities: np.ndarray, least: np.ndarray) -> int | None:
    """The likeliest of those with a threshold that reach it; else the likeliest of all, if it has none."""
    sure = probabilities >= least
    if sure.any():
        return int(np.where(sure, probabilities, -1.0).argmax())
    likeliest = int(probabilities.argmax())
    return likeliest if np.broadcast_to(np.isnan(least), probabilities.shape)[likeliest] else None


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores.astype(np.float64) - scores.max())
    return powers / powers.sum()
