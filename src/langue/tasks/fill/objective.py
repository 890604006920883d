"""Masked language modelling: some tokens are hidden, and the model says what they were (Devlin et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from langue.batch import IGNORE, Batch, Example, Loss
from langue.models import Model
from langue.objectives.cross_entropy import linear_cross_entropy
from langue.objectives.teacher import Teacher
from langue.randomness import RowRandomness
from langue.tasks.fill.settings import MaskingSettings
from langue.text import Tokenizer
from langue.text.word_starts import word_starts


class Masked:
    """Hides tokens anew each time a row comes by (RoBERTa's dynamic masking); a row's draws are a pure function of its
    number.

    Rows of two stretches carry a second question, whose answer is the target of their first position, where a special
    token stands that is never hidden.

    Args:
        tokenizer: says which tokens are special, which begin a word, and how texts are framed.
        settings: how many are hidden, and how.
        smoothing: label smoothing while training.
    """

    def __init__(self, tokenizer: Tokenizer, settings: MaskingSettings, smoothing: float = 0.0):
        assert tokenizer.mask is not None
        self.tokenizer, self.settings, self.smoothing = tokenizer, settings, smoothing
        self.mask = tokenizer.mask
        self.special = np.zeros(tokenizer.vocab_size, bool)
        self.special[sorted(tokenizer.specials)] = True
        self.ordinary = np.flatnonzero(~self.special)
        self.starts = word_starts(tokenizer) if settings.whole_words else None

    def batch(self, examples: Sequence[Example], rng: RowRandomness) -> Batch:
        """Rows as `Windows`, `Packed` or `Pairs` give them become hidden inputs and targets (B, T)."""
        framed = [self._frame(example) for example in examples]
        ids = np.stack([row for row, _, _ in framed])
        rows = [row for _, _, row in framed if row is not None]
        documents = np.stack(rows) if rows else None
        draws = np.stack([rng[row].random((3, ids.shape[1])) for row in range(len(ids))], axis=1)
        hidden = self._choose(ids, documents, draws[0])
        targets = np.where(hidden, ids, IGNORE)
        if self.settings.pairs != "none":
            targets[:, 0] = [int(example["related"]) for example in examples]
        return Batch(
            ids=torch.from_numpy(self._hide(ids, hidden, draws[1], draws[2])),
            targets=torch.from_numpy(targets),
            documents=None if documents is None else torch.from_numpy(documents),
            segments=torch.from_numpy(np.stack([row for _, row, _ in framed])),
        )

    def _frame(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Tokens, segments and documents of a row with its special tokens."""
        ids = np.asarray(example["ids"])
        if self.settings.pairs != "none":
            cut = int(example["cut"])
            framed, segments = self.tokenizer.pair(ids[:cut].tolist(), ids[cut:].tolist())
            return np.array(framed), np.array(segments), None
        # The last token of a window is the first of the next.
        framed, segments = self.tokenizer.pair(ids[:-1].tolist())
        if "documents" not in example:
            return np.array(framed), np.array(segments), None
        before = self.tokenizer.pair([-1])[0].index(-1)  # the special tokens before a text
        inside = np.asarray(example["documents"])[:-1]
        documents = np.pad(inside, (before, len(framed) - len(inside) - before), mode="edge")
        return np.array(framed), np.array(segments), documents

    def _choose(self, ids: np.ndarray, documents: np.ndarray | None, draws: np.ndarray) -> np.ndarray:
        """The positions (B, T) to be guessed: the same share of each row, at least one, never a special token."""
        possible = ~self.special[ids]
        if documents is not None:
            # A special token is no company.
            places = np.arange(ids.shape[1])
            possible &= ~_alone(np.where(possible, documents, -1 - places))
        words = _words(self.starts[ids] if self.starts is not None else np.ones_like(possible), possible)
        keys = np.where(possible, np.take_along_axis(draws, words, axis=1), 2.0)
        order = np.lexsort((np.broadcast_to(np.arange(ids.shape[1]), ids.shape), words, keys))
        count = np.maximum(1, np.rint(self.settings.rate * possible.sum(1))).astype(np.int64)
        # Whole words in the order of their draws, as long as they fit; one that is too long by itself all the same.
        ranks = np.arange(ids.shape[1])
        sorted_words = np.take_along_axis(words, order, axis=1)
        ends = np.ones_like(possible)
        ends[:, :-1] = sorted_words[:, 1:] != sorted_words[:, :-1]
        last = np.where(ends, ranks, ids.shape[1])
        last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
        taken = (last < count[:, None]) | (last == last[:, :1])
        chosen = np.zeros_like(possible)
        np.put_along_axis(chosen, order, taken, axis=1)
        return chosen & possible

    def _hide(self, ids: np.ndarray, chosen: np.ndarray, kinds: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Mask, random token, or the token itself, where tokens were chosen."""
        masked = chosen & (kinds < self.settings.masked)
        replaced = chosen & ~masked & (kinds < self.settings.masked + self.settings.replaced)
        random = self.ordinary[(others * len(self.ordinary)).astype(np.int64)]
        return np.where(masked, self.mask, np.where(replaced, random, ids))

    def loss(self, model: Model, batch: Batch, teacher: Teacher | None = None) -> Loss:
        """Summed cross-entropy in nats of the hidden tokens, which alone go through the head.

        The second question of a row counts as much as all its hidden tokens together, so that the mean over tokens is
        the mean loss of the one plus the mean loss of the other, as BERT has it.
        """
        assert batch.targets is not None
        smoothing = self.smoothing if model.training else 0.0
        hidden, targets = model.hidden(batch), batch.targets
        related = None
        if self.settings.pairs != "none":
            related, targets = targets[:, 0], targets.clone()
            targets[:, 0] = IGNORE
        lesson = None if teacher is None else teacher.lesson(batch)
        loss = linear_cross_entropy(hidden, model.head, targets, smoothing, sparse=True, lesson=lesson)
        if related is None:
            return loss
        assert model.classifier is not None
        scores = model.classifier(hidden, batch.valid).float()
        second = F.cross_entropy(scores, related, reduction="none") * (targets != IGNORE).sum(1)
        parts = {"token_loss": loss.total, "pair_loss": second.sum()}
        metrics = {name: torch.stack([part, loss.count]) for name, part in parts.items()}
        return replace(loss, total=loss.total + second.sum(), metrics={**loss.metrics, **metrics})


def _alone(documents: np.ndarray) -> np.ndarray:
    """Positions that are the whole of their document, such as those that a packed row left free."""
    same = documents[:, 1:] == documents[:, :-1]
    alone = np.ones(documents.shape, bool)
    alone[:, 1:] &= ~same
    alone[:, :-1] &= ~same
    return alone


def _words(starts: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """(B, T) the position at which each position's word begins; what cannot be hidden ends a word."""
    begins = starts | ~possible
    begins[:, 1:] |= ~possible[:, :-1]
    begins[:, 0] = True
    places = np.where(begins, np.arange(starts.shape[1]), 0)
    return np.maximum.accumulate(places, axis=1)
