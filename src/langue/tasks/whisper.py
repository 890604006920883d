"""Whisper: an encoder–decoder that hears half a minute at a time and writes with times (Radford et al. 2022)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from langue.batch import Batch
from langue.data.audio import RATE
from langue.decode import Hypothesis, Search, SearchSettings
from langue.decode.timestamps import Timestamps
from langue.errors import LangueError
from langue.models import Model
from langue.nn.mel import HOP, log_mel
from langue.objectives import Dictation, TranscribeSettings
from langue.objectives.sound import filled
from langue.settings import Settings, parse
from langue.tasks.transcribe import Segment, Transcribe, Transcript
from langue.text import Tokenizer

TICK = 320
"""Samples between two times that it can write: a fiftieth of a second."""

MANY = 4
"""Windows that are heard at once, at most: more of them leave a processor's cache, which costs more than is shared."""

ROOM = 1 << 29
"""Bytes that what a decoder looks at may take."""

MULTILINGUAL = 51_865
"""Tokens of the smallest vocabulary that was published for several languages."""

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")

# What subtitles write and nobody says (the same paper's code, `non_speech_tokens`).
_UNSAID = """ " # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』
    << >> <<< >>> -- --- -( -[ (' (" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ """
_NOTES = "♩♪♫♬♭♮♯"


class WhisperOptions(Settings):
    """How a Whisper is asked."""

    language: str | None = None
    """Code of the language that is spoken, such as fr; null lets the model find out."""
    translate: bool = False
    """Write English, whatever is spoken."""
    prompt: str = ""
    """What might have been said before: names and words that it should know how to spell."""
    beams: int = Field(default=5, ge=1)
    """Hypotheses that are followed at once."""
    previous: bool = True
    """Tell it what it wrote of the half minute before."""
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """What is drawn with, one after the other, until a text is believed."""
    draws: int = Field(default=5, ge=1)
    """Texts that are drawn at each of them, the likeliest of which counts."""
    compression: float = 2.4
    """A text that zlib makes so many times as small says the same again and again, and is not believed."""
    likelihood: float = -1.0
    """Nor is one whose tokens are less likely on average, as logarithm."""
    silence: float = 0.6
    """A window in which nobody speaks with this probability, and of which no text is believed, is skipped."""


