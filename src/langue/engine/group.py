"""Requests under way, and groups of them whose next tokens are chosen together."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from langue.engine.batch import DecodingBatch
from langue.engine.constraints import Constraint
from langue.engine.hypothesis import Hypothesis, rank
from langue.engine.processors import NOTHING, RULED_OUT, forced, processed
from langue.engine.request import Request
from langue.randomness import mix, mix_more


@dataclass(eq=False)
class Running:
    """A request under way.

    Attributes:
        request: it.
        seen: positions of each of its texts that the model remembers.
        written: new tokens of each of its texts, also that which the model has not read yet.
        rows: how many it has in the batch: one for its prompt, then one for each text that is not finished.
        samples: of sampling, the numbers of these texts.
        draws: of sampling, log-probabilities of what was drawn for each text by its number, if they are kept.
        draw_states: of sampling, hashes of what the draws for each text by its number have in common.
        agreed: of tokens that were proposed to it the last time, how many it chose.
        constraint: of beams, how far each has come with the phrases that have to stand in it.
        ended: what has ended, best or first sample first, with what it is sorted by.
    """

    request: Request
    seen: int
    written: int = 0
    rows: int = 1
    samples: list[int] = field(default_factory=list)
    draws: dict[int, list[float]] = field(default_factory=dict)
    draw_states: list[int] = field(default_factory=list)
    agreed: int = 8
    constraint: Constraint | None = None
    ended: list[tuple[float, Hypothesis]] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.request.settings
        self.samples = list(range(settings.samples)) if settings.beams == 1 else []
        key = mix(settings.seed, *self.request.key, "sample")
        self.draw_states = [mix_more(key, sample) for sample in self.samples]
        if self.request.phrases:
            self.constraint = Constraint(self.request.phrases, settings.beams, self.request.ends)

    @property
    def proposals(self) -> int:
        """Tokens that may be proposed to it at most: the fewer, the fewer it chose. A request of several texts has
        none."""
        settings = self.request.settings
        return min(2 * self.agreed + 2, self.request.max_tokens - self.written - 1) if settings.width == 1 else 0

    @property
    def hypotheses(self) -> list[Hypothesis]:
        """As many of what has ended as were asked for."""
        return [hypothesis for _, hypothesis in self.ended[: self.request.settings.samples]]

    def end(
        self, text: list[int], score: float, logs: list[float], attention: Tensor | None, order: int | None
    ) -> None:
        """Keep a text that has ended.

        Args:
            text: its tokens, with the ending one.
            score: the sum of their log-probabilities.
            logs: these.
            attention: (tokens, S or more) how much each looked at each source position, if that was noted.
            order: the number of a sample, by which it is sorted; None sorts by rank, and two equal texts are one.
        """
        settings, is_end = self.request.settings, text[-1] in self.request.ends
        attention = None if attention is None else attention[:, : self.request.source_length]
        hypothesis = Hypothesis(
            tokens=text[:-1] if is_end else text,
            score=score,
            end=text[-1] if is_end else None,
            rank=rank(score, len(text), attention, settings),
            log_probabilities=logs,
            alignment=attention if settings.alignments else None,
            draw_log_probabilities=None if order is None else self.draws.get(order),
        )
        same = ((other.tokens, other.end) == (hypothesis.tokens, hypothesis.end) for _, other in self.ended)
        if order is None and settings.groups > 1 and any(same):
            return  # groups may meet again
        insort(self.ended, (-hypothesis.rank if order is None else order, hypothesis), key=lambda pair: pair[0])
        del self.ended[settings.width :]


@dataclass
class Choice:
    """The choice of N rows and their next tokens, on the CPU.

    Attributes:
        counts: rows of each of the group's requests, which stand in succession; a request without any has finished.
        parents: (N,) the rows of the batch that go on; None is all as they stand.
        tokens: (N,) with what.
        logs: (N,) the token's log-probability.
        scores: (N,) the whole text's, in float64.
    """

    counts: list[int]
    parents: Tensor | None
    tokens: Tensor
    logs: Tensor
    scores: Tensor


@dataclass
class Group:
    """Requests of one kind that have as many rows each, or are sampled.

    Attributes:
        running: they.
        rows: (N,) their rows in the batch, of a prompt as many as there are samples; None is all rows of the batch.
        suppressed: (…,) int64 tokens that none of them may choose, or None.
    """

    running: list[Running]
    rows: Tensor | None
    suppressed: Tensor | None

    def __post_init__(self) -> None:
        request = self.running[0].request
        self.settings, self.ends, self.processor = request.settings, tuple(request.ends), request.processor
        self.counts = [max(running.rows, len(running.samples)) for running in self.running]
        """Rows of each."""

    def logits(self, batch: DecodingBatch) -> Tensor:
        """Logits (rows, V) of the next token after all processors, which of beams are log-probabilities."""
        logits = self._own(batch.logits if needs_logits(self.running[0].request) else batch.logs)
        if self.suppressed is not None:
            logits.index_fill_(1, self.suppressed, RULED_OUT)
        if self.processor is not None:
            logits = self.processor(logits, self._own(batch.texts), self._written(logits.device))
        # Before the filters, which would leave nothing where they keep ends alone.
        logits = processed(self._without_ends(logits), self._own(batch.texts), self.settings)
        return self._forced(logits)

    def per_row(self, values: Iterable[int]) -> list[int]:
        """A value of each request, for each of its rows."""
        return [value for value, count in zip(values, self.counts, strict=True) for _ in range(count)]

    def _own(self, x: Tensor | None) -> Tensor:
        assert x is not None
        return x if self.rows is None else x.index_select(0, self.rows)

    def _written(self, device: torch.device) -> Tensor:
        return torch.tensor(self.per_row(running.written for running in self.running), device=device)

    def _without_ends(self, logits: Tensor) -> Tensor:
        """No end where too little has been written."""
        early = [running.written < running.request.settings.min_tokens for running in self.running]
        if any(early):
            rows = torch.tensor(self.per_row(early), device=logits.device).nonzero()
            logits[rows, torch.tensor(self.ends, dtype=torch.long, device=logits.device)] = RULED_OUT
        return logits

    def _forced(self, logits: Tensor) -> Tensor:
        """Prefixes."""
        begun = [(running.written, running.request.prefix) for running in self.running]
        tokens = [prefix[written] if written < len(prefix) else NOTHING for written, prefix in begun]
        if all(token == NOTHING for token in tokens):
            return logits
        return forced(logits, torch.tensor(self.per_row(tokens), device=logits.device))


def needs_logits(request: Request) -> bool:
    """True if a request's processors work on what a model gives before it is normalised.

    A penalty depends on the sign of logits, and so on whether they are normalised; beams add log-probabilities.
    """
    return request.settings.repetition_penalty != 1.0 and request.settings.beams == 1


def needs_attention(request: Request) -> bool:
    """True if it is noted how much a request's texts look at their source."""
    return request.settings.alignments or request.settings.coverage_penalty > 0


