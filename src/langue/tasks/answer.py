"""The answer task: a question and a text in, the piece of the text that answers it out."""

from __future__ import annotations

import heapq
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from langue import metrics
from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled, missing_columns, require, text_of
from langue.data.values import is_missing, place_near, spelt, whole
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.models.finite import refuse_not_finite
from langue.objectives import AnswerSettings, Extract
from langue.objectives.extract import span_scores
from langue.objectives.padding import by_length, padded
from langue.tasks.classify import label_name
from langue.tasks.texts import BATCH_TOKENS
from langue.text import Tokenizer
from langue.train.device import autocast


@dataclass(frozen=True)
class Window:
    """A stretch of a text together with the question.

    Attributes:
        ids, segments: of the framed row.
        begins: the row's position of the stretch's first token.
        places: (tokens, 2) first character of each of its tokens in the text, and one past the last.
    """

    ids: Sequence[int]
    segments: Sequence[int]
    begins: int
    places: np.ndarray


@dataclass(frozen=True)
class Found:
    """A piece of a text.

    Attributes:
        text: as it stands there; empty for no answer.
        start: its first character.
        score: of its first and last token together; the higher the likelier.
    """

    text: str
    start: int
    score: float


class Answer:
    """A model that finds answers.

    Args:
        model: one with a classifier that gives each position two scores.
        tokenizer: the one it was trained with.
        settings: how texts are cut and answers put together.

    Raises:
        LangueError: the model has no such head.
    """

    name = "answer"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: AnswerSettings | None = None):
        head = model.config.classifier
        if head is None or head.each != "position" or head.outputs != 2:
            raise LangueError("the model has no head that finds answers; train it with task: answer first")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings or AnswerSettings()

    @classmethod
    def open(
        cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None
    ) -> Answer:
        """The task of a model's folder, and of the recipe it was trained by, where there is one."""
        return cls(model, tokenizer, None if recipe is None else recipe.answer)

    def objective(self) -> Extract:
        """What it learns by."""
        return Extract()

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
        one = isinstance(question, str)
        questions = [question] if isinstance(question, str) else list(question)
        contexts = [context] if isinstance(context, str) else list(context)
        if len(questions) != len(contexts):
            raise LangueError(f"there are {len(questions)} questions and {len(contexts)} texts; give one for each")
        rows = [
            Labelled(f"question {number}", {"question": asked, "context": text})
            for number, (asked, text) in enumerate(zip(questions, contexts, strict=True), 1)
        ]
        answers = [self._told(found[:top], top, scores) for found in self.find(rows)]
        return answers[0] if one else answers

    @staticmethod
    def _told(found: Sequence[Found], top: int, scores: bool) -> Any:
        each: list[Any] = [
            {"text": piece.text, "start": piece.start, "score": piece.score} if scores else piece.text
            for piece in found
        ]
        return each[0] if top == 1 else each

    def predict(self, inputs: Sequence[tuple[str, str]], **options: Any) -> list[Any]:
        """`answer` for a list of pairs of question and text."""
        return self.answer([question for question, _ in inputs], [context for _, context in inputs], **options)

    def score(self, predicted: Sequence[str], expected: Sequence[Sequence[str]]) -> dict[str, float]:
        """SQuAD's exact match and F1 against all right answers of each; none stands for "there is no answer"."""
        measure = metrics.squad_v2 if any(not golds for golds in expected) else metrics.squad_v1
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
            found = [pieces[0].text for pieces in self.find(rows)]
        return self.score(found, expected), found

    def check_input(self, given: Labelled, place: str) -> None:
        """Refuse a row without a question and a text.

        Raises:
            LangueError: one is missing or empty, or there is no room for both; names the place.
        """
        list(windows_of(self.tokenizer, [given], self.settings, self.model.config.context))

    def find(self, rows: Sequence[Labelled]) -> list[list[Found]]:
        """All answers that come into question for each row, the best first."""
        windows = list(windows_of(self.tokenizer, rows, self.settings, self.model.config.context))
        flat = [window for each in windows for window in each]
        scores = self._scores(flat)
        found, place = [], 0
        for row, each in zip(rows, windows, strict=True):
            found.append(self._best(row.values["context"], each, scores[place : place + len(each)]))
            place += len(each)
        return found

    @torch.inference_mode()
    def _scores(self, windows: Sequence[Window]) -> list[np.ndarray]:
        """(tokens + 1, 2) of each window: its first position's, which stands for no answer, and its text's."""
        found: list[Any] = [None] * len(windows)
        device = self.model.device
        with evaluating(self.model):
            for numbers in by_length([len(window.ids) for window in windows], BATCH_TOKENS.get(device.type, 1 << 14)):
                chosen = [windows[number] for number in numbers]
                batch = padded([np.array(w.ids) for w in chosen], [np.array(w.segments) for w in chosen])
                scores = span_scores(self.model, batch.to(device)).cpu().numpy()
                refuse_not_finite(scores)
                for number, window, row in zip(numbers.tolist(), chosen, scores, strict=True):
                    text = row[window.begins : window.begins + len(window.places)]
                    found[number] = np.concatenate([row[:1], text]).astype(np.float64)
        return found

    def _best(self, context: str, windows: Sequence[Window], scores: Sequence[np.ndarray]) -> list[Found]:
        """The best pieces over all windows, each once; no answer among them where the settings allow it."""
        pieces: dict[tuple[int, int], float] = {}
        for window, each in zip(windows, scores, strict=True):
            for score, first, last in self._candidates(each[1:]):
                place = int(window.places[first, 0]), int(window.places[last, 1])
                pieces[place] = max(score, pieces.get(place, -np.inf))
        best = heapq.nlargest(self.settings.candidates, ((score, place) for place, score in pieces.items()))
        found = [Found(context[start:end], start, score) for score, (start, end) in best]
        if not self.settings.no_answer:
            return found
        # A text holds no answer only if none of its windows does.
        nothing = Found("", 0, min(float(each[0].sum()) for each in scores))
        rank = sum(nothing.score - self.settings.null_threshold <= piece.score for piece in found)
        return [*found[:rank], nothing, *found[rank:]]

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


