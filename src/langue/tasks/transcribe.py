"""Transcription: recordings in, what is said in them out, by whatever kind of model hears."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langue.data.audio import RATE, Sound, read_audio
from langue.data.labelled import Labelled, text_of
from langue.data.recordings import recording_of
from langue.errors import LangueError
from langue.metrics.speech import Normaliser, speech_scores
from langue.models import Model
from langue.text import Tokenizer

TOGETHER = 960 * RATE
"""Samples that are held at once."""


@dataclass(frozen=True)
class Word:
    """A word, and when it was heard, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording, in seconds, and what is said in it."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """What is said in one recording.

    Attributes:
        text: all of it.
        seconds: length of the recording.
        segments: stretches of it, in their order.
        words: each with its time, where the model tells.
        score: log-probability of all that was written.
        language: the code of the language, where the model knows several.
    """

    text: str
    seconds: float
    segments: list[Segment] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    score: float = 0.0
    language: str | None = None


class Transcribe(ABC):
    """A model that writes down what it hears.

    Args:
        model: one with ears.
        tokenizer: of what it writes.

    Raises:
        LangueError: the model hears nothing, or the tokenizer is of another one.
    """

    name = "transcribe"

    def __init__(self, model: Model, tokenizer: Tokenizer):
        if model.config.audio is None:
            raise LangueError(f"the model is a {model.config.form} of text; to transcribe takes model.audio")
        if tokenizer.vocab_size > model.config.vocab_size:
            raise LangueError("the tokenizer has more tokens than the model knows; they do not belong together")
        self.model, self.tokenizer, self.audio = model.eval(), tokenizer, model.config.audio

    @classmethod
    def open(
        cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None
    ) -> Transcribe:
        """The task of a model and of the recipe it was trained by, where there is one."""
        from langue.tasks.spell import Spell
        from langue.tasks.whisper import Whisper

        if model.config.form == "seq2seq":
            return Whisper(model, tokenizer)
        return Spell(model, tokenizer, None if recipe is None else recipe.transcribe)

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[str]:
        """The text of each of a list of recordings, or of rows with the column audio."""
        sounds = (
            recording_of(Labelled(f"input {number}", given)).read()
            if isinstance(given, dict) and "audio" in given
            else read_audio(given)
            for number, given in enumerate(inputs, 1)
        )
        return [found.text for found in self.hear(sounds, **options)]

    def transcribe(self, sounds: Sound | Sequence[Sound], **options: Any) -> str | list[str]:
        """What is said in one recording or in many.

        Args:
            sounds: files, samples (n,) at 16 kHz, or mappings such as datasets give them; see `langue.data.audio`.
            options: those of `hear`.

        Returns:
            A string for one recording, a list for a list of them.

        Raises:
            LangueError: a recording cannot be read.
        """
        many = sounds if isinstance(sounds, list | tuple) else [sounds]
        found = self.predict(many, **options)
        return found if isinstance(sounds, list | tuple) else found[0]

    def hear(
        self, sounds: Iterable[np.ndarray], *, advance: Callable[[float], Any] | None = None, **options: Any
    ) -> list[Transcript]:
        """What is said in each recording (samples,) at 16 kHz, in order.

        Args:
            sounds: recordings, of which some minutes are held at once.
            advance: called with how many seconds were heard.
            options: what the kind of model takes: `beams`, and of a Whisper the fields of `WhisperOptions`.
        """
        found: list[Transcript] = []
        held: list[np.ndarray] = []
        for sound in sounds:
            held.append(sound)
            if sum(map(len, held)) >= TOGETHER:
                found += self.together(held, advance, **options)
                held = []
        return found + (self.together(held, advance, **options) if held else [])

    @abstractmethod
    def together(self, sounds: list[np.ndarray], advance: Any, **options: Any) -> list[Transcript]:
        """What is said in some recordings."""

    def score(
        self, predicted: Sequence[str], expected: Sequence[str], normaliser: Normaliser = "basic"
    ) -> dict[str, float]:
        """Word and character error rate."""
        return speech_scores(predicted, expected, normaliser)

    def evaluate(
        self, rows: Sequence[Labelled], precision: str = "fp32", sounds: Sequence[np.ndarray] | None = None
    ) -> tuple[dict[str, float], list[str]]:
        """Error rates and the transcripts of labelled rows, whose recordings may have been read already."""
        texts = [text_of(row, "text") for row in rows]
        sounds = [recording_of(row).read() for row in rows] if sounds is None else sounds
        answers = [found.text for found in self.hear(sounds)]
        return self.score(answers, texts), answers


def batches(lengths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Numbers of recordings that go through a model together: of like length, longest first, `room` samples at once."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    start = 0
    while start < len(order):
        count = max(1, room // max(1, lengths[order[start]]))
        yield order[start : start + count]
        start += count
