"""The decoding batch: texts of any lengths side by side, each as if it were alone, and what models say comes next."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from langue.batch import Batch
from langue.engine.prefixes import Prefixes
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


@dataclass
class Ahead:
    """Logits beyond the last tokens of texts, behind tokens that have been proposed and read. R rows that were read.

    Attributes:
        proposals: (R, k) tokens, `NOTHING` where there is none.
        logs: (R, 1 + k, V) log-probabilities of the next token, behind none, one, two, … of them.
        logits: the same before they are normalised, if they are wanted.
        rows: (B,) the row of each text.
        step: proposals behind which texts have gone on.
    """

    proposals: Tensor
    logs: Tensor
    logits: Tensor | None
    rows: Tensor
    step: int = 0


class DecodingBatch:
    """Texts under way and what the models remember of them.

    Args:
        models: decoders or encoder–decoders of one vocabulary; several are averaged.
        texts: (rows, L) int64, see below.
        ensemble: what several models average: probabilities, or their logarithms.
        draft: a small model that reads along and proposes tokens.

    Attributes:
        texts: (rows, L) tokens so far, `NOTHING` before a shorter text; the models have not read the last ones yet.
        scores: (rows,) float64, the sum of the log-probabilities of what each row has written; on the CPU, as
        written: (rows, T) log-probabilities of the last tokens of each, zeros before those that wrote fewer.
        attention: (rows, T, S) how much each of these looked at the source when it was chosen, or None.
        logs: (rows, V) fp32 log-probabilities of the next token, once a text has been read.
        logits: (rows, V) fp32 what they were made of, or None. Of several models, the logarithm of their mean.
        look: (rows, S) how much the last token looks at the source, or None.
    """

    def __init__(
        self,
        models: Sequence[Model],
        texts: Tensor,
        ensemble: Literal["probability", "logarithm"],
        draft: Model | None = None,
    ):
        self.models, self.texts, self.ensemble, self.draft = models, texts, ensemble, draft
        self._readers = [*models, *([] if draft is None else [draft])]
        self.scores = torch.zeros(len(texts), dtype=torch.float64)
        self.written = torch.zeros(len(texts), 0)
        self.attention: Tensor | None = None
        self.logs = torch.empty(0)
        self.logits: Tensor | None = None
        self.look: Tensor | None = None
        self._states: list[State] = []
        """One of each model, the draft's at the end."""
        self._ahead: Ahead | None = None
        self._places: Tensor | None = None
        """(rows,) the states' row of each text, while some that are the same share one; None where each has its own."""
        self._left = Batch(self.texts[:0, :0])
        """The part of each of the states' rows that is to be read before the first choice."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def vocab_size(self) -> int:
        return self.models[0].config.vocab_size

    @property
    def unread(self) -> int:
        """Positions of all rows that are to be read before the first choice."""
        return self._left.ids.numel()

    @classmethod
    def of(
        cls,
        models: Sequence[Model],
        prompts: Sequence[Sequence[int]],
        sources: Sequence[Source] | None,
        seen: Sequence[int],
        ensemble: Literal["probability", "logarithm"],
        draft: Model | None = None,
    ) -> DecodingBatch:
        """Prompts, of which the last `seen` tokens are to be read; those that are the same, sources as well, once."""
        longest = max(map(len, prompts))
        texts = torch.tensor([[NOTHING] * (longest - len(prompt)) + [*prompt] for prompt in prompts])
        batch = cls(models, texts.to(models[0].device), ensemble, draft)
        firsts, places = _distinct(prompts, sources)
        if len(firsts) < len(prompts):
            batch._places = places.to(batch.texts.device)
        read = None if sources is None else [sources[first] for first in firsts]
        ids = batch.texts[:, :0]
        batch._states = [model.start(Batch(ids)) if read is None else start(model, read) for model in batch._readers]
        batch._left = _last(batch.texts[firsts], [seen[first] for first in firsts])
        return batch

    def again(self, rows: Tensor, sources: Tensor, counts: Sequence[int], seen: int) -> DecodingBatch:
        """Some rows, as many in succession of each source as `counts` says, of which the last tokens are to be read."""
        batch = DecodingBatch(self.models, self.texts, self.ensemble, self.draft)
        batch.scores, batch.written, batch.attention = self.scores, self.written, self.attention
        batch._select_texts(rows)
        for model, state in zip(self._readers, self._states, strict=True):
            source = Batch(batch.texts[:, :0])
            if state.memory is not None:
                hidden, valid = state.memory.hidden, state.memory.valid
                at = sources.to(hidden.device)
                source = Batch(source.ids, encoded=hidden[at], source_valid=None if valid is None else valid[at])
            new = model.start(source)
            if new.memory is not None:
                new.memory.share(counts)
            batch._states.append(new)
        batch._left = Batch(batch.texts[:, -seen:])
        return batch

    def begin_behind(self, prefixes: Prefixes) -> None:
        """Let a single row of which nothing has been read go on behind what is known of it, but for its last token."""
        if not prefixes.room or len(self._left.ids) > 1 or any(state.length for state in self._states):
            return
        states, length = prefixes.find(self._left.ids[0, :-1].tolist())
        if length:
            self._states, self._left = states, _part_of(self._left, np.s_[:, length:])

    def alone(self, row: int, length: int) -> list[State]:
        """Copies of the states behind so many tokens of one text."""
        place = row if self._places is None else int(self._places[row])
        return [state.alone(place, length) for state in self._states]

    def read_prompts(self, most: int, wanted: Wanted) -> None:
        """Let the models read what is to be read first, about so many positions of it."""
        columns = max(1, most // len(self._left.ids))
        piece, self._left = _part_of(self._left, np.s_[:, :columns]), _part_of(self._left, np.s_[:, columns:])
        if self.unread:
            for model, state in zip(self._readers, self._states, strict=True):
                model.hidden(piece, state)
            return
        self._forward(piece, wanted)
        if self._places is not None:
            self._spread(self._places)
            if any(state.memory is not None for state in self._states):
                self._part()

    def read(self, wanted: Wanted) -> None:
        """Let the models read the last token of each text, once for those that are the same so far."""
        if self._places is None:
            self._forward(Batch(self.texts[:, -1:]), wanted)
            return
        ways, places = (self._places * self.vocab_size + self.texts[:, -1]).unique(return_inverse=True)
        if len(ways) == len(self):
            self._part()
            self.read(wanted)
            return
        for state in self._states:
            state.select(ways // self.vocab_size)
        self._forward(Batch((ways % self.vocab_size)[:, None]), wanted)
        self._spread(places)

    def propose(self, count: int) -> Tensor:
        """(rows, count) the tokens that the draft takes for likeliest, one behind the other, all of which it reads."""
        assert self.draft is not None
        self._move_to_pages()
        tokens = [self.texts[:, -1:]]
        for _ in range(count):
            hidden = self.draft.hidden(Batch(tokens[-1]), self._states[-1])
            tokens.append(self.draft.head(hidden[:, -1]).argmax(-1, keepdim=True))
        self.draft.hidden(Batch(tokens[-1]), self._states[-1])
        return torch.cat(tokens[1:], 1)

    def read_ahead(self, proposals: Tensor, wanted: Wanted) -> None:
        """Let the models read the last token of each text, and (rows, k) tokens that have been proposed behind it."""
        self._move_to_pages()
        proposals = proposals.to(self.texts.device)
        ids = torch.cat([self.texts[:, -1:], proposals.clamp(min=0)], 1)
        logs, logits = self._forward(Batch(ids), wanted, ids.shape[1])
        self._ahead = Ahead(proposals, logs, logits, torch.arange(len(self), device=ids.device))

    def advance(self) -> list[bool]:
        """Look at what comes behind the next proposals: which texts have chosen these; nothing if none has."""
        ahead = self._ahead
        if ahead is None or ahead.step == ahead.proposals.shape[1]:
            return []
        proposed = ahead.proposals[ahead.rows, ahead.step]
        agree = (proposed == self.texts[:, -1]) & (proposed != NOTHING)
        if not bool(agree.any()):
            return []
        ahead.step += 1
        self.logs = ahead.logs[ahead.rows, ahead.step]
        self.logits = None if ahead.logits is None else ahead.logits[ahead.rows, ahead.step]
        return agree.tolist()

    def settle(self) -> None:
        """Forget proposals that were read and not chosen; texts that others have gone on without end beside these."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return
        rested = (self.texts == NOTHING).flip(1).cumprod(1).sum(1)
        for state in self._states:
            state.take_back(ahead.proposals.shape[1] - ahead.step + rested)
        if bool(rested.any()):
            self.texts = _without_padding(_shifted(self.texts, rested, NOTHING))
            self.written = _shifted(self.written, rested.cpu(), 0)

    def write(self, tokens: Tensor, logs: Tensor, scores: Tensor) -> None:
        """Append to each text what was chosen, `NOTHING` to one that rests, with its log-probability and what the
        text's is now; (rows,) each."""
        look, self.look = self.look, None
        self.attention = None if look is None else torch.cat(_alike(self._attention(), look[:, None]), 1)
        self.texts = torch.cat([self.texts, tokens.to(self.texts.device)[:, None]], 1)
        self.written, self.scores = torch.cat([self.written, logs[:, None]], 1), scores

    def select(self, rows: Tensor, sources: Tensor, counts: Sequence[int]) -> None:
        """Keep, reorder or repeat rows (B',), as many in succession of each source that is kept as `counts` says."""
        self._select_texts(rows)
        rows, sources = rows.to(self.texts.device), sources.to(self.texts.device)
        if self._ahead is not None:
            self._ahead = replace(self._ahead, rows=self._ahead.rows[rows])
        if self._places is not None:
            self._places = self._places[rows]
            return
        for state in self._states:
            state.select(rows, sources, counts)
        if self.unread:
            self._left = _part_of(self._left, rows)

    def join(self, other: DecodingBatch, counts: Sequence[int]) -> None:
        """Let others go on behind these; all have chosen since they were read. Of each source there are as many as
        `counts`."""
        self._move_to_pages(), other._move_to_pages()
        for state, more in zip(self._states, other._states, strict=True):
            state.join(more, counts)
        if self.attention is not None or other.attention is not None:
            mine, theirs = _alike(self._attention(), other._attention())
            self.attention = torch.cat(_behind(mine, theirs, 0))
        self.written = torch.cat(_behind(self.written, other.written, 0))
        self.scores = torch.cat([self.scores, other.scores])
        self.texts = _without_padding(torch.cat(_behind(self.texts, other.texts, NOTHING)))

    def texts_of(self, rows: Tensor) -> tuple[list[list[int]], list[list[float]], Tensor | None]:
        """Tokens of rows with their prompts, log-probabilities of the last of them, and how these looked at the source,
        the next one, which is about to be chosen, included."""
        attention = None
        if self.look is not None:
            attention = torch.cat(_alike(self._attention()[rows], self.look[rows][:, None]), 1)
        return self.texts[rows.to(self.texts.device)].tolist(), self.written[rows].tolist(), attention

    def _attention(self) -> Tensor:
        return torch.zeros(*self.written.shape, 0) if self.attention is None else self.attention

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

    def _move_to_pages(self) -> None:
        """Give each text a row of its own, in pages."""
        self._part()
        for state in self._states:
            if state.page_table is None:
                state.move_to_pages(torch.arange(len(self), device=self.texts.device))

    def _select_texts(self, rows: Tensor) -> None:
        self.texts = self.texts.index_select(0, rows.to(self.texts.device))
        self.scores, self.written = self.scores[rows], self.written[rows]
        self.attention = None if self.attention is None else self.attention[rows]
        self.look = None if self.look is None else self.look[rows]

    def _forward(self, batch: Batch, wanted: Wanted, count: int = 1) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities (rows, count, V) of what comes behind the last positions, whose first are `logs` now, and
        what they are made of. Of others nothing is worked out."""
        logits = []
        for model, state in zip(self.models, self._states, strict=False):
            if state.memory is not None:
                state.memory.attention_weights = [] if wanted.attention else None
            logits.append(model.head(model.hidden(batch, state)[:, -count:]).float())
        if self.draft is not None and self._states[-1].length < self._states[0].length:
            self.draft.hidden(batch, self._states[-1])
        self.look = self._look() if wanted.attention else None
        mean = logits[0] if len(logits) == 1 else self._mean(logits)
        # One fused pass, where logsumexp takes several over a matrix that is larger than the model's widest layer.
        logs = torch.log_softmax(mean, -1) if wanted.logits else torch.log_softmax(mean, -1, out=mean)
        self.logs, self.logits = logs[:, 0], mean[:, 0] if wanted.logits else None
        return logs, mean if wanted.logits else None

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


def _last(texts: Tensor, seen: Sequence[int]) -> Batch:
    """The last tokens of texts (rows, L), so many of each."""
    longest, lengths = max(seen), torch.tensor(seen, device=texts.device)
    valid = torch.arange(longest, device=texts.device) >= longest - lengths[:, None]
    return Batch(texts[:, -longest:].clamp(min=0), valid=None if min(seen) == longest else valid)


def _part_of(batch: Batch, which: Any) -> Batch:
    """Some rows, or some positions of all of them."""
    return Batch(batch.ids[which], valid=None if batch.valid is None else batch.valid[which])


def _alike(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both as long in the last dimension: zeros behind the shorter one."""
    length = max(first.shape[-1], second.shape[-1])
    return pad(first, (0, length - first.shape[-1])), pad(second, (0, length - second.shape[-1]))


def _without_padding(texts: Tensor) -> Tensor:
    """Texts (rows, L) without what is padding in all of them."""
    return texts[:, int((texts != NOTHING).any(0).byte().argmax()) :]


def _shifted(x: Tensor, counts: Tensor, value: float) -> Tensor:
    """Rows (rows, L), each moved to the right by so many places of (rows,), behind a value."""
    places = torch.arange(x.shape[1], device=x.device) - counts[:, None]
    return x.gather(1, places.clamp(min=0)).masked_fill(places < 0, value)


def _behind(first: Tensor, second: Tensor, value: float) -> list[Tensor]:
    """Both as long in the second dimension: a value before the shorter one."""
    length = max(first.shape[1], second.shape[1])
    return [pad(x, (*[0] * (2 * x.ndim - 4), length - x.shape[1], 0), value=value) for x in (first, second)]
