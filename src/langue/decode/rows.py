"""Rows of text that a model writes on: prompts of any lengths side by side, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from langue.batch import Batch
from langue.models import Model
from langue.nn.state import State


class Rows:
    """Texts under way and what the model remembers of them.

    A text longer than the model's limit is forgotten but for the last half of what the model can see, and goes on from
    there; each row by its own length, so that no row depends on its neighbours.

    Args:
        model: a decoder or encoder–decoder.
        prompts: tokens of each row, at least one.
        source: a batch whose source the rows are written about, for encoder–decoders.
    """

    def __init__(self, model: Model, prompts: Sequence[Sequence[int]], source: Batch | None = None):
        self.model, self.source = model, source
        self.device = model.device
        self.texts = [list(prompt) for prompt in prompts]
        self._seen = [self._last(text, model.context_limit) for text in self.texts]
        self._state: State | None = None
        self.logits = self._read_all()

    def append(self, tokens: Sequence[int]) -> None:
        """Write one token on each row, and work out the logits (rows, V) of the next."""
        limit = self.model.context_limit
        forget = False
        for text, seen, token in zip(self.texts, self._seen, tokens, strict=True):
            text.append(token)
            seen.append(token)
            if limit is not None and len(seen) > limit:
                del seen[: -max(1, limit // 2)]
                forget = True
        if forget:
            self.logits = self._read_all()
            return
        assert self._state is not None
        ids = torch.tensor(tokens, device=self.device)[:, None]
        self.logits = self.model.head(self.model.hidden(Batch(ids), self._state)[:, -1])

    def select(self, rows: Sequence[int]) -> None:
        """Keep, reorder or repeat rows."""
        if list(rows) == list(range(len(self.texts))):
            return
        index = torch.tensor(rows, dtype=torch.long, device=self.device)
        self.texts = [list(self.texts[row]) for row in rows]
        self._seen = [list(self._seen[row]) for row in rows]
        self.logits = self.logits.index_select(0, index)
        assert self._state is not None
        self._state.select(index)
        if self.source is not None:
            self.source = _select(self.source, index)

    def _read_all(self) -> Tensor:
        """Read what each row still sees from its beginning; only the last position's logits are worked out."""
        length = max(len(seen) for seen in self._seen)
        ids = torch.zeros(len(self._seen), length, dtype=torch.long)
        valid = torch.zeros(len(self._seen), length, dtype=torch.bool)
        for row, seen in enumerate(self._seen):
            ids[row, length - len(seen) :] = torch.tensor(seen)
            valid[row, length - len(seen) :] = True
        padded = None if bool(valid.all()) else valid.to(self.device)
        batch = Batch(ids.to(self.device), valid=padded)
        self._state = self.model.start(batch if self.source is None else self.source)
        return self.model.head(self.model.hidden(batch, self._state)[:, -1])

    @staticmethod
    def _last(text: list[int], limit: int | None) -> list[int]:
        return list(text) if limit is None else text[-limit:]


def _select(batch: Batch, index: Tensor) -> Batch:
    assert batch.source is not None
    valid = None if batch.source_valid is None else batch.source_valid.index_select(0, index)
    return Batch(batch.ids.index_select(0, index), source=batch.source.index_select(0, index), source_valid=valid)
