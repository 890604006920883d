"""Connectionist temporal classification (Graves et al. 2006): write along a recording without being told when."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from langue.batch import IGNORE, Batch, Example, Loss
from langue.kernels.distillation import divergences
from langue.models import Model
from langue.models.audio_config import AudioConfig
from langue.objectives.teacher import Teacher, mixed
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

        `source` is (B, frames, bins), of waveforms (B, samples, 1), and `targets` (B, longest), `IGNORE` after a text's
        end. Nothing is changed where no randomness is given.
        """
        recordings = hear(examples, self.audio, self.settings, rng)
        targets = [torch.as_tensor(example["target"], dtype=torch.long) for example in examples]
        padded = torch.nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE)
        ids = torch.zeros(len(examples), 0, dtype=torch.long)
        return Batch(ids, padded, source=recordings.features, source_valid=recordings.valid)

    def loss(self, model: Model, batch: Batch, teacher: Teacher | None = None) -> Loss:
        """Summed over texts, in nats; it counts tokens. A text that has no room in its recording counts nothing."""
        assert batch.targets is not None
        logs = self.log_probabilities(model, batch)
        hard = ctc_losses(logs, self.lengths(batch), batch.targets, self.blank).sum()
        count = (batch.targets != IGNORE).sum()
        if teacher is None:
            return Loss(hard, count)
        return mixed(hard, *self._from_teacher(logs, batch, teacher), teacher.softening.share, count)

    def _from_teacher(self, logs: Tensor, batch: Batch, teacher: Teacher) -> tuple[Tensor, Tensor]:
        """The mean divergence along each recording, once for each of its tokens, so that it weighs as much as they do
        (frame by frame, as in Takashima, Li & Kawai 2018); and the share of positions at which both say the same,
        counted the same way."""
        assert batch.targets is not None
        with torch.no_grad():
            taught = self.log_probabilities(teacher.model, batch)
        temperature, _, top = teacher.softening
        lengths, tokens = self.lengths(batch), (batch.targets != IGNORE).sum(1)
        places = torch.arange(logs.shape[1], device=logs.device)
        weights = (places < lengths[:, None]) * (tokens / lengths)[:, None]
        soft = divergences(logs.flatten(0, 1), taught.flatten(0, 1), temperature, top).view(weights.shape)
        agreeing = logs.argmax(-1) == taught.argmax(-1)
        return (soft * weights).sum(), (agreeing * weights).sum()

    def log_probabilities(self, model: Model, batch: Batch) -> Tensor:
        """(B, positions, V) in fp32."""
        return model(batch).float().log_softmax(-1)

    def lengths(self, batch: Batch) -> Tensor:
        """(B,) int64: the positions of each recording."""
        assert batch.source is not None
        rows, frames = batch.source.shape[:2]
        valid = batch.source_valid
        held = torch.full((rows,), frames, device=batch.source.device) if valid is None else valid.sum(1)
        return self.audio.positions(held)


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
