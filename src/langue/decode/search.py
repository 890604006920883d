"""The one search: greedy, sampling and beam, for every form and mixer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from langue.batch import Batch
from langue.decode.filters import filtered
from langue.decode.rows import Rows
from langue.decode.settings import SearchSettings
from langue.models import Model
from langue.randomness import mix


@dataclass(frozen=True)
class Hypothesis:
    """One text that was written.

    Attributes:
        tokens: without the prompt and without the token that ended it.
        score: sum of log-probabilities, of the ending token as well.
        ended: an ending token was chosen, rather than the room used up.
    """

    tokens: list[int]
    score: float
    ended: bool

    def rank(self, length_penalty: float) -> float:
        """What beams are compared by: log-probability / length to a power (Wu et al. 2016, section 7, simplified)."""
        return self.score / max(1, len(self.tokens) + self.ended) ** length_penalty


@dataclass
class Search:
    """What to search for, and when to end.

    Attributes:
        model: a decoder or encoder–decoder.
        settings: how tokens are chosen.
        end: the token that ends a text.
        never: tokens that may not be chosen.
        source: the sources of an encoder–decoder, one row a prompt.
    """

    model: Model
    settings: SearchSettings
    end: int
    never: Sequence[int] = ()
    source: Batch | None = None
    _banned: Tensor | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        banned = [token for token in self.never if token != self.end and token < self.model.config.vocab_size]
        if banned:
            self._banned = torch.tensor(sorted(banned), dtype=torch.long, device=self.model.device)

    @torch.inference_mode()
    def run(self, prompts: Sequence[Sequence[int]]) -> list[list[Hypothesis]]:
        """For each prompt its `samples` hypotheses; of beams the best, best first."""
        if self.settings.beams > 1:
            return [
                beam.best(self.settings.samples)
                for number, prompt in enumerate(prompts)
                for beam in [self._beam(prompt, number)]
            ]
        count = self.settings.samples
        writing = Writing(self, prompts)
        for _ in writing.tokens():
            pass
        found = writing.hypotheses
        return [found[place : place + count] for place in range(0, len(found), count)]

    def choices(self, rows: Rows) -> Tensor:
        """(rows, V) log-probabilities after all filters."""
        return filtered(rows.logits, rows.texts, self.settings, self._banned).log_softmax(-1)

    def _beam(self, prompt: Sequence[int], number: int) -> Beam:
        source = None if self.source is None else _one(self.source, number)
        beam = Beam(self, Rows(self.model, [prompt], source), len(prompt))
        while not beam.over():
            beam.step()
        return beam


class Writing:
    """Greedy search or sampling of many rows at once; rows that have ended leave the batch.

    What is drawn for a row is a pure function of the seed, which of its prompt's samples it is, and the position; so a
    text depends on nothing that is written beside it.
    """

    def __init__(self, search: Search, prompts: Sequence[Sequence[int]]):
        count = search.settings.samples
        self.search = search
        self.rows = Rows(search.model, prompts, search.source)
        self.rows.select([row for row in range(len(prompts)) for _ in range(count)])
        self.hypotheses = [Hypothesis([], 0.0, False) for _ in range(len(prompts) * count)]
        self._active = list(range(len(self.hypotheses)))
        self._stopped: set[int] = set()

    def stop(self, row: int) -> None:
        """End a row before its next token."""
        self._stopped.add(row)

    @torch.inference_mode()
    def tokens(self) -> Iterator[tuple[int, int]]:
        """(row, token) as they are chosen; ending tokens are not shown."""
        settings = self.search.settings
        for position in range(settings.max_tokens):
            logs = self.search.choices(self.rows)
            chosen = self._choose(logs, position)
            scores = logs.gather(1, chosen[:, None])[:, 0].tolist()
            picked = chosen.tolist()
            for row, token, score in zip(self._active, picked, scores, strict=True):
                old = self.hypotheses[row]
                if token == self.search.end:
                    self.hypotheses[row] = Hypothesis(old.tokens, old.score + score, True)
                    self._stopped.add(row)
                else:
                    old.tokens.append(token)
                    self.hypotheses[row] = Hypothesis(old.tokens, old.score + score, False)
                    yield row, token
            going = [place for place, row in enumerate(self._active) if row not in self._stopped]
            if not going or position + 1 == settings.max_tokens:
                return
            self.rows.select(going)
            self._active = [self._active[place] for place in going]
            self.rows.append([picked[place] for place in going])

    def _choose(self, logs: Tensor, position: int) -> Tensor:
        settings = self.search.settings
        if settings.temperature == 0:
            return logs.argmax(-1)
        draws = [mix(settings.seed, "sample", row % settings.samples, position) / 2**64 for row in self._active]
        cumulated = logs.double().exp().cumsum(-1)
        # A draw just below 1 must not land behind the last token that can be chosen.
        drawn = torch.tensor(draws, dtype=torch.float64, device=logs.device)[:, None] * cumulated[:, -1:]
        return torch.searchsorted(cumulated, drawn, right=True).clamp_(max=logs.shape[-1] - 1)[:, 0]


class Beam:
    """Beam search for one prompt: follow the likeliest few beginnings, and end when nothing better can come.

    Scores only fall, so once the worst of enough ended hypotheses beats the best rank that any live one could reach,
    the search is over; what it found is what searching on would have found.
    """

    def __init__(self, search: Search, rows: Rows, prompt_length: int):
        self.search, self.rows, self.prompt_length = search, rows, prompt_length
        self.scores = torch.zeros(1, dtype=torch.float64)
        self.ended: list[Hypothesis] = []
        self.length = 0

    def step(self) -> None:
        """Extend every live beginning by every token, keep the best."""
        width, end = self.search.settings.beams, self.search.end
        logs = self.search.choices(self.rows).double().cpu()
        totals = self.scores[:, None] + logs
        self.length += 1
        for row, total in enumerate(totals[:, end].tolist()):
            if total > float("-inf"):
                self.ended.append(Hypothesis(self.rows.texts[row][self.prompt_length :], total, True))
        totals[:, end] = float("-inf")
        best = totals.flatten().topk(min(width, totals.numel()))
        keep = best.values > float("-inf")
        self.scores = best.values[keep]
        places = best.indices[keep]
        origins, tokens = (places // totals.shape[1]).tolist(), (places % totals.shape[1]).tolist()
        self.ended = self._best_ended(width)
        if not origins:
            return
        if self.length == self.search.settings.max_tokens:
            for origin, token, score in zip(origins, tokens, self.scores.tolist(), strict=True):
                text = self.rows.texts[origin][self.prompt_length :]
                self.ended.append(Hypothesis([*text, token], score, False))
            self.ended = self._best_ended(width)
            return
        self.rows.select(origins)
        self.rows.append(tokens)

    def over(self) -> bool:
        settings = self.search.settings
        if self.length == settings.max_tokens or not len(self.scores):
            return True
        if len(self.ended) < settings.beams:
            return False
        best = float(self.scores.max())
        hope = best / settings.max_tokens**settings.length_penalty
        return self.ended[-1].rank(settings.length_penalty) >= hope

    def best(self, count: int) -> list[Hypothesis]:
        return self._best_ended(count)

    def _best_ended(self, count: int) -> list[Hypothesis]:
        penalty = self.search.settings.length_penalty
        return sorted(self.ended, key=lambda found: -found.rank(penalty))[:count]


def _one(batch: Batch, row: int) -> Batch:
    assert batch.source is not None
    valid = None if batch.source_valid is None else batch.source_valid[row : row + 1]
    return Batch(batch.ids[row : row + 1], source=batch.source[row : row + 1], source_valid=valid)
