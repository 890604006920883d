"""The classify task: texts or pairs of texts in; labels, numbers or choices out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from langue import metrics
from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled, list_of, missing_columns, number_of, text_of
from langue.data.records import is_blank
from langue.data.values import is_missing, whole
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.models.finite import refuse_not_finite
from langue.objectives import ClassifyObjective
from langue.objectives.padding import by_length, padded
from langue.objectives.settings import ClassifySettings
from langue.tasks.texts import BATCH_TOKENS, Framed, frame, framed_texts
from langue.text import Tokenizer
from langue.train.device import autocast

Text = str | tuple[str, str] | Mapping[str, Any]
"""What is classified: a text, a pair of texts, or a row of a table, such as {"sentence1": …, "choices": […]}."""


class Classify:
    """A model that judges texts.

    Args:
        model: one with a classifier for texts.
        tokenizer: the one it was trained with.
        settings: what is asked, with all labels.

    Raises:
        LangueError: model, tokenizer and labels do not belong together.
    """

    name = "classify"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: ClassifySettings):
        config = model.config.classifier
        if config is None or config.each != "text" or not config.outputs:
            raise LangueError("the model has no head that classifies texts; train it with task: classify first")
        if settings.kind in ("label", "labels") and len(settings.labels) != config.outputs:
            raise LangueError(f"the model tells {config.outputs} labels apart, but {len(settings.labels)} are named")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings
        self.kind = settings.kind

    @classmethod
    def open(
        cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None
    ) -> Classify:
        """The task of a model's folder, and of the recipe it was trained by, where there is one."""
        labels = tuple(labels or ())
        if recipe is not None:
            return cls(model, tokenizer, recipe.classify.model_copy(update={"labels": labels}))
        outputs = 0 if model.config.classifier is None else model.config.classifier.outputs
        if outputs == 1:
            labels = ()  # Transformers has a name for a single output, as if there were others
        elif not labels:
            labels = tuple(str(number) for number in range(outputs))
        return cls(model, tokenizer, ClassifySettings(kind="label" if labels else "number", labels=labels))

    def objective(self) -> ClassifyObjective:
        """What it learns by."""
        return ClassifyObjective(self.kind)

    def classify(self, texts: Text | Sequence[Text], *, scores: bool = False, special: bool = False) -> Any:
        """Judge one text or many.

        Args:
            texts: a text, a pair of texts as a tuple, a row with the columns of the training data, or a list of such.
            scores: tell the probability of each label or choice as well.
            special: let the names of special tokens in a text be these tokens; otherwise they are letters.

        Returns:
            For each text its label, its labels, its number, or the index of the right choice; with `scores` a mapping
            `{"label": …, "scores": {LABEL: PROBABILITY}}`. One answer for one text, a list for a list.

        Raises:
            LangueError: a text is empty.
        """
        one = isinstance(texts, str | tuple | Mapping)
        many: Sequence[Any] = [texts] if one else list(texts)  # type: ignore[list-item]
        rows = [_row(text, f"text {number}") for number, text in enumerate(many, 1)]
        found = self._answers(self.scores(self.encode(rows, special)), scores)
        return found[0] if one else found

    def check_input(self, given: Text, place: str, special: bool = False) -> None:
        """Refuse what cannot be judged.

        Raises:
            LangueError: a column is missing or empty; names the place.
        """
        self.encode([_row(given, place)], special)

    def predict(self, inputs: Sequence[Text], **options: Any) -> list[Any]:
        """`classify` for a list."""
        return self.classify(list(inputs), **options)

    def score(self, predicted: Sequence[Any], expected: Sequence[Any]) -> dict[str, float]:
        """Metrics of answers against the right ones."""
        if self.kind == "number":
            return {
                "pearson": metrics.pearson(predicted, expected),
                "spearman": metrics.spearman(predicted, expected),
                "mean_squared_error": metrics.mean_squared_error(predicted, expected),
            }
        if self.kind == "labels":
            return {
                "f1_micro": metrics.f1_sets(predicted, expected, "micro"),
                "f1_macro": metrics.f1_sets(predicted, expected, "macro", self.settings.labels),
                "exact_match": metrics.same_sets(predicted, expected),
            }
        found = {"accuracy": metrics.accuracy(predicted, expected)}
        if self.kind == "label":
            found["f1_macro"] = metrics.f1_macro(predicted, expected)
            found["matthews"] = metrics.matthews(predicted, expected)
            if len(self.settings.labels) == 2:
                found["f1"] = metrics.f1(predicted, expected, self.settings.labels[1])
        return found

    def encode(self, rows: Sequence[Labelled], special: bool = False) -> list[Any]:
        """Framed token numbers of each row; of choices, a list of them.

        Raises:
            LangueError: a column is missing or empty; names the place.
        """
        context = self.model.config.context
        return encode(self.tokenizer.reading_specials(special), rows, self.kind, context)

    @torch.inference_mode()
    def scores(self, encoded: Sequence[Any]) -> list[np.ndarray]:
        """What the model's head says about each, in their order: (outputs,) of a text, or (choices,)."""
        texts: list[Framed] = [text for row in encoded for text in row] if self.kind == "choice" else list(encoded)
        found = np.zeros((len(texts), self.model.classifier.output.out_features), np.float32)  # type: ignore[union-attr]
        device = self.model.device
        with evaluating(self.model):
            for numbers in by_length([len(ids) for ids, _ in texts], BATCH_TOKENS.get(device.type, 1 << 14)):
                chosen = [texts[number] for number in numbers]
                batch = padded([np.array(ids) for ids, _ in chosen], [np.array(segments) for _, segments in chosen])
                found[numbers] = self.model.classify(batch.to(device)).float().cpu().numpy()
                refuse_not_finite(found[numbers])
        if self.kind != "choice":
            return list(found)
        return np.split(found[:, 0], np.cumsum([len(row) for row in encoded])[:-1])

    def _answers(self, found: Sequence[np.ndarray], scores: bool) -> list[Any]:
        labels = self.settings.labels
        if self.kind == "number":
            return [float(row[0]) for row in found]
        if self.kind == "labels":
            each = [1 / (1 + np.exp(-row.astype(np.float64))) for row in found]
            said: list[Any] = [
                [label for label, share in zip(labels, row, strict=True) if share >= self.settings.threshold]
                for row in each
            ]
        else:
            each = [_softmax(row) for row in found]
            said = [int(row.argmax()) for row in each]
            if self.kind == "label":
                said = [labels[number] for number in said]
        if not scores:
            return said
        name = "labels" if self.kind == "labels" else "label"
        return [
            {name: answer, "scores": dict(zip(labels or map(str, range(len(row))), map(float, row), strict=True))}
            for answer, row in zip(said, each, strict=True)
        ]

    def evaluate(self, rows: Sequence[Labelled], precision: str = "fp32") -> tuple[dict[str, float], list[Any]]:
        """Metrics on labelled rows, the mean loss among them, and the answers.

        Raises:
            LangueError: there are no rows, or a label of one is unknown.
        """
        if not rows:
            raise LangueError("there are no rows to evaluate on")
        targets = [target_of(row, self.settings) for row in rows]
        with autocast(self.model.device, precision):
            found = self.scores(self.encode(rows))
        answers = self._answers(found, scores=False)
        expected = [self._expected(target) for target in targets]
        return {"loss": self._loss(found, targets), **self.score(answers, expected)}, answers

    def _expected(self, target: Any) -> Any:
        if self.kind == "label":
            return self.settings.labels[target]
        if self.kind == "labels":
            return [label for label, there in zip(self.settings.labels, target, strict=True) if there]
        return target

    def _loss(self, found: Sequence[np.ndarray], targets: Sequence[Any]) -> float:
        if self.kind == "choice":
            logs = [np.log(_softmax(row)[right]) for row, right in zip(found, targets, strict=True)]
            return float(-np.mean(logs))
        kind = torch.long if self.kind == "label" else torch.float32
        loss = ClassifyObjective(self.kind).of_scores(
            torch.from_numpy(np.stack(found)), torch.tensor(targets, dtype=kind)
        )
        return float(loss.total / loss.count)


