"""Embedding: texts that belong together get vectors that lie together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from langue import kernels
from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.objectives.padding import PIECE_TOKENS, by_length, in_step, padded
from langue.randomness import RowRandomness
from langue.tasks.embed import similarity
from langue.tasks.embed.across_processes import of_all, share_of
from langue.tasks.embed.settings import EmbedSettings

NOTHING = np.zeros(1, np.int64)
"""Stands for a text that is not there."""


class EmbedObjective:
    """One loss for each row of texts: an anchor with a positive and negatives, two graded sentences, or one text alone,
    which is then its own positive under another dropout mask (SimCSE, Gao et al. 2021, section 3).

    Args:
        settings: which loss, and how.
    """

    def __init__(self, settings: EmbedSettings):
        assert settings.loss is not None
        self.settings, self.kind = settings, settings.loss

    def batch(self, examples: Sequence[Example], rng: RowRandomness | None = None) -> Batch:
        """Examples with a list of texts in `ids` and a `target` become rows, the texts of each example one after the
        other; examples that have fewer than another get texts of one token, which nobody looks at.

        Targets are (B, m) names of texts of the loss contrastive, equal where texts are; (B,) grades; (B, m - 1) scores
        of a teacher, NaN for a text that is not there; or (B · m, D) vectors of a teacher.
        """
        rows = [list(example["ids"]) for example in examples]
        if self.kind == "contrastive":
            rows = [texts * 2 if len(texts) == 1 else texts for texts in rows]
        most = max(map(len, rows))
        filled = [text for texts in rows for text in [*texts, *[NOTHING] * (most - len(texts))]]
        batch = padded(filled)
        if self.kind == "contrastive":
            return replace(batch, targets=names_of([[text.tobytes() for text in texts] for texts in rows]))
        answers = [np.asarray(example["target"], np.float32) for example in examples]
        if self.kind in ("margin", "divergence"):
            answers = [np.pad(answer, (0, most - 1 - len(answer)), constant_values=np.nan) for answer in answers]
        together = np.concatenate(answers) if self.kind == "vectors" else np.stack(answers)
        return replace(batch, targets=torch.from_numpy(together))

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over examples, or over texts where a teacher's vectors are learnt."""
        assert batch.targets is not None
        return self.of_vectors(self.represent(model, batch), batch.targets)

    def represent(self, model: Model, batch: Batch) -> Tensor:
        """(rows, D): the rows sorted by length and cut into pieces, so that little is padding and caches suffice.

        Where vectors are all that is kept, torch forgets what a piece has computed and computes it anew, with the same
        dropout, when its gradient is asked for.
        """
        valid = torch.ones_like(batch.ids, dtype=torch.bool) if batch.valid is None else batch.valid
        lengths = valid.sum(1).tolist()
        tokens = self.settings.piece_tokens or PIECE_TOKENS.get(batch.ids.device.type, 1 << 14)
        order, parts = [], []
        for numbers, counts in in_step(by_length(lengths, tokens)):
            longest, shortest = lengths[numbers[0]], lengths[numbers[-1]]
            chosen = torch.from_numpy(numbers).to(batch.ids.device)
            piece = Batch(batch.ids[chosen, :longest], valid=None if longest == shortest else valid[chosen, :longest])
            represent = kernels.of_rows(numbers, model.represent)
            call = partial(checkpoint, represent, use_reentrant=False) if self.settings.cached else represent
            parts.append(call(piece) * counts)
            order.append(chosen)
        vectors = torch.cat(parts)
        return vectors.new_zeros(len(lengths), vectors.shape[1]).index_add(0, torch.cat(order), vectors)

    def of_vectors(self, vectors: Tensor, targets: Tensor) -> Loss:
        """The loss of vectors (rows, D) in the order of a batch's rows; of several sizes, the sum over them.

        Where rows are held against each other, those of all processes are.
        """
        texts, own = vectors.float().unflatten(0, (len(targets), -1)), len(targets)
        if self.kind in ("contrastive", "cosent"):
            texts = of_all(texts)
            targets = of_all(targets, IGNORE) if targets.ndim > 1 else of_all(targets[:, None])[:, 0]
        sizes = self.settings.sizes or (texts.shape[-1],)
        total = torch.stack([self._of_size(texts[..., :size], targets) for size in sizes]).sum()
        return share_of(total, len(targets), own)

    def _of_size(self, texts: Tensor, targets: Tensor) -> Tensor:
        settings = self.settings
        if self.kind == "vectors":
            return similarity.distance(texts[:, 0], targets[:, : texts.shape[-1]])
        if settings.similarity == "cosine":
            texts = F.normalize(texts, dim=-1)
        if self.kind == "contrastive":
            return similarity.contrastive(texts, targets, settings.temperature, symmetric=settings.symmetric)
        if self.kind == "cosent":
            return similarity.cosent(texts, targets, settings.temperature)
        if self.kind == "cosine":
            return similarity.regression(texts, targets)
        of_teacher = similarity.margins if self.kind == "margin" else similarity.divergence
        return of_teacher(texts, targets, settings.temperature)


def names_of(rows: Sequence[Sequence[bytes]]) -> Tensor:
    """(B, m) int64: a number for each text, the same in all processes, and IGNORE for one that a row has not.

    Two texts among a billion share one with a chance of 3 in 100.
    """
    names = np.full((len(rows), max(map(len, rows))), IGNORE, np.int64)
    for number, texts in enumerate(rows):
        names[number, : len(texts)] = [_name(text) for text in texts]
    return torch.from_numpy(names)


def _name(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
