"""The tag task: texts or lists of words in, a label for each word out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from langue import metrics
from langue.batch import IGNORE
from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled, list_of, require
from langue.data.values import is_missing
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.models.finite import refuse_not_finite
from langue.objectives import TagObjective, TagSettings
from langue.objectives.padding import by_length, padded
from langue.tasks.classify import label_name
from langue.tasks.texts import BATCH_TOKENS
from langue.text import Tokenizer
from langue.train.device import autocast

WORD = re.compile(r"\w+(?:[-'’.]\w+)*|\S")
"""How a plain text is cut into words: runs of letters and digits, and every other mark by itself."""

BIO = re.compile(r"O|[BI]-.+")


class WordWindow(NamedTuple):
    """As many of a text's words as the context holds.

    Attributes:
        ids, segments: of the framed row.
        first: number of its first word in the text.
        places: (words,) the row's position of each word's first token, or -1 for a word without one.
    """

    ids: Sequence[int]
    segments: Sequence[int]
    first: int
    places: np.ndarray


class Tag:
    """A model that labels words.

    Args:
        model: one with a classifier for positions.
        tokenizer: the one it was trained with.
        settings: all labels.

    Raises:
        LangueError: the model has no such head, or another number of labels.
    """

    name = "tag"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TagSettings):
        head = model.config.classifier
        if head is None or head.each != "position" or not head.outputs:
            raise LangueError("the model has no head that labels words; train it with task: tag first")
        if len(settings.labels) != head.outputs:
            raise LangueError(f"the model tells {head.outputs} labels apart, but {len(settings.labels)} are named")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings

    @classmethod
    def open(cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None) -> Tag:
        """The task of a model's folder, and of the recipe it was trained by, where there is one."""
        outputs = 0 if model.config.classifier is None else model.config.classifier.outputs
        names = tuple(labels or map(str, range(outputs)))
        return cls(model, tokenizer, (recipe.tag if recipe else TagSettings()).model_copy(update={"labels": names}))

    def objective(self) -> TagObjective:
        """What it learns by."""
        return TagObjective()

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
        many = [texts] if isinstance(texts, str) else list(texts)
        rows = [_row(text, f"text {number}") for number, text in enumerate(many, 1)]
        found = [
            list(zip(words_of(row), *((labels, shares) if scores else (labels,)), strict=True))
            for row, (labels, shares) in zip(rows, self.find(rows), strict=True)
        ]
        return found[0] if isinstance(texts, str) else found

    def check_input(self, given: Any, place: str) -> None:
        """Refuse what has no words.

        Raises:
            LangueError: it has none, or the context no room; names the place.
        """
        list(pieces_of(self.tokenizer, [_row(given, place)], self.model.config.context))

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """The labels alone, for a list of texts, lists of words, or rows with `tokens`."""
        rows = [_row(text, f"text {number}") for number, text in enumerate(inputs, 1)]
        return [labels for labels, _ in self.find(rows)]

    def score(self, predicted: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> dict[str, float]:
        """Accuracy over words and, of labels O, B-KIND and I-KIND, the F1 of whole entities."""
        flat = [[label for row in rows for label in row] for rows in (predicted, expected)]
        found = {"accuracy": metrics.accuracy(*flat)}
        return {"f1": metrics.f1_spans(predicted, expected), **found} if is_bio(self.settings.labels) else found

    def evaluate(self, rows: Sequence[Labelled], precision: str = "fp32") -> tuple[dict[str, float], list[Any]]:
        """Metrics on labelled rows, the mean loss of a word among them, and the answers.

        Raises:
            LangueError: there are no rows, or a label of one is unknown.
        """
        if not rows:
            raise LangueError("there are no rows to evaluate on")
        targets = [targets_of(row, self.settings) for row in rows]
        with autocast(self.model.device, precision):
            logs = self._logs(rows)
        answers = [[self.settings.labels[number] for number in row.argmax(1)] for row in logs]
        expected = [[self.settings.labels[number] for number in row] for row in targets]
        losses = [-row[np.arange(len(row)), right] for row, right in zip(logs, targets, strict=True)]
        return {"loss": float(np.concatenate(losses).mean()), **self.score(answers, expected)}, answers

    def find(self, rows: Sequence[Labelled]) -> list[tuple[list[str], list[float]]]:
        """The label of each word of each row, and its probability."""
        return [
            ([self.settings.labels[number] for number in row.argmax(1)], np.exp(row.max(1)).tolist())
            for row in self._logs(rows)
        ]

    @torch.inference_mode()
    def _logs(self, rows: Sequence[Labelled]) -> list[np.ndarray]:
        """(words, labels) of each row: logarithms of probabilities; all alike for a word that has no token."""
        labels = len(self.settings.labels)
        found = [np.full((len(words_of(row)), labels), -np.log(labels)) for row in rows]
        cut = list(pieces_of(self.tokenizer, rows, self.model.config.context))
        flat = [(number, piece) for number, pieces in enumerate(cut) for piece in pieces]
        device = self.model.device
        with evaluating(self.model):
            for chosen in by_length([len(piece.ids) for _, piece in flat], BATCH_TOKENS.get(device.type, 1 << 14)):
                pieces = [flat[number] for number in chosen]
                batch = padded([np.array(p.ids) for _, p in pieces], [np.array(p.segments) for _, p in pieces])
                logs = self.model.classify(batch.to(device)).double().log_softmax(-1).cpu().numpy()
                refuse_not_finite(logs)
                for (row, piece), scores in zip(pieces, logs, strict=True):
                    there = np.flatnonzero(piece.places >= 0)
                    found[row][piece.first + there] = scores[piece.places[there]]
        return found


def is_bio(labels: Sequence[str]) -> bool:
    """Whether labels name entities, so that whole ones can be counted."""
    return all(BIO.fullmatch(label) for label in labels)


def words_of(row: Labelled) -> list[str]:
    """The words of a row: a list in `tokens`, or text in which spaces stand between them.

    Raises:
        LangueError: there are none; names the place.
    """
    require(row, "tokens")
    given = list_of(row.place, "tokens", row.values["tokens"])
    words = given.split() if isinstance(given, str) else _listed(given, "tokens", row)
    if not words:
        raise LangueError(f"{row.place}: tokens is empty")
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise LangueError(f"{row.place}: tokens should be words, got {words!r:.60}")
    return words


def tags_of(row: Labelled) -> list[str]:
    """The labels of a row, one for each word, given as the words are.

    Raises:
        LangueError: there are none, or not as many as words; names the place.
    """
    require(row, "tokens", "tags")
    given = list_of(row.place, "tags", row.values["tags"])
    tags = given.split() if isinstance(given, str) else _listed(given, "tags", row)
    if any(is_missing(tag) or tag == "" for tag in tags):
        raise LangueError(f"{row.place}: one of the tags is empty")
    if len(tags) != len(words_of(row)):
        raise LangueError(f"{row.place}: there are {len(words_of(row))} tokens and {len(tags)} tags; give one for each")
    return [label_name(tag) for tag in tags]


def _listed(given: Any, column: str, row: Labelled) -> list[Any]:
    if given is not None and not isinstance(given, Sequence):
        raise LangueError(f"{row.place}: {column} should be a list, got {given!r:.60}")
    return list(given or ())


def targets_of(row: Labelled, settings: TagSettings) -> list[int]:
    """The number of each word's label.

    Raises:
        LangueError: a label is unknown; names the place.
    """
    numbers = {label: number for number, label in enumerate(settings.labels)}
    tags = tags_of(row)
    for tag in tags:
        if tag not in numbers:
            known = ", ".join(settings.labels[:20])
            raise LangueError(f"{row.place}: there is no label {tag!r}; known are {known}")
    return [numbers[tag] for tag in tags]


def pieces_of(tokenizer: Tokenizer, rows: Sequence[Labelled], context: int) -> Iterator[list[WordWindow]]:
    """Each row's words as tokens, cut between words into pieces that the context holds.

    Words are encoded together, with a space between them, as the tokenizer has seen them in texts.

    Raises:
        LangueError: a row has no words, or the context no room.
    """
    room = context - len(tokenizer.pair([])[0])
    if room < 1:
        raise LangueError(f"a context of {context} has no room for a text among its special tokens")
    before = tokenizer.pair([-1])[0].index(-1)
    for row in rows:
        words = words_of(row)
        ids, offsets = tokenizer.encode_places(" ".join(words))
        ends = np.cumsum([len(word) + 1 for word in words])  # the space that follows belongs to a word
        owners = np.searchsorted(ends, _middles(offsets), side="right")
        yield list(_cut(tokenizer, ids, owners, len(words), room, before))


def _middles(offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """The last character of each token, since the first may be the space before a word."""
    places = np.array(offsets, np.int64).reshape(-1, 2)
    return np.maximum(places[:, 1] - 1, places[:, 0])


def _cut(
    tokenizer: Tokenizer, ids: Sequence[int], owners: np.ndarray, words: int, room: int, before: int
) -> Iterator[WordWindow]:
    starts = np.searchsorted(owners, np.arange(words + 1))
    first = 0
    while first < words:
        # As many words as fit; one that does not fit alone is cut.
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + room, side="right")) - 1)
        row, segments = tokenizer.pair(ids[starts[first] : min(starts[last], starts[first] + room)])
        places = starts[first:last] - starts[first] + before
        yield WordWindow(row, segments, first, np.where(starts[first:last] < starts[first + 1 : last + 1], places, -1))
        first = last


def encoded_pieces(
    tokenizer: Tokenizer, rows: Sequence[Labelled], settings: TagSettings, context: int
) -> Iterator[EncodedExample]:
    """Rows to learn from, with a label at each word's first token and IGNORE at all others.

    Raises:
        LangueError: words or labels are missing or wrong; names the place.
    """
    for row, pieces in zip(rows, pieces_of(tokenizer, rows, context), strict=True):
        right = targets_of(row, settings)
        for piece in pieces:
            target = np.full(len(piece.ids), IGNORE, np.int32)
            for word, place in enumerate(piece.places.tolist(), piece.first):
                if place >= 0:
                    target[place] = right[word]
            yield EncodedExample(piece.ids, piece.segments, target)


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