@dataclass
class _Listening:
    """A recording under way.

    Attributes:
        samples: of it.
        place: sample up to which it was heard.
        language: the token of its language, where the model knows several.
        told: tokens of what was written before, as far as they are to be told.
    """

    samples: np.ndarray
    place: int = 0
    language: int | None = None
    told: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    score: float = 0.0

    @property
    def over(self) -> bool:
        return self.place >= len(self.samples)


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
        self.start, self.first = self._special("startoftranscript"), self._special("notimestamps") + 1
        self.window = model.config.encoder_config().context * self.audio.stride * HOP
        known = tokenizer.engine.get_vocab(with_added_tokens=True)
        between = range(self.start + 1, self._special("translate"))
        named = {found[1]: number for name, number in known.items() if (found := _LANGUAGE.fullmatch(name))}
        languages = {name: number for name, number in named.items() if number in between}
        # English-only models have the tokens and never learnt to use them.
        self.languages = languages if model.config.vocab_size >= MULTILINGUAL else {}
        self.rule = Timestamps(self.first, tokenizer.end)
        config = model.config
        looked_at = 2 * config.layers * config.encoder_config().context * config.heads * config.resolved_head_width
        # Side by side, windows share the reading of the head, which is most of what a small decoder does.
        self.at_once = max(1, min(MANY, ROOM // (4 * looked_at)))
        self.never = self._never()

    def objective(self, smoothing: float = 0.0) -> Dictation:
        """A text and the times at which its recording begins and ends, half a minute's window at a time."""
        language = self.settings.language or "en"
        if self.languages and language not in self.languages:
            raise LangueError(f"the model does not know the language {language!r}; it knows {self._known()}")
        each = _Listening(np.empty(0, np.float32), language=self.languages.get(language))
        prompt = self._prompt(each, WhisperOptions())
        times = (self.first, TICK)
        return Dictation(
            self.audio, prompt, self.tokenizer.end, self.settings, smoothing, window=self.window, times=times
        )

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Whisper's texts begin with a space."""
        return self.tokenizer.encode_batch([f" {text}" for text in texts])

    def _special(self, name: str) -> int:
        number = self.tokenizer.engine.token_to_id(f"<|{name}|>")
        if number is None:
            raise LangueError(f"the tokenizer has no token <|{name}|>, without which a Whisper cannot be asked")
        return number

    def _never(self) -> list[int]:
        """Special tokens, and signs that stand in subtitles and are not spoken."""
        encode = self.tokenizer.encode
        unsaid = {encode(" -")[0], encode(" '")[0]}
        for sign in (*_UNSAID.split(), *_NOTES):
            for tokens in (encode(sign), encode(f" {sign}")):
                if len(tokens) == 1 or sign in _NOTES:
                    unsaid.add(tokens[0])
        return sorted(unsaid | set(range(self.tokenizer.end + 1, self.first)))

    def together(self, sounds: list[np.ndarray], advance: Any, **options: Any) -> list[Transcript]:
        """See `hear`. Several recordings' windows are heard at once; each goes on from where its last text ended."""
        asked = parse(WhisperOptions, options, self.name)
        every = [_Listening(sound, told=self._words(asked.prompt)) for sound in sounds]
        self._find_languages(every, asked)
        while active := [each for each in every if not each.over][: self.at_once]:
            windows = [self._features(each) for each in active]
            before = [each.place for each in active]
            for each, written in zip(active, self._write(active, windows, asked), strict=True):
                self._note(each, *written, asked)
            if advance is not None:
                heard = (min(a.place, len(a.samples)) - b for a, b in zip(active, before, strict=True))
                advance(sum(heard) / RATE)
        return [self._transcript(each) for each in every]

    def _words(self, text: str) -> list[int]:
        return self.tokenizer.encode(f" {text.strip()}") if text.strip() else []

    def _features(self, each: _Listening) -> Tensor:
        """(frames, bins) of the window from where a recording was heard up to."""
        samples = each.samples[each.place : each.place + self.window].astype(np.float32)
        return filled(log_mel(torch.from_numpy(samples), self.audio.features, self.audio.bins), self.window)

    @torch.inference_mode()
    def _find_languages(self, every: Sequence[_Listening], asked: WhisperOptions) -> None:
        """The language of each recording, as asked or as its first window sounds.

        Raises:
            LangueError: the model does not know the one that is asked for.
        """
        if not self.languages:
            if asked.language not in (None, "en") or asked.translate:
                raise LangueError("the model knows English alone")
            return
        if asked.language is not None and asked.language not in self.languages:
            raise LangueError(f"the model does not know the language {asked.language!r}; it knows {self._known()}")
        for each in every:
            each.language = self.languages[asked.language] if asked.language else self._sounds_like(each)

    def _known(self) -> str:
        return ", ".join(sorted(self.languages))

    def _sounds_like(self, each: _Listening) -> int:
        numbers = torch.tensor(sorted(self.languages.values()))
        return int(numbers[self._after_start(self._features(each))[numbers].argmax()])

    def _after_start(self, features: Tensor) -> Tensor:
        """(V,) logits of what follows the token that starts a transcript."""
        batch = Batch(torch.tensor([[self.start]]), source=features[None]).to(self.model.device)
        return self.model(batch)[0, -1].float().cpu()

    def _prompt(self, each: _Listening, asked: WhisperOptions) -> list[int]:
        room = self.model.config.context // 2 - 1
        told = [self._special("startofprev"), *each.told[-room:]] if each.told else []
        task = [] if each.language is None else [each.language, self._special(_TASKS[asked.translate])]
        return [*told, self.start, *task]

    def _write(
        self, active: Sequence[_Listening], windows: Sequence[Tensor], asked: WhisperOptions
    ) -> list[tuple[Hypothesis, float]]:
        """A text for each window, and the temperature it was drawn at: the first that is believed, or the last."""
        found: list[tuple[Hypothesis, float]] = []
        left = list(range(len(active)))
        for temperature in asked.temperatures:
            drawn = temperature > 0
            settings = SearchSettings(
                beams=1 if drawn else asked.beams, samples=asked.draws if drawn else 1, temperature=temperature,
                max_tokens=self.model.config.context // 2, stopping="likely", batch_tokens=1 << 40,
            )  # fmt: skip
            search = Search(self.model, settings, self.tokenizer.end, self.never, self.rule)
            prompts = [self._prompt(active[number], asked) for number in left]
            texts = search.run(prompts, [windows[number] for number in left])
            best = [max(each, key=_likelihood) for each in texts]
            if not found:
                found = [(each, temperature) for each in best]
            else:
                for number, each in zip(left, best, strict=True):
                    found[number] = (each, temperature)
            left = [number for number in left if not self._is_believed(found[number][0], asked)]
            if not left:
                break
        return found

    def _is_believed(self, written: Hypothesis, asked: WhisperOptions) -> bool:
        text = self._text(written.tokens).encode()
        repeats = len(text) / len(zlib.compress(text)) if text else 0.0
        return repeats <= asked.compression and _likelihood(written) >= asked.likelihood

    @torch.inference_mode()
    def _note(self, each: _Listening, written: Hypothesis, temperature: float, asked: WhisperOptions) -> None:
        """Keep the segments of a window, and go on behind the last of them that is whole."""
        length = min(self.window, len(each.samples) - each.place)
        if _likelihood(written) < asked.likelihood:
            silent = self._after_start(self._features(each)).softmax(-1)[self._nobody_speaks]
            if silent > asked.silence:
                each.place += length
                return
        heard, parts = self._parts(written.tokens, length)
        begun = each.place / RATE
        for start, end, tokens in parts:
            text = self._text(tokens)
            if text.strip() and end > start:
                each.segments.append(Segment(text.strip(), round(begun + start, 3), round(begun + end, 3)))
        each.score += written.score
        each.place += heard
        if asked.previous:
            # What was drawn from a flat distribution would lead the next window astray.
            each.told = [] if temperature > 0.5 else each.told + [token for _, _, part in parts for token in part]

    @property
    def _nobody_speaks(self) -> int:
        names = (f"<|{name}|>" for name in ("nospeech", "nocaptions"))
        found = [number for name in names if (number := self.tokenizer.engine.token_to_id(name)) is not None]
        return found[0] if found else self._special("notimestamps") - 1

    def _parts(self, tokens: Sequence[int], length: int) -> tuple[int, list[tuple[float, float, list[int]]]]:
        """How many samples a text tells of, and its segments: seconds in the window, and tokens with their times.

        Where two times meet, one segment ends and the next begins; one that has begun and not ended is heard again.
        """
        is_time = [token >= self.first for token in tokens]
        meeting = [place for place in range(1, len(tokens)) if is_time[place] and is_time[place - 1]]
        closed = len(tokens) >= 2 and is_time[-1] and not is_time[-2]
        if not meeting:
            times = [token for token in tokens if token >= self.first]
            end = self._seconds(times[-1]) if times and times[-1] != self.first else length / RATE
            start = self._seconds(times[0]) if len(times) > 1 else 0.0
            return length, [(start, min(end, length / RATE), list(tokens))]
        ends = [*meeting, *([len(tokens)] if closed else [])]
        parts, begin = [], 0
        for end in ends:
            part = list(tokens[begin:end])
            parts.append((self._seconds(part[0]), self._seconds(part[-1]), part))
            begin = end
        heard = length if closed else round(self._seconds(tokens[begin - 1]) * RATE)
        # A text that would be begun at the same place for ever.
        return (heard or length), parts

    def _seconds(self, token: int) -> float:
        return max(0, token - self.first) * TICK / RATE

    def _text(self, tokens: Sequence[int]) -> str:
        return self.tokenizer.decode([token for token in tokens if token < self.tokenizer.end])

    def _transcript(self, each: _Listening) -> Transcript:
        text = " ".join(segment.text for segment in each.segments)
        language = next((name for name, number in self.languages.items() if number == each.language), None)
        seconds = len(each.samples) / RATE
        return Transcript(text, seconds, each.segments, score=each.score, language=language or "en")


def is_whispers(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer has the tokens that a Whisper is asked by."""
    return tokenizer.engine.token_to_id("<|notimestamps|>") is not None


_TASKS: dict[bool, Literal["transcribe", "translate"]] = {False: "transcribe", True: "translate"}


def _likelihood(written: Hypothesis) -> float:
    """Mean log-probability of its tokens, the ending one as well."""
    return written.score / (len(written.tokens) + 1)
