"""Whisper: an encoder–decoder that hears half a minute at a time and writes with times (Radford et al. 2022)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from langue.batch import Batch
from langue.data.audio import RATE
from langue.data.playback import Playback
from langue.engine import (
    EncodedSource,
    Engine,
    EngineSettings,
    GenerationSettings,
    Hypothesis,
    Request,
    SamplingSettings,
)
from langue.engine.timestamps import TimedSegment, Timestamps
from langue.errors import LangueError
from langue.models import Model
from langue.models.seq2seq import Seq2Seq
from langue.nn.state import EncoderOutput
from langue.settings import Settings, parse
from langue.tasks.task import suppressed_tokens
from langue.tasks.transcribe.predict import DrawnTranscript, Segment, Transcribe, Transcript, Word, refuse_longer
from langue.tasks.transcribe.seq2seq_objective import TranscriptionObjective
from langue.tasks.transcribe.seq2seq_transcriber import drawn_by_decoder
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.tasks.transcribe.sound import features_of, filled
from langue.tasks.transcribe.word_times import TimedWord, settled, window_words
from langue.text import Tokenizer
from langue.text.whisper_tokens import TICKS, WhisperTokens

TICK = RATE // TICKS
"""Samples between two times that it can write."""

MANY = 4
"""Windows that are heard at once, at most: more of them leave a processor's cache, which costs more than is shared."""

SOURCE_BYTES = 1 << 29
"""Bytes that what a decoder looks at may take."""


class WhisperOptions(Settings):
    """Options of a Whisper."""

    language: str | None = None
    """Code of the language that is spoken, such as fr; null lets the model find out."""
    translate: bool = False
    """Write English, whatever is spoken."""
    prompt: str = ""
    """A text that might have been said before, with names and words that it should know how to spell."""
    beams: int = Field(default=5, ge=1)
    """Hypotheses that are followed at once."""
    previous: bool = True
    """Tell it what it wrote of the half minute before."""
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """Temperatures of sampling, tried one after the other until a text is believed; 0 is beam search."""
    draws: int = Field(default=5, ge=1)
    """Texts that are drawn at each of them, the likeliest of which counts."""
    compression: float = 2.4
    """A text that zlib makes so many times as small says the same again and again, and is not believed."""
    likelihood: float = -1.0
    """Nor is one whose tokens are less likely on average, as logarithm."""
    words: bool = False
    """Tell of each word when it is said."""
    silence: float = 0.6
    """A window in which nobody speaks with this probability, and of which no text is believed, is skipped."""


@dataclass
class _Recording:
    """A recording under way.

    Attributes:
        sound: it.
        previous: tokens of what was written before, as far as the model is to be told.
        place: sample up to which it was heard.
        length: samples of the window from there on.
        window: that window as the encoder has read it, (positions, width).
        language: the token of its language, where the model knows several.
        spoken: seconds up to which words were said.
        reported: seconds of the recording that were reported as heard.
    """

    sound: Playback
    previous: list[int]
    place: int = 0
    length: int = 0
    window: Tensor = field(default_factory=lambda: torch.empty(0))
    language: int | None = None
    segments: list[Segment] = field(default_factory=list)
    score: float = 0.0
    spoken: float = 0.0
    reported: float = 0.0

    def get_on(self) -> float:
        """Seconds that were heard since the last time this was asked."""
        before, whole = self.reported, self.sound.samples / RATE
        self.reported = min(self.sound.time(self.place, ending=True), whole) if self.length else whole
        return self.reported - before