def windows_of(
    tokenizer: Tokenizer, rows: Sequence[Labelled], settings: AnswerSettings, context: int
) -> Iterator[list[Window]]:
    """The windows of each row's text, which overlap by the settings' stride.

    Raises:
        LangueError: a question or a text is missing or empty, or the context is too small for both.
    """
    for row in rows:
        require(row, "question", "context")
    questions = tokenizer.encode_batch([text_of(row, "question") for row in rows])
    texts = [text_of(row, "context") for row in rows]
    known: dict[str, tuple[list[int], np.ndarray]] = {}
    for question, text, row in zip(questions, texts, rows, strict=True):
        if text not in known:
            known = {text: tokens_in(tokenizer, text)}  # questions about one text stand together
        ids, places = known[text]
        if not ids:
            raise LangueError(f"{row.place}: context holds nothing that the tokenizer knows")
        yield _cut(tokenizer, question[: settings.question_tokens], ids, places, settings.stride, context)


def tokens_in(tokenizer: Tokenizer, text: str) -> tuple[list[int], np.ndarray]:
    """Token numbers of a text, and (tokens, 2) where each begins and ends in it, in characters, without white space.

    A character of several tokens belongs to each of them.
    """
    ids, offsets = tokenizer.encode_places(text)
    places = np.array(offsets, np.int64).reshape(-1, 2)
    following = [*places[1:, 0].tolist(), len(text)]
    for number, ((start, end), bound) in enumerate(zip(places.tolist(), following, strict=True)):
        # A tokenizer that composes characters forgets the marks that they were composed of.
        while end < bound and unicodedata.category(text[end]).startswith("M"):
            end += 1
        places[number, 1] = end
        piece = text[start:end]
        if piece and piece != piece.strip() and not piece.isspace():
            places[number] = start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
    return ids, places


