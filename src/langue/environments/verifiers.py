"""Verifiers: small typed things that say how good a text is, each of which a recipe can state.

    numeric                                  the last number is that of the prompt's column `answer`
    regex:^yes                               a pattern is found
    mymodule:my_function                     a function of Python's
    {kind: label, path: runs/mood, label: good}

A string is the kind, and behind a colon what its first setting is; or `module:name`.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from langue.data.values import finite
from langue.environments.environment import Outcome
from langue.errors import LangueError, hint
from langue.lazy import fetch, fetch_named
from langue.metrics.answers import normalize_answer
from langue.settings import Settings, parse

Row = Mapping[str, Any]
"""A prompt with the columns that stand beside it: `{"prompt": …, "answer": …}`."""

NUMBER = re.compile(r"[-+]?(?:\d[\d,]*)?\.?\d+(?:[eE][-+]?\d+)?")


class Verifier(Settings):
    """Base of all verifiers; the settings are the verifier itself."""

    @abstractmethod
    def judge(self, row: Row, text: str) -> Outcome:
        """The outcome of a text that goes on from a row's prompt.

        Raises:
            LangueError: the row or the verifier lacks what is needed.
        """

    def check(self, row: Row) -> object:
        """Refuse a row by which nothing can be judged, before anything is written.

        Raises:
            LangueError: as of `judge`.
        """

    def judge_all(self, rows: Sequence[Row], texts: Sequence[str]) -> list[Outcome]:
        """The same for many at once."""
        return [self.judge(row, text) for row, text in zip(rows, texts, strict=True)]


class FunctionVerifier(Verifier):
    """A function of Python's, called with the text and the row.

    It returns a number, or a number and the environment's reply, behind which the agent goes on; a reply of None ends
    the episode.
    """

    function: str
    """`module:name`."""

    @cached_property
    def _function(self) -> Any:
        return fetch_named(self.function, "a verifier")

    def check(self, row: Row) -> object:
        return self._function

    def judge(self, row: Row, text: str) -> Outcome:
        answer = self._function(text, row)
        value, reply = answer if isinstance(answer, tuple) else (answer, None)
        number = float(value) if isinstance(value, bool | int | float | np.number) else None
        if number is None or not isinstance(reply, str | None):
            raise LangueError(
                f"{self.function} returned {answer!r:.80}; a verifier returns a number, or one and a reply"
            )
        return Outcome(number, reply or "", ended=reply is None)


class Regex(Verifier):
    """1 where a pattern is found, else 0."""

    pattern: str
    """A regular expression of Python's."""
    whole: bool = False
    """The pattern has to match the whole text, but for white space around it."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern

    def judge(self, row: Row, text: str) -> Outcome:
        match = re.fullmatch(self.pattern, text.strip()) if self.whole else re.search(self.pattern, text)
        return Outcome(float(match is not None))


class Length(Verifier):
    """1 where a text is as long as it should be; falling to 0 as the length is further off than the nearest bound."""

    at_least: int = Field(default=0, ge=0)
    """Units, at least."""
    at_most: int | None = Field(default=None, ge=0)
    """Units, at most."""
    unit: Literal["words", "characters"] = "words"
    """The unit that is counted."""

    @model_validator(mode="after")
    def _ordered(self) -> Length:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most {self.at_most} is less than at_least {self.at_least}")
        return self

    def judge(self, row: Row, text: str) -> Outcome:
        count = len(text.split() if self.unit == "words" else text)
        most = math.inf if self.at_most is None else self.at_most
        bound = min(max(count, self.at_least), most)
        return Outcome(1.0 if bound == count else max(0.0, 1.0 - abs(count - bound) / max(1.0, bound)))


class Exact(Verifier):
    """1 where a text is the row's answer, but for white space around it; else 0."""

    column: str = "answer"
    """The column with the answer."""
    normal: bool = False
    """Compare as SQuAD does: without case, ASCII's punctuation and English articles."""

    def check(self, row: Row) -> object:
        return answer_of(row, self.column)

    def judge(self, row: Row, text: str) -> Outcome:
        texts = text, str(answer_of(row, self.column))
        first, second = map(normalize_answer, texts) if self.normal else map(str.strip, texts)
        return Outcome(float(first == second))


class Numeric(Verifier):
    """1 where the last number of a text is the row's answer; else 0."""

    column: str = "answer"
    """The column with the answer."""
    tolerance: float = Field(default=0.0, ge=0)
    """The largest difference that still counts as right."""

    def check(self, row: Row) -> float:
        answer = answer_of(row, self.column)
        expected = last_number(answer) if isinstance(answer, str) else finite(answer)
        if expected is None:
            raise LangueError(f"{row.get('prompt')!r:.60}: {self.column} should be a number, got {answer!r:.60}")
        return expected

    def judge(self, row: Row, text: str) -> Outcome:
        expected, written = self.check(row), last_number(text)
        return Outcome(float(written is not None and abs(written - expected) <= self.tolerance))


