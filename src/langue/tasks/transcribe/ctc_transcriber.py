"""Transcription letter by letter: an encoder whose every position writes a letter, or nothing (CTC)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from langue.batch import IGNORE, Batch
from langue.data.audio import RATE
from langue.data.playback import Playback
from langue.engine import GenerationSettings
from langue.errors import LangueError
from langue.models import Model
from langue.models.finite import refuse_not_finite
from langue.objectives.padding import by_length
from langue.randomness import torch_generator
from langue.tasks.transcribe.ctc_objective import CTCObjective, ctc_losses
from langue.tasks.transcribe.ctc_search import Fusion, SpelledText, decode
from langue.tasks.transcribe.predict import (
    BATCH_SAMPLES,
    PIECE_SAMPLES,
    DrawnTranscript,
    Segment,
    Transcribe,
    Transcript,
    Word,
    pieces_of,
    refuse_longer,
)
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.text import Tokenizer

PAUSE = 0.6
"""Seconds without a word that part two segments."""


class CTCTranscriber(Transcribe):
    """An encoder of recordings.

    Args:
        model: an encoder that hears.
        tokenizer: of what it writes.
        settings: how it was taught.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        super().__init__(model, tokenizer, settings)
        self.ctc = CTCObjective(self.audio, tokenizer.pad)

    def objective(self, smoothing: float = 0.0) -> CTCObjective:
        return CTCObjective(self.audio, self.ctc.blank, self.settings)

    def listen(
        self,
        sounds: Iterable[Playback],
        advance: Callable[[float], Any],
        *,
        beams: int | None = None,
        language_model: Any = None,
        weight: float = 0.5,
        bonus: float = 1.0,
        **options: Any,
    ) -> list[Transcript]:
        """See `hear`.

        Args:
            sounds: recordings.
            advance: called with how many seconds were heard.
            beams: beginnings that are followed at once; 1 takes the likeliest letter of each moment, and None what the
                training measured by, or 16 where a language model helps.
            language_model: what `langue.load` gives of a decoder that was trained with this model's tokenizer.
            weight: how much the language model counts.
            bonus: what each letter earns beside, lest short texts win.
            options: of other models, which are refused.
        """
        if options:
            raise LangueError(f"a model that was taught by CTC has no option {sorted(options)[0]}; it has beams")
        fusion = None if language_model is None else self._fusion(language_model, weight, bonus)
        beams = beams or (self.settings.beams if fusion is None else 16)
        played: list[Playback] = []
        texts_of: dict[int, list[tuple[int, SpelledText]]] = defaultdict(list)
        for pieces in pieces_of(sounds, self.longest, played):
            spelled: dict[int, SpelledText] = {}
            for numbers in by_length([len(piece.samples) for piece in pieces], BATCH_SAMPLES):
                texts = self._read([pieces[number].samples for number in numbers], beams, fusion)
                spelled |= dict(zip(numbers, texts, strict=True))
                advance(sum(len(pieces[number].samples) for number in numbers) / RATE)
            for number, piece in enumerate(pieces):
                texts_of[piece.owner].append((piece.start, spelled[number]))
        return [self._transcript(sound, texts_of[number]) for number, sound in enumerate(played)]

    @torch.inference_mode()
    def _read(self, pieces: list[np.ndarray], beams: int, fusion: Fusion | None) -> list[SpelledText]:
        batch = self.ctc.batch([{"audio": piece, "target": []} for piece in pieces]).to(self.model.device)
        logs = self.ctc.log_probabilities(self.model, batch)
        refuse_not_finite(logs)
        return decode(logs, self.ctc.lengths(batch).tolist(), self.ctc.blank, beams, fusion)

    @torch.inference_mode()
    def draw(
        self, sounds: Sequence[np.ndarray], keys: Sequence[tuple[int, ...]], settings: GenerationSettings
    ) -> list[DrawnTranscript]:
        """See `Transcribe.draw`: a token or a blank at each position makes a text by its own probability."""
        refuse_longer(sounds, self.longest)
        drawn: dict[int, DrawnTranscript] = {}
        own = list({id(sound): sound for sound in sounds}.values())
        every = [[number for number, sound in enumerate(sounds) if sound is one] for one in own]
        for places in by_length([len(sound) for sound in own], BATCH_SAMPLES):
            batch = self.ctc.batch([{"audio": own[place], "target": []} for place in places]).to(self.model.device)
            assert batch.source is not None
            logs = (self.ctc.log_probabilities(self.model, batch) / settings.temperature).log_softmax(-1)
            refuse_not_finite(logs)
            lengths, frames = self.ctc.lengths(batch), frames_in(batch)
            rows = [(row, number) for row, place in enumerate(places) for number in every[place]]
            texts = [
                _drawn_tokens(logs[row, : lengths[row]].cpu(), self.ctc.blank, settings.seed, keys[number])
                for row, number in rows
            ]
            tokens = [torch.tensor(text, dtype=torch.long) for text in texts]
            targets = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=IGNORE).to(logs.device)
            at = torch.tensor([row for row, _ in rows], device=logs.device)
            scores = -ctc_losses(logs[at], lengths[at], targets, self.ctc.blank)
            heard = [batch.source[row, : frames[row]].cpu() for row in range(len(places))]
            for ids, score, (row, number) in zip(texts, scores.tolist(), rows, strict=True):
                features, logs_of = heard[row], [*[0.0] * len(ids), score]
                text = " ".join(self.tokenizer.decode(ids).split())
                drawn[number] = DrawnTranscript(text, self.prompt, [*ids, self.tokenizer.end], logs_of, features)
        return [drawn[number] for number in range(len(sounds))]

    @property
    def longest(self) -> int:
        """Samples that are heard at once."""
        return min(PIECE_SAMPLES, self.model.config.context * self.audio.hop)

    def _fusion(self, task: Any, weight: float, bonus: float) -> Fusion:
        """A language model as the search asks it.

        Raises:
            LangueError: it is no decoder, or of another tokenizer.
        """
        if task.name != "generate":
            raise LangueError(f"a language model is a decoder, and this one was trained to {task.name}")
        if task.tokenizer.fingerprint != self.tokenizer.fingerprint:
            raise LangueError(
                "the language model has another tokenizer; train it with this one's, by --tokenizer.path RUN of "
                "langue train, on the transcripts' kind of text in lower case"
            )
        model, start = task.model, self.tokenizer.prompt("")

        def writer(texts: Sequence[tuple[int, ...]]) -> Tensor:
            limit = model.context_limit
            rows = [[*start, *text][-(limit or 0) :] for text in texts]
            ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
            last = torch.tensor([len(row) - 1 for row in rows])
            with torch.inference_mode():
                # Nobody looks ahead, so padding behind changes nothing.
                hidden = model.hidden(Batch(ids.to(model.device)))[torch.arange(len(rows)), last.to(model.device)]
                return model.head(hidden[:, None])[:, 0].float().log_softmax(-1).cpu()

        return Fusion(writer, weight, bonus, self.tokenizer.end)

    def _transcript(self, sound: Playback, pieces: list[tuple[int, SpelledText]]) -> Transcript:
        words: list[Word] = []
        for start, spelled in pieces:
            places = [start + place * self.audio.hop for place in spelled.positions]
            words += self._words(spelled.tokens, places, sound)
        text = " ".join(self.tokenizer.decode(spelled.tokens).strip() for _, spelled in pieces)
        score = sum(spelled.score for _, spelled in pieces)
        return Transcript(" ".join(text.split()), sound.samples / RATE, _segments(words), score)

    def _words(self, tokens: Sequence[int], places: Sequence[int], sound: Playback) -> list[Word]:
        """Words from where their first letter was heard to where their last was; a token's letters have its place."""
        words: list[Word] = []
        letters: list[tuple[str, int]] = []
        for token, place in zip([*tokens, None], [*places, 0], strict=True):
            for letter in " " if token is None else self.tokenizer.decode([token]):
                if not letter.isspace():
                    letters.append((letter, place))
                elif letters:
                    word, last = "".join(character for character, _ in letters), letters[-1][1]
                    start = sound.time(letters[0][1])
                    end = sound.time(last + self.audio.hop, ending=True)
                    words.append(Word(word, round(start, 3), round(end, 3)))
                    letters = []
        return words


def frames_in(batch: Batch) -> list[int]:
    """Frames of each recording of a batch, padding aside."""
    assert batch.source is not None
    rows, frames = batch.source.shape[:2]
    return [frames] * rows if batch.source_valid is None else batch.source_valid.sum(1).tolist()


def _drawn_tokens(logs: Tensor, blank: int, seed: int, key: tuple[int, ...]) -> list[int]:
    """A text from (positions, V) log-probabilities: a draw at each position, repeats taken for one, blanks left out."""
    draws = torch_generator(seed, "transcribe", *key)
    path = torch.multinomial(logs.exp(), 1, generator=draws)[:, 0].tolist()
    return [token for place, token in enumerate(path) if token != blank and (not place or token != path[place - 1])]


def _segments(words: Sequence[Word]) -> list[Segment]:
    """Words with no long pause between them."""
    groups: list[list[Word]] = []
    for word in words:
        if groups and word.start - groups[-1][-1].end < PAUSE:
            groups[-1].append(word)
        else:
            groups.append([word])
    return [Segment(" ".join(word.text for word in some), some[0].start, some[-1].end, some) for some in groups]
