"""Transcription: recordings in, what is said in them out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from langue.data.audio import RATE, Sound, read_audio
from langue.data.labelled import Labelled, text_of
from langue.data.recordings import recording_of
from langue.decode.ctc import Heard, decode
from langue.errors import LangueError
from langue.metrics.speech import Normaliser, plain, speech_scores
from langue.models import Model
from langue.nn.mel import HOP
from langue.objectives import CTC, TranscribeSettings
from langue.text import Tokenizer
from langue.train.device import autocast

TOGETHER = 120 * RATE
"""Samples that go through the model at once, padding included."""

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
class Transcript:
    """What is said in one recording.

    Attributes:
        text: all of it.
        seconds: length of the recording.
        words: each with its time: from where its first letter was heard to where its last one was.
        score: log-probability, of all pieces together.
    """

    text: str
    seconds: float
    words: list[Word] = field(default_factory=list)
    score: float = 0.0


class Transcribe:
    """An encoder of recordings whose positions write letters or blanks (CTC).

    Args:
        model: an encoder that hears.
        tokenizer: of what it writes.
        settings: how it was taught.

    Raises:
        LangueError: the model hears nothing, or the tokenizer is of another one.
    """

    name = "transcribe"

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        if model.config.audio is None:
            raise LangueError(f"the model is a {model.config.form} of text; to transcribe takes model.audio")
        if tokenizer.vocab_size > model.config.vocab_size:
            raise LangueError("the tokenizer has more tokens than the model knows; they do not belong together")
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings or TranscribeSettings()
        self.ctc = CTC(model.config.audio, tokenizer.pad)

    @classmethod
    def open(
        cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None
    ) -> Transcribe:
        """The task of a model and of the recipe it was trained by, where there is one."""
        return cls(model, tokenizer, None if recipe is None else recipe.transcribe)

    def objective(self) -> CTC:
        """What it learns by."""
        return CTC(self.ctc.audio, self.ctc.blank, self.settings)

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
            options: `beams`, how many beginnings are followed at once; 1 takes the likeliest letter of each moment.

        Returns:
            A string for one recording, a list for a list of them.

        Raises:
            LangueError: a recording cannot be read.
        """
        many = sounds if isinstance(sounds, list | tuple) else [sounds]
        found = self.predict(many, **options)
        return found if isinstance(sounds, list | tuple) else found[0]

    def hear(
        self,
        sounds: Sequence[np.ndarray] | Iterator[np.ndarray],
        *,
        beams: int | None = None,
        advance: Callable[[float], Any] | None = None,
    ) -> list[Transcript]:
        """What is said in each recording (samples,) at 16 kHz, in order.

        Args:
            sounds: recordings, of which no more are held than go through the model at once.
            beams: beginnings that are followed at once; None takes what the training measured by.
            advance: called with how many seconds were heard.
        """
        found: list[Transcript] = []
        held: list[np.ndarray] = []
        for sound in sounds:
            held.append(sound)
            if sum(map(len, held)) >= 8 * TOGETHER:
                found += self._together(held, beams or self.settings.beams, advance)
                held = []
        return found + self._together(held, beams or self.settings.beams, advance)

    def _together(self, sounds: list[np.ndarray], beams: int, advance: Any) -> list[Transcript]:
        pieces = [(owner, start, piece) for owner, each in enumerate(sounds) for start, piece in self._cut(each)]
        heard: list[Heard] = [Heard([], [], 0.0)] * len(pieces)
        for numbers in _batches([len(piece) for _, _, piece in pieces]):
            for number, each in zip(numbers, self._read([pieces[n][2] for n in numbers], beams), strict=True):
                heard[number] = each
            if advance is not None:
                advance(sum(len(pieces[n][2]) for n in numbers) / RATE)
        of_each: list[list[tuple[int, Heard]]] = [[] for _ in sounds]
        for (owner, start, _), each in zip(pieces, heard, strict=True):
            of_each[owner].append((start, each))
        return [self._transcript(len(sound), parts) for sound, parts in zip(sounds, of_each, strict=True)]

    def _cut(self, samples: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        return cut(samples, min(LONGEST, self.longest))

    @property
    def longest(self) -> int:
        """Samples that the model has positions for."""
        return self.model.config.context * self.ctc.audio.stride * HOP

    @torch.inference_mode()
    def _read(self, pieces: list[np.ndarray], beams: int) -> list[Heard]:
        batch = self.ctc.batch([{"audio": piece, "target": []} for piece in pieces]).to(self.model.device)
        logs = self.ctc.log_probabilities(self.model, batch)
        return decode(logs, self.ctc.lengths(batch).tolist(), self.ctc.blank, beams)

    def _transcript(self, samples: int, pieces: list[tuple[int, Heard]]) -> Transcript:
        second = RATE / HOP / self.ctc.audio.stride
        words: list[Word] = []
        for start, heard in pieces:
            begun = start / RATE
            times = [begun + position / second for position in heard.positions]
            words += self._words(heard.tokens, times, 1 / second)
        text = " ".join(self.tokenizer.decode(heard.tokens).strip() for _, heard in pieces)
        score = sum(heard.score for _, heard in pieces)
        return Transcript(" ".join(text.split()), samples / RATE, words, score)

    def _words(self, tokens: Sequence[int], times: Sequence[float], position: float) -> list[Word]:
        """Words and their times: a token's letters all have its time."""
        found: list[Word] = []
        letters: list[tuple[str, float]] = []
        for token, time in zip([*tokens, None], [*times, 0.0], strict=True):
            text = " " if token is None else self.tokenizer.decode([token])
            for letter in text:
                if not letter.isspace():
                    letters.append((letter, time))
                elif letters:
                    word = "".join(each for each, _ in letters)
                    found.append(Word(word, round(letters[0][1], 3), round(letters[-1][1] + position, 3)))
                    letters = []
        return found

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
            answers = [found.text for found in self.hear(iter(sounds))]
        return {**self.loss(sounds, texts, precision), **self.score(answers, texts)}, answers

    def loss(self, sounds: Sequence[np.ndarray], texts: Sequence[str], precision: str = "fp32") -> dict[str, float]:
        """Loss in nats per token."""
        targets = [self.tokenizer.encode(self.written(text)) for text in texts]
        total, count = 0.0, 0
        was_training = self.model.training
        self.model.eval()
        for numbers in _batches([len(sound) for sound in sounds]):
            batch = self.ctc.batch([{"audio": sounds[n], "target": targets[n]} for n in numbers])
            with torch.inference_mode(), autocast(self.model.device, precision):  # type: ignore[arg-type]
                found = self.ctc.loss(self.model, batch.to(self.model.device))
            total += float(found.total)
            count += int(found.count)
        self.model.train(was_training)
        return {"loss": total / max(1, count)}

    def written(self, text: str) -> str:
        """A transcript as the model learns to write it."""
        return plain(text) if self.settings.letters == "plain" else " ".join(text.split())


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


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of recordings that go through the model together: of like length, longest first."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    start = 0
    while start < len(order):
        count = max(1, math.floor(TOGETHER / max(1, lengths[order[start]])))
        yield order[start : start + count]
        start += count
