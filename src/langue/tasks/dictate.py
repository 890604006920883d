"""Transcription by an encoder–decoder that learnt it here: hear a piece, write its text (Chan et al. 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from langue.data.audio import RATE
from langue.decode import Search, SearchSettings
from langue.models import Model
from langue.nn.mel import HOP, log_mel
from langue.objectives import Dictation, TranscribeSettings
from langue.settings import parse
from langue.tasks.rewrite import first_token_of
from langue.tasks.transcribe import LONGEST, Segment, Transcribe, Transcript, cut
from langue.text import Tokenizer


class Dictate(Transcribe):
    """An encoder–decoder that hears.

    Args:
        model: one of form seq2seq.
        tokenizer: of what it writes.
        settings: how it was taught.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, settings: TranscribeSettings | None = None):
        super().__init__(model, tokenizer, settings)
        self.prompt = [first_token_of(model.config.decoder_start, tokenizer)]
        self.longest = min(LONGEST, model.config.encoder_config().context * self.audio.stride * HOP)

    def objective(self, smoothing: float = 0.0) -> Dictation:
        return Dictation(self.audio, self.prompt, self.tokenizer.end, self.settings, smoothing)

    def together(self, sounds: list[np.ndarray], advance: Any, **options: Any) -> list[Transcript]:
        """See `hear`; options are the fields of `SearchSettings`, of which beams is 5 unless said otherwise."""
        usual = {"beams": 5, "temperature": 0.0, "max_tokens": self.model.config.context - 1, "stopping": "likely"}
        settings = parse(SearchSettings, {**usual, **options}, self.name)
        never = sorted(self.tokenizer.specials | set(range(self.tokenizer.vocab_size, self.model.config.vocab_size)))
        search = Search(self.model, settings, self.tokenizer.end, never)
        pieces = [(n, start, piece) for n, each in enumerate(sounds) for start, piece in cut(each, self.longest)]
        audio = self.audio
        features = [log_mel(torch.from_numpy(piece), audio.features, audio.bins) for _, _, piece in pieces]
        found = search.run([self.prompt] * len(pieces), features)
        segments: list[list[Segment]] = [[] for _ in sounds]
        scores = [0.0] * len(sounds)
        for (owner, start, piece), (best, *_) in zip(pieces, found, strict=True):
            text = " ".join(self.tokenizer.decode(best.tokens).split())
            scores[owner] += best.score
            if text:
                segments[owner].append(Segment(text, start / RATE, (start + len(piece)) / RATE))
            if advance is not None:
                advance(len(piece) / RATE)
        return [
            Transcript(" ".join(each.text for each in parts), len(sound) / RATE, parts, score=score)
            for sound, parts, score in zip(sounds, segments, scores, strict=True)
        ]
