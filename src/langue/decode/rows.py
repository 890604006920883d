"""Rows of text that models write on: prompts of any lengths side by side, each as if it were alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from langue.batch import Batch
from langue.decode.filters import NOTHING, RULED_OUT
from langue.models import Model
from langue.nn.state import State


@dataclass(frozen=True)
class Encoded:
    """A source as the model's encoder has read it already, (S, encoder width)."""

    hidden: Tensor

    def __len__(self) -> int:
        return len(self.hidden)


GROUP_POSITIONS = 2048
"""Positions, with padding, of sources that an encoder reads together on a CPU."""

Source = Sequence[int] | Tensor | Encoded
"""What one text is written about: tokens, a tensor (S,) or (S, features), or what one encoder made of it."""


class Rows:
    """Texts under way and what the models remember of them.

    A text longer than the models' limit is forgotten but for the last half of what they can see, and goes on from
    there; each row by its own length, so that no row depends on its neighbours.

    Args:
        models: decoders or encoder–decoders of one vocabulary; several are averaged.
        prompts: tokens of each row, at least one.
        sources: what each row is written about, for encoder–decoders.
        never: numbers of tokens that may not be chosen.
        looking: note how much each row looks at its source.
        logarithm: average logarithms of probabilities rather than probabilities.
        raw: keep logits as they are too.

    Attributes:
        texts: (rows, L) tokens so far, `NOTHING` before a shorter text.
        logs: (rows, V) fp32 log-probabilities of the next token, but −inf for what may not be chosen.
        logits: (rows, V) fp32 what they were made of, or None. Of several models, the logarithm of their mean.
        looks: (rows, S) the last token's look at the source, or None.
    """

    def __init__(
        self,
        models: Sequence[Model],
        prompts: Sequence[Sequence[int]],
        sources: Sequence[Source] | None = None,
        *,
        never: Tensor | None = None,
        looking: bool = False,
        logarithm: bool = False,
        raw: bool = False,
    ):
        self.models, self.never, self.looking, self.logarithm, self.raw = models, never, looking, logarithm, raw
        self.device = models[0].device
        limits = [model.context_limit for model in models if model.context_limit is not None]
        self.limit = min(limits) if limits else None
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        self.texts = self._padded(prompts, int(lengths.max())).to(self.device)
        self._seen = (lengths if self.limit is None else lengths.clamp(max=self.limit)).to(self.device)
        self._longest = int(self._seen.max())
        self._sources = None if sources is None else list(sources)
        self._states: list[State] = []
        self.looks: Tensor | None = None
        self._widest = 0
        """Positions of looks, of sources that have left too: what is read again is padded to those that are left."""
        self.logits, self.logs = self._read_all()

    def repeat(self, count: int) -> None:
        """Make `count` rows in succession of each, which share its source."""
        if count > 1:
            each = torch.arange(len(self._seen), device=self.device)
            rows = each.repeat_interleave(count)
            self._select(rows, None if self._sources is None else each)
            self.logs = self.logs.index_select(0, rows)
            self.logits = None if self.logits is None else self.logits.index_select(0, rows)
            self.looks = None if self.looks is None else self.looks.index_select(0, rows)

    def append(self, tokens: Tensor, rows: Tensor | None = None, sources: Tensor | None = None) -> None:
        """Write one token on each row, and work out the logits (rows, V) of the next.

        Args:
            tokens: (B',) int64.
            rows: (B',) int64, the rows that they are written on, which are kept, reordered or repeated; None is all.
            sources: which sources are kept, where several rows in succession share one; None when each row takes its
                own along.
        """
        if rows is not None:
            self.select(rows, sources)
        self.write(tokens)

    def select(self, rows: Tensor, sources: Tensor | None = None) -> None:
        """Keep, reorder or repeat rows, as `append` does, whose logits are worked out at the next token alone."""
        self._select(rows.to(self.device), None if sources is None else sources.to(self.device))

    def join(self, other: Rows) -> None:
        """Let others, as many of each source, go on behind these; all get their next token together.

        Raises:
            ValueError: rows of either were never selected by their sources.
        """
        length = max(self.texts.shape[1], other.texts.shape[1])
        texts = torch.cat([pad(x.texts, (length - x.texts.shape[1], 0), value=NOTHING) for x in (self, other)])
        self.texts = texts[:, int((texts != NOTHING).any(0).byte().argmax()) :]
        self._seen = torch.cat([self._seen, other._seen])
        self._longest = int(self._seen.max())
        self._widest = max(self._widest, other._widest)
        self._sources = None if self._sources is None else [*self._sources, *(other._sources or ())]
        for mine, theirs in zip(self._states, other._states, strict=True):
            mine.join(theirs)

    def write(self, tokens: Tensor) -> None:
        """Write one token (rows,) on each row."""
        tokens = tokens.to(self.device)
        self.texts = torch.cat([self.texts, tokens[:, None]], 1)
        self._seen = self._seen + 1
        self._longest += 1
        if self.limit is not None and self._longest > self.limit:
            self._seen = torch.where(self._seen > self.limit, max(1, self.limit // 2), self._seen)
            self._longest = int(self._seen.max())
            self.logits, self.logs = self._read_all()
        else:
            self.logits, self.logs = self._read(Batch(tokens[:, None]))

    def _select(self, rows: Tensor, sources: Tensor | None) -> None:
        count = len(self._seen)
        if len(rows) == count and bool((rows == torch.arange(count, device=self.device)).all()):
            return
        self.texts, self._seen = self.texts.index_select(0, rows), self._seen.index_select(0, rows)
        for state in self._states:
            state.select(rows, sources)
        if self._sources is not None:
            self._sources = [self._sources[number] for number in (rows if sources is None else sources).tolist()]

    def _read_all(self) -> tuple[Tensor | None, Tensor]:
        """Read what each row still sees from its beginning."""
        length = self._longest
        ids = self.texts[:, self.texts.shape[1] - length :].clamp(min=0)
        valid = torch.arange(length, device=self.device) >= length - self._seen[:, None]
        batch = Batch(ids, valid=None if bool(valid.all()) else valid)
        self._states = [self._start(model, batch) for model in self.models]
        for state in self._states:
            if self.looking and state.memory is not None:
                state.memory.looks = []
        return self._read(batch)

    def _start(self, model: Model, batch: Batch) -> State:
        """A state that has read the sources, if there are any."""
        if self._sources is None:
            return model.start(batch)
        first, *others = (source_batch(group, self.device) for group in in_groups(self._sources, self.device))
        state = model.start(first)
        for other in others:
            memory = model.start(other).memory
            assert state.memory is not None
            assert memory is not None
            state.memory.join(memory)
        return state

    def _read(self, batch: Batch) -> tuple[Tensor | None, Tensor]:
        """Only the last position's logits are worked out."""
        found = []
        for model, state in zip(self.models, self._states, strict=True):
            found.append(model.head(model.hidden(batch, state)[:, -1]).float())
        if self.looking:
            self.looks = self._look(batch.ids.shape[0])
        if len(found) > 1:
            stacked = torch.stack([logits.log_softmax(-1) for logits in found])
            # Averaged logarithms are no probabilities before they are normalised again.
            logits = stacked.mean(0) if self.logarithm else stacked.logsumexp(0) - math.log(len(found))
        else:
            logits = found[0]
        # One fused pass, where logsumexp takes several over a matrix that is larger than the model's widest layer.
        logs = torch.log_softmax(logits, -1) if self.raw else torch.log_softmax(logits, -1, out=logits)
        if self.never is not None:
            logs.index_fill_(1, self.never, RULED_OUT)
        return logits if self.raw else None, logs

    def _look(self, rows: int) -> Tensor | None:
        """(rows, S): the mean over models, blocks and heads of the last position's look."""
        memories = [state.memory for state in self._states if state.memory is not None]
        looks = [look[:, :, -1].mean(1) for memory in memories for look in memory.looks or []]
        for memory in memories:
            memory.looks = []
        if not looks:
            return None
        found = torch.stack(looks).mean(0).view(rows, -1)
        self._widest = max(self._widest, found.shape[1])
        return pad(found, (0, self._widest - found.shape[1]))

    @staticmethod
    def _padded(prompts: Sequence[Sequence[int]], length: int) -> Tensor:
        texts = torch.full((len(prompts), length), NOTHING, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            texts[row, length - len(prompt) :] = torch.tensor(list(prompt), dtype=torch.long)
        return texts


def in_groups(sources: Sequence[Source], device: torch.device) -> Iterator[Sequence[Source]]:
    """Sources in succession that are to be read together: on a CPU so few that their padding and its caches matter."""
    if device.type != "cpu" or isinstance(sources[0], Encoded):
        yield sources
        return
    begin = longest = 0
    for number, source in enumerate(sources):
        longest = max(longest, len(source))
        if number > begin and longest * (number + 1 - begin) > GROUP_POSITIONS:
            yield sources[begin:number]
            begin, longest = number, len(source)
    yield sources[begin:]


def source_batch(sources: Sequence[Source], device: torch.device) -> Batch:
    """A batch whose sources (B, S) or (B, S, features) are padded on the right; it has no target."""
    encoded = isinstance(sources[0], Encoded)
    tensors = [source.hidden if isinstance(source, Encoded) else torch.as_tensor(source) for source in sources]
    lengths = torch.tensor([len(source) for source in tensors])
    padded = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
    valid = torch.arange(padded.shape[1]) < lengths[:, None]
    ids = torch.zeros(len(tensors), 0, dtype=torch.long)
    batch = Batch(ids, source_valid=None if bool(valid.all()) else valid)
    return replace(batch, **{"encoded" if encoded else "source": padded}).to(device)
