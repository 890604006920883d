"""The decoding batch: texts of any lengths side by side, each as if it were alone, and what models say comes next."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from langue.batch import Batch
from langue.engine.processors import NOTHING
from langue.engine.request import EncodedSource, Source
from langue.engine.sources import start
from langue.models import Model
from langue.nn.state import State


class Wanted(NamedTuple):
    """Results to work out beside log-probabilities.

    Attributes:
        logits: keep logits as they are too.
        attention: note how much each row looks at its source.
    """

    logits: bool = False
    attention: bool = False


class DecodingBatch:
    """Texts under way and what the models remember of them.

    Args:
        models: decoders or encoder–decoders of one vocabulary; several are averaged.
        texts: (rows, L) int64, see below.
        ensemble: what several models average: probabilities, or their logarithms.

    Attributes:
        texts: (rows, L) tokens so far, `NOTHING` before a shorter text; the models have not read the last ones yet.
        scores: (rows,) float64, the sum of the log-probabilities of what each row has written; on the CPU, as
        written: (rows, T) log-probabilities of the last tokens of each, zeros before those that wrote fewer.
        attention: (rows, T, S) how much each of these looked at the source when it was chosen, or None.
        logs: (rows, V) fp32 log-probabilities of the next token, once a text has been read.
        logits: (rows, V) fp32 what they were made of, or None. Of several models, the logarithm of their mean.
        look: (rows, S) how much the last token looks at the source, or None.
    """

    def __init__(self, models: Sequence[Model], texts: Tensor, ensemble: Literal["probability", "logarithm"]):
        self.models, self.texts, self.ensemble = models, texts, ensemble
        self.scores = torch.zeros(len(texts), dtype=torch.float64)
        self.written = torch.zeros(len(texts), 0)
        self.attention: Tensor | None = None
        self.logs = torch.empty(0)
        self.logits: Tensor | None = None
        self.look: Tensor | None = None
        self._states: list[State] = []
        self._places: Tensor | None = None
        """(rows,) the states' row of each text, while some that are the same share one; None where each has its own."""

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def of(
        cls,
        models: Sequence[Model],
        prompts: Sequence[Sequence[int]],
        sources: Sequence[Source] | None,
        seen: Sequence[int],
        ensemble: Literal["probability", "logarithm"],
        wanted: Wanted,
    ) -> DecodingBatch:
        """Prompts, of which the last `seen` tokens are read; those that are the same, sources as well, as often as a
        group's texts have it, are read once."""
        firsts, places = _distinct(prompts, sources)
        if len(firsts) < len(prompts):
            own, lengths = [prompts[first] for first in firsts], [seen[first] for first in firsts]
            read = None if sources is None else [sources[first] for first in firsts]
            batch = cls.of(models, own, read, lengths, ensemble, wanted)
            batch._repeat(places)
            return batch
        longest = max(map(len, prompts))
        texts = torch.tensor([[NOTHING] * (longest - len(prompt)) + [*prompt] for prompt in prompts])
        batch = cls(models, texts.to(models[0].device), ensemble)
        ids = batch.texts[:, :0]
        batch._states = [model.start(Batch(ids)) if sources is None else start(model, sources) for model in models]
        batch._read_all(seen, wanted)
        return batch

    def again(
        self, rows: Tensor, sources: Tensor, counts: Sequence[int], seen: Sequence[int], wanted: Wanted
    ) -> DecodingBatch:
        """Some rows, as many in succession of each source as `counts` says, of whose texts only the end is read."""
        batch = DecodingBatch(self.models, self.texts, self.ensemble)
        batch.scores, batch.written, batch.attention = self.scores, self.written, self.attention
        batch._select_texts(rows)
        for model, state in zip(self.models, self._states, strict=True):
            source = Batch(batch.texts[:, :0])
            if state.memory is not None:
                hidden, valid = state.memory.hidden, state.memory.valid
                at = sources.to(hidden.device)
                source = Batch(source.ids, encoded=hidden[at], source_valid=None if valid is None else valid[at])
            new = model.start(source)
            if new.memory is not None:
                new.memory.share(counts)
            batch._states.append(new)
        batch._read_all(seen, wanted)
        return batch

    def read(self, wanted: Wanted) -> None:
        """Let the models read the last token of each text, once for those that are the same so far."""
        if self._places is None:
            self._forward(Batch(self.texts[:, -1:]), wanted)
            return
        vocab_size = self.models[0].config.vocab_size
        ways, places = (self._places * vocab_size + self.texts[:, -1]).unique(return_inverse=True)
        if len(ways) == len(self):
            self._part()
            self.read(wanted)
            return
        for state in self._states:
            state.select(ways // vocab_size)
        self._forward(Batch((ways % vocab_size)[:, None]), wanted)
        self._spread(places)

    def write(self, tokens: Tensor, logs: Tensor, scores: Tensor) -> None:
        """Append to each text what was chosen, with its log-probability and what the text's is now; (rows,) each."""
        look, self.look = self.look, None
        self.attention = None if look is None else torch.cat(_alike(self._attention(), look[:, None]), 1)
        self.texts = torch.cat([self.texts, tokens.to(self.texts.device)[:, None]], 1)
        self.written, self.scores = torch.cat([self.written, logs[:, None]], 1), scores

    def select(self, rows: Tensor, sources: Tensor, counts: Sequence[int]) -> None:
        """Keep, reorder or repeat rows (B',), as many in succession of each source that is kept as `counts` says."""
        self._select_texts(rows)
        rows, sources = rows.to(self.texts.device), sources.to(self.texts.device)
        if self._places is not None:
            self._places = self._places[rows]
            return
        for state in self._states:
            state.select(rows, sources, counts)

    def join(self, other: DecodingBatch, counts: Sequence[int]) -> None:
        """Let others go on behind these; all of them have been read. Of each source there are as many as `counts`."""
        self._part(), other._part()
        pairs = list(zip(self._states, other._states, strict=True))
        for state, more in pairs:
            for own, rows in ((state, len(self)), (more, len(other))):
                if own.page_table is None:
                    own.move_to_pages(torch.arange(rows, device=self.texts.device))
            state.join(more, counts)
        if self.look is None and other.look is None:
            self.attention = None
        else:
            mine, theirs = _alike(self._attention(), other._attention())
            self.attention = torch.cat(_behind(mine, theirs, 0))
            looks = (torch.zeros(len(x), 0) if x.look is None else x.look for x in (self, other))
            self.look = torch.cat(_alike(*looks))
        if self.logits is not None or other.logits is not None:
            # Where they were not wanted nobody looks at them.
            self.logits = torch.cat([x.logs if x.logits is None else x.logits for x in (self, other)])
        self.written = torch.cat(_behind(self.written, other.written, 0))
        self.scores = torch.cat([self.scores, other.scores])
        self.logs = torch.cat([self.logs, other.logs])
        # What has become padding in all of them goes.
        texts = torch.cat(_behind(self.texts, other.texts, NOTHING))
        self.texts = texts[:, int((texts != NOTHING).any(0).byte().argmax()) :]

    def texts_of(self, rows: Tensor) -> tuple[list[list[int]], list[list[float]], Tensor | None]:
        """Tokens of rows with their prompts, log-probabilities of the last of them, and how these looked at the source,
        the next one, which is about to be chosen, included."""
        attention = None
        if self.look is not None:
            attention = torch.cat(_alike(self._attention()[rows], self.look[rows][:, None]), 1)
        return self.texts[rows.to(self.texts.device)].tolist(), self.written[rows].tolist(), attention

    def _attention(self) -> Tensor:
        return torch.zeros(*self.written.shape, 0) if self.attention is None else self.attention

    def _repeat(self, rows: Tensor) -> None:
        """Let rows (B',) go on from what has been read of each; they share it."""
        self._select_texts(rows)
        self._spread(rows.to(self.texts.device))
        if any(state.memory is not None for state in self._states):
            self._part()

    def _spread(self, places: Tensor) -> None:
        """Let texts (B,) share what has been read of each state's row."""
        self._places, self.logs = places, self.logs.index_select(0, places)
        self.logits = None if self.logits is None else self.logits.index_select(0, places)

    def _part(self) -> None:
        """Give each text a row of the states of its own."""
        if self._places is not None:
            for state in self._states:
                state.select(self._places)
            self._places = None

    def _select_texts(self, rows: Tensor) -> None:
        self.texts = self.texts.index_select(0, rows.to(self.texts.device))
        self.scores, self.written = self.scores[rows], self.written[rows]
        self.attention = None if self.attention is None else self.attention[rows]
        self.look = None if self.look is None else self.look[rows]

    def _read_all(self, seen: Sequence[int], wanted: Wanted) -> None:
        longest = max(seen)
        ids, lengths = self.texts[:, -longest:].clamp(min=0), torch.tensor(seen, device=self.texts.device)
        valid = torch.arange(longest, device=self.texts.device) >= longest - lengths[:, None]
        self._forward(Batch(ids, valid=None if min(seen) == longest else valid), wanted)

    def _forward(self, batch: Batch, wanted: Wanted) -> None:
        """Only the last position's logits are worked out."""
        logits = []
        for model, state in zip(self.models, self._states, strict=True):
            if state.memory is not None:
                state.memory.attention_weights = [] if wanted.attention else None
            logits.append(model.head(model.hidden(batch, state)[:, -1]).float())
        self.look = self._look() if wanted.attention else None
        mean = logits[0] if len(logits) == 1 else self._mean(logits)
        # One fused pass, where logsumexp takes several over a matrix that is larger than the model's widest layer.
        self.logs = torch.log_softmax(mean, -1) if wanted.logits else torch.log_softmax(mean, -1, out=mean)
        self.logits = mean if wanted.logits else None

    def _mean(self, logits: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack([own.log_softmax(-1) for own in logits])
        # Averaged logarithms are no probabilities before they are normalised again.
        return stacked.mean(0) if self.ensemble == "logarithm" else stacked.logsumexp(0) - math.log(len(logits))

    def _look(self) -> Tensor | None:
        """(rows, S): the mean over models, blocks and heads of the last position's look."""
        memories = [state.memory for state in self._states if state.memory is not None]
        looks = [look[:, :, -1].mean(1) for memory in memories for look in memory.attention_weights or []]
        return torch.stack(looks).mean(0).cpu() if looks else None


def _distinct(prompts: Sequence[Sequence[int]], sources: Sequence[Source] | None) -> tuple[list[int], Tensor]:
    """The number of the first of all prompts that are the same with their sources, and (prompts,) which of those each
    one is. Tokens are compared, and of other sources whether they are one object."""
    known: dict[Hashable, int] = {}
    firsts, places = [], []
    for number, prompt in enumerate(prompts):
        source = None if sources is None else sources[number]
        read = id(source) if isinstance(source, Tensor | EncodedSource | None) else tuple(source)
        place = known.setdefault((tuple(prompt), read), len(known))
        if place == len(firsts):
            firsts.append(number)
        places.append(place)
    return firsts, torch.tensor(places)


def _alike(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both as long in the last dimension: zeros behind the shorter one."""
    length = max(first.shape[-1], second.shape[-1])
    return pad(first, (0, length - first.shape[-1])), pad(second, (0, length - second.shape[-1]))


def _behind(first: Tensor, second: Tensor, value: float) -> list[Tensor]:
    """Both as long in the second dimension: a value before the shorter one."""
    length = max(first.shape[1], second.shape[1])
    return [pad(x, (*[0] * (2 * x.ndim - 4), length - x.shape[1], 0), value=value) for x in (first, second)]