def _cut(
    tokenizer: Tokenizer, question: Sequence[int], ids: Sequence[int], places: np.ndarray, stride: int, context: int
) -> list[Window]:
    # A token number that no tokenizer has stands for the text, and tells where the frame puts it.
    begins = tokenizer.pair(question, [-1])[0].index(-1)
    room = context - len(tokenizer.pair(question, [])[0])
    if room < 1:
        raise LangueError(f"a context of {context} has no room for a text beside a question of {len(question)} tokens")
    step = max(1, room - min(stride, room // 2))
    windows = []
    for start in range(0, len(ids), step):
        row, segments = tokenizer.pair(question, ids[start : start + room])
        windows.append(Window(row, segments, begins, places[start : start + room]))
        if start + room >= len(ids):
            break
    return windows


def answers_of(row: Labelled) -> list[dict[str, Any]]:
    """The right answers of a row, `{"text", "start"}` each; none where the text holds none.

    `answers` may be such a list, or the two lists of Hugging Face's copy; `answer` with `start`, or alone, is one. In a
    table without lists they are spelt as JSON or Python does. A `start` that is missing is None.

    Raises:
        LangueError: there are none to read; names the place.
    """
    given = row.values.get("answers")
    if given is None:
        if "answer" not in row.values:
            raise missing_columns(row.place, _columns(row), row.values)
        text = row.values["answer"]
        nothing = is_missing(text) or text == ""
        return [] if nothing else [{"text": label_name(text), "start": _start(row, row.values.get("start"))}]
    if isinstance(given, str):
        with suppress(ValueError):
            given = spelt(given)
    if isinstance(given, Mapping):
        given = _of_two_lists(given)
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(_is_answer(each) for each in given):
        shape, got = '[{"text": "…", "start": 0}]', row.values["answers"]
        raise LangueError(f"{row.place}: answers should be a list such as {shape}, got {got!r:.60}")
    return [{"text": each["text"], "start": _start(row, each.get("start", each.get("answer_start")))} for each in given]


def _start(row: Labelled, given: Any) -> int | None:
    """Where an answer begins, in characters, whatever type its format gave the number; None where nobody knows.

    Raises:
        LangueError: it is no number; names the place.
    """
    if is_missing(given) or given == "":
        return None
    start = whole(given)
    if start is None:
        raise LangueError(f"{row.place}: start should be a whole number of characters, got {given!r:.60}")
    return start


def _of_two_lists(given: Mapping[str, Any]) -> Any:
    """What Hugging Face's copy of SQuAD has in two lists, as a list of answers; None where it is something else."""
    texts, starts = given.get("text"), given.get("answer_start")
    if not isinstance(texts, list | tuple) or not isinstance(starts, list | tuple) or len(texts) != len(starts):
        return None
    return [{"text": text, "start": start} for text, start in zip(texts, starts, strict=True)]


def _is_answer(given: Any) -> bool:
    return isinstance(given, Mapping) and isinstance(given.get("text"), str)


def span_of(row: Labelled) -> tuple[int, int] | None:
    """The first right answer as characters of the context; None for no answer.

    An answer that stands within a few characters of where it says is found; one that says nothing stands where its
    text comes first.

    Raises:
        LangueError: it does not stand there; names the place.
    """
    answers = answers_of(row)
    if not answers:
        return None
    text, start = str(answers[0]["text"]), answers[0]["start"]
    context = text_of(row, "context")
    first = context.find(text) if text else -1
    if first < 0:
        raise LangueError(
            f"{row.place}: the answer {text!r:.60} does not stand in its context; mend the row or leave it out"
        )
    place = first if start is None else place_near(context, text, start)
    if place is None:
        raise LangueError(
            f"{row.place}: the answer {text!r:.60} does not stand near character {start} of its context, but first at "
            f"{first}; mend its start, or leave start out to take the first"
        )
    return place, place + len(text)


def check(row: Labelled) -> None:
    """Refuse a row by which no answers can be measured.

    Raises:
        LangueError: the question or the context is missing or empty, or the answer does not stand in the context; names
            the place.
    """
    require(row, *_columns(row))
    text_of(row, "question")
    text_of(row, "context")
    span_of(row)


def _columns(row: Labelled) -> tuple[str, ...]:
    """The columns of a row to learn from."""
    return ("question", "context", "answer" if "answer" in row.values else "answers")


def encoded_windows(
    tokenizer: Tokenizer, rows: Sequence[Labelled], settings: AnswerSettings, context: int
) -> Iterator[EncodedExample]:
    """All windows to learn from: one that holds the whole answer points at it, any other at its first position.

    Raises:
        LangueError: an answer does not stand in its context, or a question or text is empty; names the place.
    """
    for row in rows:
        require(row, *_columns(row))
    for row, windows in zip(rows, windows_of(tokenizer, rows, settings, context), strict=True):
        span = span_of(row)
        for window in windows:
            yield EncodedExample(window.ids, window.segments, _target(window, span))


def _target(window: Window, span: tuple[int, int] | None) -> tuple[int, int]:
    """The positions of the answer's first and last token in a window, or (0, 0)."""
    if span is None:
        return 0, 0
    starts, ends = window.places[:, 0], window.places[:, 1]
    if span[0] < starts[0] or span[1] > ends[-1]:
        return 0, 0
    touched = np.flatnonzero((starts < span[1]) & (ends > span[0]))
    if not len(touched):
        return 0, 0
    return window.begins + int(touched[0]), window.begins + int(touched[-1])
