"""Transcription: recordings in, what is said in them out, by whatever kind of model hears."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from langue.data.audio import RATE, Sound, read_audio
from langue.data.labelled import Labelled, text_of
from langue.data.recordings import recording_of
from langue.errors import LangueError
from langue.metrics.speech import Normaliser, plain, speech_scores
from langue.models import Model, ModelConfig
from langue.objectives import TranscribeSettings
from langue.text import Tokenizer
from langue.train.device import autocast

TOGETHER = 960 * RATE
"""Samples that are held at once."""

ROOM = 120 * RATE
"""Samples that go through a model at once, padding included."""

LONGEST = 30 * RATE
"""Samples of a piece at most: longer recordings are cut where they are quiet."""

QUIET = RATE // 5
"""Samples over which loudness is judged."""


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
        settings: how it was taught, or is to be.

    Raises:
        LangueError: the model hears nothing, or the tokenizer is of another one.
    """

    name = "transcribe"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        if model.config.audio is None:
            raise LangueError(f"the model is a {model.config.form} of text; to transcribe takes model.audio")
        if tokenizer.vocab_size > model.config.vocab_size:
            raise LangueError("the tokenizer has more tokens than the model knows; they do not belong together")
        self.model, self.tokenizer, self.audio = model.eval(), tokenizer, model.config.audio
        self.settings = settings or TranscribeSettings()

    @classmethod
    def open(
        cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None
    ) -> Transcribe:
        """The task of a model and of the recipe it was trained by, where there is one."""
        kind = kind_of(model.config, tokenizer)
        return kind(model, tokenizer, None if recipe is None else recipe.transcribe)

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
        """Loss, error rates and the transcripts of labelled rows, whose recordings may have been read already."""
        texts = [text_of(row, "text") for row in rows]
        sounds = [recording_of(row).read() for row in rows] if sounds is None else sounds
        with autocast(self.model.device, precision):  # type: ignore[arg-type]
            answers = [found.text for found in self.hear(sounds)]
        return {**self.loss(sounds, texts, precision), **self.score(answers, texts)}, answers

    def loss(self, sounds: Sequence[np.ndarray], texts: Sequence[str], precision: str = "fp32") -> dict[str, float]:
        """Loss in nats per token."""
        targets = self.encode([written(text, self.settings) for text in texts])
        objective, total, count = self.objective(), 0.0, 0
        was_training = self.model.training
        self.model.eval()
        for numbers in batches([len(sound) for sound in sounds], ROOM):
            batch = objective.batch([{"audio": sounds[n], "target": targets[n]} for n in numbers])
            with torch.inference_mode(), autocast(self.model.device, precision):  # type: ignore[arg-type]
                found = objective.loss(self.model, batch.to(self.model.device))
            total += float(found.total)
            count += int(found.count)
        self.model.train(was_training)
        return {"loss": total / max(1, count)}

    @abstractmethod
    def objective(self, smoothing: float = 0.0) -> Any:
        """What it learns by."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts that stand as `written` has them."""
        return self.tokenizer.encode_batch(list(texts))


def kind_of(config: ModelConfig, tokenizer: Tokenizer) -> type[Transcribe]:
    """How a model transcribes: letter by letter, as a Whisper, or by dictation."""
    from langue.tasks.dictate import Dictate
    from langue.tasks.spell import Spell
    from langue.tasks.whisper import Whisper, is_whispers

    if config.form != "seq2seq":
        return Spell
    return Whisper if is_whispers(tokenizer) else Dictate


def written(text: str, settings: TranscribeSettings) -> str:
    """A transcript as a model learns to write it."""
    return plain(text) if settings.letters == "plain" else " ".join(text.split())


def batches(lengths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Numbers of recordings that go through a model together: of like length, longest first, `room` samples at once."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    start = 0
    while start < len(order):
        count = max(1, room // max(1, lengths[order[start]]))
        yield order[start : start + count]
        start += count


def cut(samples: np.ndarray, longest: int) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of `longest` samples at most with the sample that each begins at, cut in the quietest fifth of a second of
    the second half of what there is room for."""
    start, quiet = 0, min(QUIET, max(1, longest // 4))
    while len(samples) - start > longest:
        half = samples[start + longest // 2 : start + longest]
        half = half[: len(half) // quiet * quiet].astype(np.float64).reshape(-1, quiet)
        end = start + longest // 2 + int((half**2).sum(1).argmin()) * quiet + quiet // 2
        yield start, samples[start:end]
        start = end
    yield start, samples[start:]