def encode(tokenizer: Tokenizer, rows: Sequence[Labelled], kind: str, context: int) -> list[Any]:
    """Framed token numbers of rows, as `Classify.encode` gives them."""
    if kind == "choice":
        return [_encode_choices(tokenizer, row, context) for row in rows]
    pairs = [texts_of_row(row) for row in rows]
    return framed_texts(tokenizer, [first for first, _ in pairs], [second for _, second in pairs], context)


def check_texts(row: Labelled, kind: str) -> None:
    """Refuse a row without the texts that are judged.

    Raises:
        LangueError: a column is missing or empty; names the place.
    """
    if kind != "choice":
        texts_of_row(row)
        return
    text_of(row, _first_of_choices(row))
    choices_of(row)


def _first_of_choices(row: Labelled) -> str:
    return "sentence1" if "sentence1" in row.values else "text"


def _encode_choices(tokenizer: Tokenizer, row: Labelled, context: int) -> list[Framed]:
    first = tokenizer.encode(text_of(row, _first_of_choices(row)))
    return [frame(tokenizer, first, tokenizer.encode(choice), context) for choice in choices_of(row)]


def choices_of(row: Labelled) -> list[str]:
    """The choices of a row: a list in `choices`, or `choice1`, `choice2`, ….

    Raises:
        LangueError: there are none.
    """
    given = list_of(row.place, "choices", row.values.get("choices"))
    if given is None:
        given = [row.values[name] for name in sorted(row.values) if name.startswith("choice") and name[6:].isdigit()]
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise LangueError(f"{row.place}: there are no choices; give a list choices, or choice1, choice2, …")
    if any(is_missing(choice) for choice in given):
        raise LangueError(f"{row.place}: one of the choices is empty")
    return [str(choice) for choice in given]


