"""Connectionist temporal classification (Graves et al. 2006): write along a recording without being told when."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.models.config import AudioConfig
from langue.nn.audio_front_end import positions_of
from langue.randomness import RowRandomness
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.tasks.transcribe.sound import hear


class CTCObjective:
    """The sum over all ways to say a text in time: one token or a blank at each position, repeats taken for one.

    Args:
        audio: how the model hears.
        blank: the token that says nothing.
        settings: how recordings are changed while the model learns; None leaves them.
    """

    def __init__(self, audio: AudioConfig, blank: int, settings: TranscribeSettings | None = None):
        self.audio, self.blank, self.settings = audio, blank, settings

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Examples with `audio`, (samples,) int16 at 16 kHz, and `target`, their tokens.

        `source` is (B, frames, bins), and `targets` (B, longest), `IGNORE` after a text's end. Nothing is changed where
        no randomness is given.
        """
        recordings = hear(examples, self.audio, self.settings, rng)
        targets = [torch.as_tensor(example["target"], dtype=torch.long) for example in examples]
        padded = torch.nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE)
        ids = torch.zeros(len(examples), 0, dtype=torch.long)
        return Batch(ids, padded, source=recordings.features, source_valid=recordings.valid)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over texts, in nats; it counts tokens. A text that has no room in its recording counts nothing."""
        assert batch.targets is not None
        logs = self.log_probabilities(model, batch)
        losses = ctc_losses(logs, self.lengths(batch), batch.targets, self.blank)
        return Loss(losses.sum(), (batch.targets != IGNORE).sum())

    def log_probabilities(self, model: Model, batch: Batch) -> Tensor:
        """(B, positions, V) in fp32."""
        return model(batch).float().log_softmax(-1)

    def lengths(self, batch: Batch) -> Tensor:
        """(B,) int64: the positions of each recording."""
        assert batch.source is not None
        rows, frames = batch.source.shape[:2]
        valid = batch.source_valid
        held = torch.full((rows,), frames, device=batch.source.device) if valid is None else valid.sum(1)
        return positions_of(held, self.audio.strides)


def ctc_losses(logs: Tensor, lengths: Tensor, targets: Tensor, blank: int) -> Tensor:
    """(B,) −log of the probability of each text, over all ways to say it; 0 where its recording has no room for it.

    Args:
        logs: (B, positions, V) log-probabilities.
        lengths: (B,) int64 positions of each recording.
        targets: (B, longest) tokens, `IGNORE` after a text's end.
        blank: the token that says nothing.
    """
    is_target = targets != IGNORE
    return F.ctc_loss(
        logs.transpose(0, 1),
        targets.masked_fill(~is_target, blank),
        lengths,
        is_target.sum(1),
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )


def needed_positions(target: Sequence[int]) -> int:
    """Positions that a text takes at least: one for each token, and a blank between two that are alike."""
    return len(target) + sum(first == second for first, second in itertools.pairwise(target))