def grouped(
    running: Sequence[Running], resting: Sequence[Running], vocab_size: int, device: torch.device
) -> list[Group]:
    """Groups of requests under way, whose rows stand in the batch in this order, but for those that rest."""
    kinds: dict[tuple, list[tuple[Running, int]]] = {}
    place = 0
    for member in running:
        beams = member.request.settings.beams > 1
        if member not in resting:
            kinds.setdefault((member.request.kind, member.rows if beams else 0), []).append((member, place))
        place += member.rows
    return [_group(members, place, vocab_size, device) for members in kinds.values()]


def _group(members: list[tuple[Running, int]], total: int, vocab_size: int, device: torch.device) -> Group:
    rows: list[int] = []
    for member, place in members:
        # A prompt's one row goes on as many ways as there are samples.
        samples = len(member.samples)
        rows += [place] * samples if member.rows < samples else range(place, place + member.rows)
    request = members[0][0].request
    suppressed = [token for token in set(request.suppress_tokens) - set(request.ends) if token < vocab_size]
    return Group(
        [member for member, _ in members],
        None if rows == list(range(total)) else torch.tensor(rows, device=device),
        torch.tensor(suppressed, device=device) if suppressed else None,
    )


def without_holes(keep: Tensor) -> Tensor:
    """Numbers of rows to select so that those of `keep` (rows,) bool remain, most of them where they stand."""
    count = int(keep.sum())
    rows = torch.arange(count)
    rows[~keep[:count]] = count + keep[count:].nonzero()[:, 0]
    return rows
