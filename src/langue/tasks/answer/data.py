"""Rows with a question, a text and its answers, and the windows of tokens that they are learnt from."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from langue.account import note_length
from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled, missing_columns, require, text_of
from langue.data.values import is_missing, label_name, place_near, spelt, whole
from langue.errors import LangueError
from langue.tasks.answer.settings import AnswerSettings
from langue.text import Tokenizer


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
        note_length(len(question), settings.question_tokens, f"the {settings.question_tokens} tokens of a question")
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
    answers = row.values.get("answers")
    if answers is None:
        if "answer" not in row.values:
            raise missing_columns(row.place, _columns(row), row.values)
        text = row.values["answer"]
        nothing = is_missing(text) or text == ""
        return [] if nothing else [{"text": label_name(text), "start": _start(row, row.values.get("start"))}]
    if isinstance(answers, str):
        with suppress(ValueError):
            answers = spelt(answers)
    if isinstance(answers, Mapping):
        answers = _of_two_lists(answers)
    if isinstance(answers, str) or not isinstance(answers, Sequence) or not all(map(_is_answer, answers)):
        shape, got = '[{"text": "…", "start": 0}]', row.values["answers"]
        raise LangueError(f"{row.place}: answers should be a list such as {shape}, got {got!r:.60}")
    return [
        {"text": answer["text"], "start": _start(row, answer.get("start", answer.get("answer_start")))}
        for answer in answers
    ]


def _start(row: Labelled, value: Any) -> int | None:
    """The character at which an answer begins, whatever type its format gave the number; None if unknown.

    Raises:
        LangueError: it is no number; names the place.
    """
    if is_missing(value) or value == "":
        return None
    start = whole(value)
    if start is None:
        raise LangueError(f"{row.place}: start should be a whole number of characters, got {value!r:.60}")
    return start


def _of_two_lists(lists: Mapping[str, Any]) -> Any:
    """A list of answers from the two lists of Hugging Face's copy of SQuAD; None where it is something else."""
    texts, starts = lists.get("text"), lists.get("answer_start")
    if not isinstance(texts, list | tuple) or not isinstance(starts, list | tuple) or len(texts) != len(starts):
        return None
    return [{"text": text, "start": start} for text, start in zip(texts, starts, strict=True)]


def _is_answer(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("text"), str)


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
