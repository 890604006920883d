"""Speech to text by an encoder–decoder, token by token (Chan et al. 2016; Radford et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.models.audio_config import AudioConfig
from langue.models.seq2seq import Seq2Seq
from langue.nn.state import EncoderOutput
from langue.objectives.cross_entropy import linear_cross_entropy
from langue.objectives.teacher import Teacher
from langue.randomness import RowRandomness
from langue.tasks.transcribe.ctc_objective import ctc_losses
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.tasks.transcribe.sound import hear


class TranscriptionObjective:
    """Teacher forcing on what is heard.

    Args:
        audio: how the model hears.
        prompt: what the decoder reads before a text; at least one token.
        end: the token that ends a text.
        settings: how recordings are changed while the model learns; None leaves them.
        smoothing: label smoothing while training.
        window: samples that each recording is given by silence; None pads to the longest.
        times: the token of 0.00 seconds and the samples between two of them, where a text is framed by its times.
        blank: the token that says nothing, of a model whose encoder writes by CTC as well; None of all others.
    """

    def __init__(
        self,
        audio: AudioConfig,
        prompt: Sequence[int],
        end: int,
        settings: TranscribeSettings | None = None,
        smoothing: float = 0.0,
        window: int | None = None,
        times: tuple[int, int] | None = None,
        blank: int | None = None,
    ):
        self.audio, self.prompt, self.end, self.settings = audio, list(prompt), end, settings
        self.smoothing, self.window, self.times, self.blank = smoothing, window, times, blank

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Examples with `audio`, (samples,) at 16 kHz, and `target`, the tokens of their text.

        The decoder reads the prompt and the text but for its last token; of the prompt nothing is asked.
        """
        recordings = hear(examples, self.audio, self.settings, rng, self.window)
        inputs, targets = [], []
        for example, samples in zip(examples, recordings.samples, strict=True):
            text = [*self._framed([int(token) for token in example["target"]], samples), self.end]
            inputs.append(torch.tensor([*self.prompt, *text[:-1]]))
            targets.append(torch.tensor([*[IGNORE] * (len(self.prompt) - 1), *text]))
        ids = pad_sequence(inputs, batch_first=True, padding_value=self.prompt[0])
        padded_targets = pad_sequence(targets, batch_first=True, padding_value=IGNORE)
        return Batch(ids, padded_targets, source=recordings.features, source_valid=recordings.valid)

    def _framed(self, text: list[int], samples: int) -> list[int]:
        """A text between the times at which its recording begins and ends."""
        if self.times is None:
            return text
        first, tick = self.times
        return [first, *text, first + min(samples, self.window or samples) // tick]

    def loss(self, model: Model, batch: Batch, teacher: Teacher | None = None) -> Loss:
        """Summed cross-entropy in nats; of a model with a CTC head, mixed with CTC's (Watanabe et al. 2017)."""
        assert batch.targets is not None
        smoothing = self.smoothing if model.training else 0.0
        lesson = None if teacher is None else teacher.lesson(batch)
        if self.blank is None or self.settings is None:
            return linear_cross_entropy(model.hidden(batch), model.head, batch.targets, smoothing, lesson=lesson)
        assert isinstance(model, Seq2Seq)
        memory = model.encode(batch)
        written = model.write(batch, memory)
        attention = linear_cross_entropy(written, model.head, batch.targets, smoothing, lesson=lesson)
        # CTC's target is the text alone, without its end; nothing stands before it in a model that was not asked.
        text = batch.targets[:, len(self.prompt) - 1 :]
        text = text.masked_fill(text == self.end, IGNORE)
        ctc = ctc_losses(*ctc_log_probabilities(model, memory), text, self.blank).sum()
        share = self.settings.ctc_weight
        count = attention.count
        parts = {"attention_loss": torch.stack([attention.total, count]), "ctc_loss": torch.stack([ctc, count])}
        return Loss((1 - share) * attention.total + share * ctc, count, {**attention.metrics, **parts})


def ctc_log_probabilities(model: Seq2Seq, memory: EncoderOutput) -> tuple[Tensor, Tensor]:
    """The encoder's own CTC output: (B, positions, V) log-probabilities, and (B,) the positions of each."""
    assert model.ctc_head is not None
    rows, positions = memory.hidden.shape[:2]
    logs = model.ctc_head(memory.hidden).float().log_softmax(-1)
    valid = memory.valid
    whole = torch.full((rows,), positions, device=logs.device)
    return logs, whole if valid is None else valid.sum(1)
