"""Transcription: recordings in, what is said in them out, by whatever kind of model hears."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from langue.batch import Example
from langue.console import with_article
from langue.data.audio import RATE, Sound, read_blocks
from langue.data.labelled import Labelled, require, text_of
from langue.data.playback import Pieces, Playback
from langue.data.recordings import recording_of
from langue.data.voice import Voice, detector_of
from langue.engine import GenerationSettings
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.metrics.significance import CorpusStatistics
from langue.metrics.speech import Normaliser, error_rate, error_statistics, plain
from langue.metrics.translation import Languages
from langue.models import Model, ModelConfig
from langue.objectives.padding import by_length
from langue.policies import TranscriberPolicy
from langue.tasks.inputs import as_list
from langue.tasks.losses import mean_loss
from langue.tasks.references import ReferenceTask
from langue.tasks.task import check_vocabulary
from langue.tasks.transcribe.settings import TranscribeRecipe, TranscribeSettings
from langue.text import Tokenizer
from langue.training.device import autocast

SAMPLES_TOGETHER = 960 * RATE
"""Samples that are held at once."""

BATCH_SAMPLES = 120 * RATE
"""Samples that go through a model at once, padding included."""

PIECE_SAMPLES = 30 * RATE
"""Samples of a piece at most: longer recordings are cut where they are quiet."""

QUIET = RATE // 5
"""Samples over which loudness is judged."""


@dataclass(frozen=True)
class Word:
    """A word, and when it was heard, in seconds.

    Attributes:
        text: without spaces around it.
        start: of it.
        end: of it.
        probability: of its being this word, where the model tells.
    """

    text: str
    start: float
    end: float
    probability: float | None = None


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording, in seconds, and what is said in it, with its words where the model tells."""

    text: str
    start: float
    end: float
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Transcript:
    """The transcript of one recording.

    Attributes:
        text: all of it.
        seconds: length of the recording.
        segments: stretches of it, in their order.
        score: log-probability of all that was written.
        language: the code of the language, where the model knows several.
    """

    text: str
    seconds: float
    segments: list[Segment] = field(default_factory=list)
    score: float = 0.0
    language: str | None = None

    @property
    def words(self) -> list[Word]:
        """The words of all segments."""
        return [word for segment in self.segments for word in segment.words]


class DrawnTranscript(NamedTuple):
    """A text that a model drew for one recording, as a policy.

    Attributes:
        text: what it says.
        prompt: the decoder's first tokens.
        tokens: that were drawn, the ending one as well.
        log_probabilities: that each was drawn with, in nats; of CTC, which draws a text as a whole, all of it stands at
            the ending token.
        features: (frames, bins) of the recording.
        ended: the text ended by itself.
    """

    text: str
    prompt: Sequence[int]
    tokens: Sequence[int]
    log_probabilities: Sequence[float]
    features: Tensor
    ended: bool = True