class _Classifier(Verifier):
    """Base of verifiers that ask a classifier of Langue's."""

    path: str
    """A run, or another model's folder."""
    device: str = "auto"
    """cpu, cuda, …"""
    prompt: bool
    """The prompt is judged as well."""
    empty: float = 0.0
    """The reward of no text at all."""

    @cached_property
    def _task(self) -> Any:
        return fetch("langue.tasks:load")(self.path, self.device, task="classify")

    @abstractmethod
    def scores(self, rows: Sequence[Row], texts: Sequence[str]) -> list[float]:
        """The score of each of some texts behind its row's prompt, none of which is empty."""

    def read(self, rows: Sequence[Row], texts: Sequence[str]) -> list[str]:
        """Texts as one piece, with their prompts where these are judged as well."""
        return [f"{row['prompt']}{text}" if self.prompt else text for row, text in zip(rows, texts, strict=True)]

    def judge(self, row: Row, text: str) -> Outcome:
        return self.judge_all([row], [text])[0]

    def judge_all(self, rows: Sequence[Row], texts: Sequence[str]) -> list[Outcome]:
        written = [number for number, text in enumerate(texts) if text.strip()]
        judged = [rows[number] for number in written], [texts[number] for number in written]
        scores = dict(zip(written, self.scores(*judged), strict=True))
        return [Outcome(scores.get(number, self.empty)) for number in range(len(texts))]


class Label(_Classifier):
    """The probability of a label, as a classifier sees a text."""

    label: str
    """The label."""
    prompt: bool = False

    def check(self, row: Row) -> object:
        task = self._task
        if task.kind not in ("label", "labels") or self.label not in task.settings.labels:
            raise LangueError(f"{self.path} knows no label {self.label}; {hint(self.label, task.settings.labels)}")
        return task

    def scores(self, rows: Sequence[Row], texts: Sequence[str]) -> list[float]:
        return [answer["scores"][self.label] for answer in self._task.classify(self.read(rows, texts), scores=True)]


class Score(_Classifier):
    """The score of a reward model: a classifier with one output, which reads prompt and text. One that was trained to
    choose between texts reads them apart, as it did then."""

    prompt: bool = True

    def check(self, row: Row) -> object:
        if self._task.kind not in ("number", "choice"):
            raise LangueError(f"{self.path} is no reward model: it tells labels apart; name one by kind: label")
        return self._task

    def scores(self, rows: Sequence[Row], texts: Sequence[str]) -> list[float]:
        if self._task.kind == "number":
            return self._task.classify(self.read(rows, texts))
        return self._task.rewards([row["prompt"] for row in rows], texts)


KINDS: dict[str, type[Verifier]] = {
    "function": FunctionVerifier,
    "regex": Regex,
    "length": Length,
    "exact": Exact,
    "numeric": Numeric,
    "label": Label,
    "reward": Score,
}


def verifier_of(spec: Verifier | str | Mapping[str, Any]) -> Verifier:
    """A verifier as a recipe states it; see above.

    Raises:
        LangueError: there is no such kind, or it has no such setting.
    """
    if isinstance(spec, Verifier):
        return spec
    if isinstance(spec, str):
        spec = _spelled_out(spec)
    if not isinstance(spec, Mapping):
        raise LangueError(f"a verifier is a name or a mapping with its kind, not {spec!r:.60}")
    kind = str(spec.get("kind"))
    if kind not in KINDS:
        raise LangueError(f"there is no verifier of kind {kind}; {hint(kind, KINDS)}, or name a module:function")
    return parse(KINDS[kind], {name: value for name, value in spec.items() if name != "kind"}, f"verifier {kind}")


def _spelled_out(text: str) -> dict[str, Any]:
    kind, colon, value = text.partition(":")
    if kind in KINDS:
        return {"kind": kind, **({next(iter(KINDS[kind].model_fields)): value} if colon else {})}
    return {"kind": "function", "function": text} if colon else {"kind": text}


def answer_of(row: Row, column: str) -> Any:
    """A row's answer.

    Raises:
        LangueError: it has none.
    """
    answer = row.get(column)
    if answer is None:
        raise LangueError(f"the prompt {row.get('prompt')!r:.60} has no {column}; {hint(column, list(row))}")
    return answer


def last_number(text: str) -> float | None:
    """The last number in a text; commas may part thousands."""
    numbers = NUMBER.findall(text)
    return finite(numbers[-1].replace(",", "")) if numbers else None