def texts_of_row(row: Labelled) -> tuple[str, str | None]:
    """One text or two."""
    first, *second = (text_of(row, name) for name in _text_columns(row))
    return first, second[0] if second else None


def _text_columns(row: Labelled) -> tuple[str, ...]:
    """`text`, or `sentence1` and `sentence2`; `sentence` is taken for `text`, as SST-2's files call it."""
    if "sentence1" in row.values:
        return ("sentence1", "sentence2")
    return ("sentence",) if "text" not in row.values and "sentence" in row.values else ("text",)


def target_of(row: Labelled, settings: ClassifySettings) -> Any:
    """The label of a row as a number, of several labels as zeros and ones.

    Raises:
        LangueError: it is missing, of another kind, or none of the labels; names the place.
    """
    given = label_of(row)
    if settings.kind == "number":
        return number_of(row.place, "label", given)
    if settings.kind == "choice":
        count, number = len(choices_of(row)), number_of(row.place, "label", given)
        if number != int(number) or not 0 <= number < count:
            raise LangueError(f"{row.place}: label should be the index of a choice, 0 to {count - 1}, got {given!r}")
        return int(number)
    if settings.kind == "labels":
        said = labels_of(row)
        return [float(label in {_known(row.place, each, settings) for each in said}) for label in settings.labels]
    return settings.labels.index(_known(row.place, one_label(row), settings))


def label_of(row: Labelled) -> Any:
    """The label as the table has it.

    Raises:
        LangueError: there is none; names the place.
    """
    if "label" not in row.values:
        raise missing_columns(row.place, (*_text_columns(row), "label"), row.values)
    label = row.values["label"]
    if is_missing(label) or (isinstance(label, str) and is_blank(label)):
        raise LangueError(f"{row.place}: label is empty")
    return label


def one_label(row: Labelled) -> str:
    """The label of a row that has one.

    Raises:
        LangueError: there is none, or several; names the place.
    """
    label = list_of(row.place, "label", label_of(row))
    if isinstance(label, list | tuple | Mapping):
        raise LangueError(f"{row.place}: label should be one label, got {label!r:.60}; for several, kind is labels")
    return label_name(label)


def label_name(label: Any) -> str:
    """A label as text; whole numbers are spelt without a point, truth as JSON does."""
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    if isinstance(label, str):
        return label
    number = whole(label)
    return str(label if number is None else number)


def labels_of(row: Labelled) -> list[str]:
    """Several labels: a list, or text in which | stands between them.

    Raises:
        LangueError: the column or one of its labels is missing; names the place.
    """
    given = list_of(row.place, "label", label_of(row))
    if isinstance(given, str):
        return [part.strip() for part in given.split("|") if part.strip()]
    given = given if isinstance(given, list | tuple) else [given]
    if any(is_missing(label) or label == "" for label in given):
        raise LangueError(f"{row.place}: one of the labels is empty")
    return [label_name(label) for label in given]


def _known(place: str, label: str, settings: ClassifySettings) -> str:
    if label not in settings.labels:
        known = ", ".join(settings.labels[:20])
        raise LangueError(f"{place}: there is no label {label!r}; known are {known}")
    return label


def _row(text: Text, place: str) -> Labelled:
    if isinstance(text, str):
        return Labelled(place, {"text": text})
    if isinstance(text, Mapping):
        return Labelled(place, text)
    if len(text) != 2:
        raise LangueError(f"{place}: a pair has two texts, not {len(text)}")
    return Labelled(place, {"sentence1": text[0], "sentence2": text[1]})


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores.astype(np.float64) - scores.max())
    return powers / powers.sum()


def encoded_examples(
    tokenizer: Tokenizer, rows: Sequence[Labelled], settings: ClassifySettings, context: int
) -> list[EncodedExample]:
    """Rows to learn from, as numbers.

    Raises:
        LangueError: a text or a label is missing or wrong; names the place.
    """
    targets = [target_of(row, settings) for row in rows]
    framed = encode(tokenizer, rows, settings.kind, context)
    if settings.kind != "choice":
        return [EncodedExample(ids, segments, target) for (ids, segments), target in zip(framed, targets, strict=True)]
    return [
        EncodedExample([ids for ids, _ in row], [segments for _, segments in row], target)
        for row, target in zip(framed, targets, strict=True)
    ]