class Whisper(Transcribe):
    """A Whisper.

    Args:
        model: an encoder–decoder that hears.
        tokenizer: of what it writes, with Whisper's special tokens.
        settings: how it was taught, or is to be.

    Raises:
        LangueError: the tokenizer has no such tokens.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        super().__init__(model, tokenizer, settings)
        config = model.config
        self.tokens = WhisperTokens(tokenizer, config.vocab_size)
        self.rule = Timestamps(self.tokens.first, tokenizer.end)
        self.stride = self.audio.hop
        self.window = config.encoder_config().context * self.stride
        crosses = [spec.cross for spec in config.layer_specs if spec.cross is not None]
        width = sum(cross.heads * cross.head_width for cross in crosses)
        looked_at = 2 * config.encoder_config().context * width
        # Side by side, windows share the reading of the head, which is most of what a small decoder does.
        self.at_once = max(1, min(MANY, SOURCE_BYTES // (4 * looked_at)))
        self.suppress_tokens = tuple(sorted({*self.tokens.unspoken(), *range(tokenizer.end + 1, self.tokens.first)}))

    def objective(self, smoothing: float = 0.0) -> TranscriptionObjective:
        """A text and the times at which its recording begins and ends, half a minute's window at a time."""
        beginning = self.tokens.beginning(self._language(self.settings.language or "en"))
        times = (self.tokens.first, TICK)
        return TranscriptionObjective(
            self.audio, beginning, self.tokenizer.end, self.settings, smoothing, window=self.window, times=times
        )

    @property
    def prompt(self) -> Sequence[int]:
        """A transcript without times begins behind these."""
        return [*self.tokens.beginning(self._language(self.settings.language or "en")), self.tokens["notimestamps"]]

    def draw(
        self, sounds: Sequence[np.ndarray], keys: Sequence[tuple[int, ...]], settings: GenerationSettings
    ) -> list[DrawnTranscript]:
        """See `Transcribe.draw`: one window, without times."""
        refuse_longer(sounds, self.window)
        undrawn = {*suppressed_tokens(self.tokenizer, self.model.config.vocab_size), *self.tokens.undrawn()}
        return drawn_by_decoder(self, sounds, keys, settings, sorted(undrawn), self._window)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Whisper's texts begin with a space."""
        return self.tokenizer.encode_batch([f" {text}" for text in texts])

    def _language(self, code: str) -> int | None:
        """The token of a language; none of a model of English alone.

        Raises:
            LangueError: the model does not know it.
        """
        known = self.tokens.languages
        if not known and code != "en":
            raise LangueError("the model knows English alone")
        if known and code not in known:
            raise LangueError(f"the model does not know the language {code!r}; it knows {', '.join(sorted(known))}")
        return known.get(code)

    @torch.inference_mode()
    def listen(self, sounds: Iterable[Playback], advance: Callable[[float], Any], **options: Any) -> list[Transcript]:
        """See `hear`. Several recordings' windows are heard at once; each goes on from where its last text ended."""
        settings = parse(WhisperOptions, options, self.name)
        if settings.translate and not self.tokens.languages:
            raise LangueError("the model knows English alone")
        language = None if settings.language is None else self._language(settings.language)
        coming = (_Recording(sound, self._words(settings.prompt), language=language) for sound in sounds)
        every: list[_Recording] = []
        active: list[_Recording] = []
        while True:
            active = [recording for recording in active if self._goes_on(recording, advance)]
            while len(active) < self.at_once and (begun := next(coming, None)) is not None:
                every.append(begun)
                active += [begun] if self._goes_on(begun, advance) else []
            if not active:
                return [self._transcript(recording) for recording in every]
            self._encode(active)
            for recording, written in zip(active, self._write(active, settings), strict=True):
                self._note(recording, *written, settings)
            advance(sum(recording.get_on() for recording in active))

    def _goes_on(self, recording: _Recording, advance: Callable[[float], Any]) -> bool:
        """Go on to a recording's next window, and say whether there is one."""
        samples = recording.sound.take(recording.place, self.window)
        recording.length = len(samples)
        if not recording.length:
            advance(recording.get_on())
            return False
        recording.window = self._window(samples)
        return True

    def _window(self, samples: np.ndarray) -> Tensor:
        """(frames, bins) of a window's samples."""
        return filled(features_of(samples, self.audio), self.window)

    def _words(self, text: str) -> list[int]:
        return self.tokenizer.encode(f" {text.strip()}") if text.strip() else []

    def _encode(self, active: Sequence[_Recording]) -> None:
        """Read the windows' features, and find out which languages nobody has told."""
        windows = torch.stack([recording.window for recording in active]).to(self.model.device)
        nothing = torch.zeros(len(active), 0, dtype=torch.long, device=self.model.device)
        assert isinstance(self.model, Seq2Seq)
        for recording, encoded in zip(active, self.model.encode(Batch(nothing, source=windows)).hidden, strict=True):
            recording.window = encoded
            if self.tokens.languages and recording.language is None:
                numbers = torch.tensor(sorted(self.tokens.languages.values()))
                recording.language = int(numbers[self._after_start(recording)[numbers].argmax()])

    def _after_start(self, recording: _Recording) -> Tensor:
        """(V,) logits of what follows the token that starts a transcript."""
        ids = torch.tensor([[self.tokens.start]], device=self.model.device)
        return self.model(Batch(ids, encoded=recording.window[None]))[0, -1].float().cpu()

    def _prompt(self, recording: _Recording, options: WhisperOptions) -> list[int]:
        previous = [self.tokens["startofprev"], *recording.previous] if recording.previous else []
        return [*previous, *self._beginning(recording, options)]

    def _beginning(self, recording: _Recording, options: WhisperOptions) -> list[int]:
        return self.tokens.beginning(recording.language, "translate" if options.translate else "transcribe")

    def _write(self, active: Sequence[_Recording], options: WhisperOptions) -> list[tuple[Hypothesis, float]]:
        """A text for each window, and the temperature it was drawn at: the first that is believed, or the last."""
        chosen: list[tuple[Hypothesis, float]] = []
        left = list(range(len(active)))
        for temperature in options.temperatures:
            drawn = temperature > 0
            settings = SamplingSettings(
                beams=1 if drawn else options.beams, samples=options.draws if drawn else 1, temperature=temperature,
                max_tokens=self.model.config.context // 2,
            )  # fmt: skip
            requests = [
                Request(
                    self._prompt(active[number], options), settings, self.tokenizer.ends,
                    source=EncodedSource(active[number].window), suppress_tokens=self.suppress_tokens,
                    processor=self.rule,
                )
                for number in left
            ]  # fmt: skip
            texts = Engine(self.model, EngineSettings(batch_tokens=1 << 40)).run(requests)
            best = [max(samples, key=_likelihood) for samples in texts]
            if not chosen:
                chosen = [(hypothesis, temperature) for hypothesis in best]
            else:
                for number, hypothesis in zip(left, best, strict=True):
                    chosen[number] = (hypothesis, temperature)
            left = [number for number in left if not self._is_believed(chosen[number][0], options)]
            if not left:
                break
        return chosen

    def _is_believed(self, written: Hypothesis, options: WhisperOptions) -> bool:
        text = self.tokens.text(written.tokens).encode()
        repeats = len(text) / len(zlib.compress(text)) if text else 0.0
        return repeats <= options.compression and _likelihood(written) >= options.likelihood

    def _note(self, recording: _Recording, written: Hypothesis, temperature: float, options: WhisperOptions) -> None:
        """Keep the segments of a window, and go on behind the last of them that is whole."""
        if _likelihood(written) < options.likelihood:
            silent = self._after_start(recording).softmax(-1)[self.tokens.no_speech]
            if silent > options.silence:
                recording.place += recording.length
                return
        end, parts = self.rule.parts(written.tokens, recording.length / TICK)
        self._note_segments(recording, parts, options)
        recording.score += written.score
        recording.place += recording.length if end is None else end * TICK
        if options.previous:
            # What was drawn from a flat distribution would lead the next window astray.
            previous = (
                [] if temperature > 0.5 else recording.previous + [token for part in parts for token in part.tokens]
            )
            recording.previous = previous[-(self.model.config.context // 2 - 1) :]

    def _note_segments(self, recording: _Recording, parts: Sequence[TimedSegment], options: WhisperOptions) -> None:
        """Keep those that say something, with their words where these are asked for."""
        words, usual = self._window_words(recording, parts, options) if options.words else ([], 0.0)
        place = 0
        for part in parts:
            text_tokens = [token for token in part.tokens if token < self.tokenizer.end]
            own = [word for word in words if place <= word.place < place + len(text_tokens)]
            place += len(text_tokens)
            text = self.tokens.text(text_tokens).strip()
            if text and part.end > part.start:
                self._note_segment(recording, text, part, own, usual)

    def _note_segment(
        self, recording: _Recording, text: str, part: TimedSegment, words: Sequence[TimedWord], usual: float
    ) -> None:
        def time(ticks: float, ending: bool = False) -> float:
            return round(recording.sound.time(recording.place + min(ticks * TICK, recording.length), ending=ending), 3)

        start, end = time(part.start), time(part.end, ending=True)
        moved = [
            replace(word, start=time(word.start * TICKS), end=time(word.end * TICKS, ending=True)) for word in words
        ]
        moved, start, end = settled(moved, start, end, recording.spoken, usual)
        recording.spoken = end
        final_words = [Word(w.text.strip(), round(w.start, 3), round(w.end, 3), round(w.probability, 4)) for w in moved]
        recording.segments.append(Segment(text, round(start, 3), round(end, 3), final_words))

    def _window_words(
        self, recording: _Recording, parts: Sequence[TimedSegment], options: WhisperOptions
    ) -> tuple[list[TimedWord], float]:
        text_tokens = [token for part in parts for token in part.tokens if token < self.tokenizer.end]
        if not text_tokens:
            return [], 0.0
        assert isinstance(self.model, Seq2Seq)
        language = "en" if options.translate else self._code(recording)
        memory, positions = EncoderOutput(recording.window[None], None), max(1, recording.length // self.stride)
        return window_words(
            self.model, self.tokens, self._beginning(recording, options), text_tokens, memory, positions, language
        )

    def _code(self, recording: _Recording) -> str:
        return next((name for name, number in self.tokens.languages.items() if number == recording.language), "en")

    def _transcript(self, recording: _Recording) -> Transcript:
        text = " ".join(segment.text for segment in recording.segments)
        return Transcript(
            text, recording.sound.samples / RATE, recording.segments, recording.score, self._code(recording)
        )


def _likelihood(written: Hypothesis) -> float:
    """Mean log-probability of its tokens, the ending one as well."""
    return written.score / (len(written.tokens) + 1)
