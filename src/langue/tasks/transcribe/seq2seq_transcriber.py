"""Transcription by an encoder–decoder that learnt it here: hear a piece, write its text (Chan et al. 2016)."""

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
from langue.engine import Engine, GenerationSettings, Hypothesis, Request
from langue.models import Model
from langue.models.seq2seq import Seq2Seq
from langue.settings import parse
from langue.tasks.rewriting.predict import first_token_of
from langue.tasks.transcribe.ctc_objective import ctc_losses, needed_positions
from langue.tasks.transcribe.predict import (
    PIECE_SAMPLES,
    DrawnTranscript,
    RecordingPiece,
    Segment,
    Transcribe,
    Transcript,
    pieces_of,
    refuse_longer,
)
from langue.tasks.transcribe.seq2seq_objective import TranscriptionObjective, ctc_log_probabilities
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.tasks.transcribe.sound import features_of
from langue.text import Tokenizer

NEVER = -1e9
"""Log-probability of what cannot have been said; a number still where it counts for nothing."""


class Seq2SeqTranscriber(Transcribe):
    """An encoder–decoder that hears.

    Args:
        model: one of form seq2seq.
        tokenizer: of what it writes.
        settings: how it was taught.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        super().__init__(model, tokenizer, settings)
        self.longest = min(PIECE_SAMPLES, model.config.encoder_config().context * self.audio.hop)

    @property
    def prompt(self) -> Sequence[int]:
        return [first_token_of(self.model.config.decoder_start_token_id, self.tokenizer)]

    def objective(self, smoothing: float = 0.0) -> TranscriptionObjective:
        blank = self.tokenizer.pad if self.audio.ctc else None
        return TranscriptionObjective(
            self.audio, self.prompt, self.tokenizer.end, self.settings, smoothing, blank=blank
        )

    def listen(self, sounds: Iterable[Playback], advance: Callable[[float], Any], **options: Any) -> list[Transcript]:
        """See `hear`; options are the fields of `GenerationSettings`, of which beams is 5 unless said otherwise.

        Where the encoder writes by CTC as well, the beams' texts are judged by both (Watanabe et al. 2017, equation 9).
        """
        settings = self._settings(options)
        played: list[Playback] = []
        segments: dict[int, list[Segment]] = defaultdict(list)
        scores: dict[int, float] = defaultdict(float)
        for pieces in pieces_of(sounds, self.longest, played):
            for piece, best in zip(pieces, self._written(pieces, settings), strict=True):
                text, sound = " ".join(self.tokenizer.decode(best.tokens).split()), played[piece.owner]
                scores[piece.owner] += best.score
                if text:
                    end = sound.time(piece.start + len(piece.samples), ending=True)
                    segments[piece.owner].append(Segment(text, sound.time(piece.start), end))
                advance(len(piece.samples) / RATE)
        return [
            Transcript(
                " ".join(segment.text for segment in segments[number]),
                sound.samples / RATE,
                segments[number],
                scores[number],
            )
            for number, sound in enumerate(played)
        ]

    def draw(
        self, sounds: Sequence[np.ndarray], keys: Sequence[tuple[int, ...]], settings: GenerationSettings
    ) -> list[DrawnTranscript]:
        """See `Transcribe.draw`: token by token, by the decoder alone."""
        refuse_longer(sounds, self.longest)
        return drawn_by_decoder(
            self, sounds, keys, settings, self.suppress_tokens, lambda sound: features_of(sound, self.audio)
        )

    def _request(self, features: Tensor, settings: GenerationSettings) -> Request:
        return Request(
            self.prompt, settings, self.tokenizer.ends, source=features, suppress_tokens=self.suppress_tokens
        )

    def _settings(self, options: dict[str, Any]) -> GenerationSettings:
        beams = int(options.get("beams") or 5)
        samples = beams if self.audio.ctc and beams > 1 else 1
        usual = {"beams": 5, "samples": samples, "temperature": 0.0}
        usual["max_tokens"] = self.model.config.context - 1
        return parse(GenerationSettings, {**usual, **options}, self.name)

    def _written(self, pieces: Sequence[RecordingPiece], settings: GenerationSettings) -> list[Hypothesis]:
        """The best text of each piece."""
        features = [features_of(piece.samples, self.audio) for piece in pieces]
        requests = [self._request(source, settings) for source in features]
        hypotheses = Engine(self.model, settings).run(requests)
        if self.audio.ctc:
            hypotheses = [self._judged(texts, source) for texts, source in zip(hypotheses, features, strict=True)]
        return [best for best, *_ in hypotheses]

    @torch.inference_mode()
    def _judged(self, texts: list[Hypothesis], features: Tensor) -> list[Hypothesis]:
        """Texts of one piece, the best by attention and CTC together first."""
        assert isinstance(self.model, Seq2Seq)
        source = features[None].to(self.model.device)
        memory = self.model.encode(Batch(torch.zeros(1, 0, dtype=torch.long), source=source))
        logs, lengths = ctc_log_probabilities(self.model, memory)
        rows = [torch.tensor(text.tokens, dtype=torch.long) for text in texts]
        targets = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORE)
        count = len(texts)
        losses = ctc_losses(
            logs.expand(count, -1, -1), lengths.expand(count), targets.to(logs.device), self.tokenizer.pad
        ).tolist()
        # A text that has no room in its recording was not said in it, though CTC counts it as nothing.
        room = int(lengths)
        spelt = [
            -loss if needed_positions(text.tokens) <= room else NEVER for text, loss in zip(texts, losses, strict=True)
        ]
        share = self.settings.ctc_weight
        joint = [(1 - share) * text.score + share * log for text, log in zip(texts, spelt, strict=True)]
        return [texts[number] for number in sorted(range(count), key=lambda number: -joint[number])]


def drawn_by_decoder(
    task: Transcribe,
    sounds: Sequence[np.ndarray],
    keys: Sequence[tuple[int, ...]],
    settings: GenerationSettings,
    suppress_tokens: Sequence[int],
    features: Callable[[np.ndarray], Tensor],
) -> list[DrawnTranscript]:
    """Transcripts that a decoder draws token by token behind its task's prompt.

    Args:
        task: with an encoder–decoder.
        sounds: and `keys` and `settings`, as of `Transcribe.draw`.
        suppress_tokens: tokens that are never drawn.
        features: from the samples of a recording to (frames, bins).
    """
    settings = settings.replace(draw_log_probabilities=True, beams=1)
    heard = {number: features(sound) for number, sound in {id(sound): sound for sound in sounds}.items()}
    requests = [
        Request(
            task.prompt, settings, task.tokenizer.ends,
            source=heard[id(sound)], suppress_tokens=suppress_tokens, key=key,
        )
        for sound, key in zip(sounds, keys, strict=True)
    ]  # fmt: skip
    written = [best for best, *_ in Engine(task.model, settings).run(requests)]
    return [
        DrawnTranscript(
            " ".join(task.tokenizer.decode(best.tokens).split()),
            task.prompt,
            best.written,
            best.draw_log_probabilities or (),
            heard[id(sound)],
            best.ended,
        )
        for sound, best in zip(sounds, written, strict=True)
    ]