class Transcribe(ReferenceTask):
    """A model that writes down what it hears.

    Args:
        model: one with ears.
        tokenizer: of what it writes.
        settings: how it was taught, or is to be.

    Raises:
        LangueError: the model hears nothing, or the tokenizer is of another one.
    """

    name = "transcribe"
    policy = TranscriberPolicy
    measured_on = "rows"
    measure_options = ("columns", "predictions")

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        if model.config.audio is None:
            raise LangueError(
                f"the model is {with_article(model.config.form)} of text; to transcribe takes model.audio"
            )
        check_vocabulary(model, tokenizer)
        self.model, self.tokenizer, self.audio = model.eval(), tokenizer, model.config.audio
        self.settings = settings or TranscribeSettings()

    @classmethod
    def open(
        cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: TranscribeRecipe | None = None
    ) -> Transcribe:
        if pretrained.model.has_blank_head:
            raise LangueError("the model hears and has not learnt to write: langue train transcribe --start-from it")
        kind = kind_of(pretrained.model.config, tokenizer)
        return kind(pretrained.model, tokenizer, None if recipe is None else recipe.transcribe)

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[str]:
        """The text of each of a list of recordings, or of rows with the column audio."""
        many = as_list(inputs, "a recording", (), (object,))
        sounds = (
            recording_of(Labelled(f"input {number}", value), self.settings.truncated).blocks()
            if isinstance(value, dict) and "audio" in value
            else read_blocks(value, truncated=self.settings.truncated)
            for number, value in enumerate(many, 1)
        )
        return [transcript.text for transcript in self.hear(sounds, **options)]

    def transcribe(self, sounds: Sound | Sequence[Sound], **options: Any) -> str | list[str]:
        """Transcribe one recording or many.

        Args:
            sounds: files, arrays of samples (n,) at 16 kHz, or mappings such as datasets give them; see
                `langue.data.audio`.
            options: those of `hear`.

        Returns:
            A string for one recording, a list for a list of them.

        Raises:
            LangueError: a recording cannot be read.
        """
        many = sounds if isinstance(sounds, list | tuple) else [sounds]
        texts = self.predict(many, **options)
        return texts if isinstance(sounds, list | tuple) else texts[0]

    def hear(
        self,
        sounds: Iterable[np.ndarray | Iterable[np.ndarray]],
        *,
        advance: Callable[[float], Any] | None = None,
        vad: Voice = "none",
        **options: Any,
    ) -> list[Transcript]:
        """The transcripts of recordings at 16 kHz, in their order.

        Args:
            sounds: recordings, (samples,) or blocks of such, of which no more is held than what is being heard.
            advance: called with how many seconds were heard.
            vad: what finds out where somebody speaks, so that all else is left out: see `langue.data.voice`.
            options: what the kind of model takes: `beams`, and of a Whisper the fields of `WhisperOptions`.
        """
        detector = detector_of(vad)
        played = (
            Playback(read_blocks(sound) if isinstance(sound, np.ndarray) else sound, detector) for sound in sounds
        )
        return self.listen(played, advance or (lambda seconds: None), **options)

    @abstractmethod
    def listen(self, sounds: Iterable[Playback], advance: Callable[[float], Any], **options: Any) -> list[Transcript]:
        """The transcript of each recording; see `hear`."""

    def statistics(
        self,
        predicted: Sequence[str],
        expected: Sequence[str],
        languages: Languages = None,
        normaliser: Normaliser = "basic",
    ) -> CorpusStatistics:
        """Word and character error rate, of texts that a normaliser has made alike; languages have no say."""
        errors = error_statistics(predicted, expected, normaliser)
        return CorpusStatistics({name: (counts, error_rate) for name, counts in errors.items()})

    def evaluate(
        self, rows: Sequence[Labelled], precision: str = "fp32", sounds: Sequence[np.ndarray] | None = None
    ) -> tuple[dict[str, float], list[str]]:
        """Loss, error rates and the transcripts of labelled rows, whose recordings may have been read already."""
        for row in rows:
            require(row, "audio", "text")
        texts = [text_of(row, "text") for row in rows]
        if sounds is None:
            sounds = [recording_of(row, self.settings.truncated).read() for row in rows]
        with autocast(self.model.device, precision):  # type: ignore[arg-type]
            answers = [transcript.text for transcript in self.hear(sounds)]
        return {**self.loss(sounds, texts, precision), **self.score(answers, texts)}, answers

    def loss(self, sounds: Sequence[np.ndarray], texts: Sequence[str], precision: str = "fp32") -> dict[str, float]:
        """Loss in nats per token."""
        targets = self.encode([written(text, self.settings) for text in texts])
        objective = self.objective()
        batches = (
            objective.batch([{"audio": sounds[number], "target": targets[number]} for number in numbers])
            for numbers in by_length([len(sound) for sound in sounds], BATCH_SAMPLES)
        )
        return {"loss": mean_loss(objective, self.model, batches, precision)}

    @abstractmethod
    def draw(
        self, sounds: Sequence[np.ndarray], keys: Sequence[tuple[int, ...]], settings: GenerationSettings
    ) -> list[DrawnTranscript]:
        """Write down recordings by chance, each in one piece.

        Args:
            sounds: (samples,) at 16 kHz; an array that comes again is heard once.
            keys: numbers that the draws of each depend on beside the seed.
            settings: of which temperature, seed, and of a decoder max_tokens count.

        Raises:
            LangueError: a recording is too long for one piece.
        """

    @property
    def prompt(self) -> Sequence[int]:
        """The first tokens of a drawn transcript, which are not drawn."""
        return [self.tokenizer.first]

    @abstractmethod
    def objective(self, smoothing: float = 0.0) -> Any:
        """The objective that it learns by."""

    def examples(self, rows: Sequence[Labelled]) -> Sequence[Example]:
        targets = self.encode([written(text_of(row, "text"), self.settings) for row in rows])
        sounds = (recording_of(row, self.settings.truncated).read() for row in rows)
        return [{"audio": sound, "target": target} for sound, target in zip(sounds, targets, strict=True)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts that stand as `written` has them."""
        return self.tokenizer.encode_batch(list(texts))


def kind_of(config: ModelConfig, tokenizer: Tokenizer) -> type[Transcribe]:
    """The class for a model that transcribes: by CTC, as a Whisper, or by a decoder's attention."""
    from langue.tasks.transcribe.ctc_transcriber import CTCTranscriber
    from langue.tasks.transcribe.seq2seq_transcriber import Seq2SeqTranscriber
    from langue.tasks.transcribe.whisper import Whisper
    from langue.text.whisper_tokens import is_whispers

    if config.form != "seq2seq":
        return CTCTranscriber
    return Whisper if is_whispers(tokenizer) else Seq2SeqTranscriber


def written(text: str, settings: TranscribeSettings) -> str:
    """A transcript as a model learns to write it."""
    return plain(text) if settings.letters == "plain" else " ".join(text.split())


def cut(sound: Playback, longest: int) -> Pieces:
    """Pieces of `longest` samples at most with the sample that each begins at, cut in the quietest fifth of a second of
    the second half of what there is room for."""
    start, quiet = 0, min(QUIET, max(1, longest // 4))
    while len(samples := sound.take(start, longest + 1)) > longest:
        half = samples[longest // 2 : longest]
        half = half[: len(half) // quiet * quiet].astype(np.float64).reshape(-1, quiet)
        end = longest // 2 + int((half**2).sum(1).argmin()) * quiet + quiet // 2
        yield start, samples[:end]
        start += end
    if len(samples):
        yield start, samples


def refuse_longer(sounds: Sequence[np.ndarray], longest: int) -> None:
    """Refuse recordings that are longer than so many samples.

    Raises:
        LangueError: one is.
    """
    most = max((len(sound) for sound in sounds), default=0)
    if most > longest:
        raise LangueError(
            f"a recording of {most / RATE:.0f} s is longer than the {longest / RATE:.0f} s that the model hears at once"
        )


class RecordingPiece(NamedTuple):
    """A stretch of one of several recordings."""

    owner: int
    """The recording's number."""
    start: int
    """The sample that it begins at."""
    samples: np.ndarray


def pieces_of(sounds: Iterable[Playback], longest: int, begun: list[Playback]) -> Iterator[list[RecordingPiece]]:
    """Pieces of recordings in their order, some minutes' worth at once; recordings are noted as they are begun."""
    held: list[RecordingPiece] = []
    for owner, sound in enumerate(sounds):
        begun.append(sound)
        for start, samples in cut(sound, longest):
            held.append(RecordingPiece(owner, start, samples))
            if sum(len(piece.samples) for piece in held) >= SAMPLES_TOGETHER:
                yield held
                held = []
    if held:
        yield held
