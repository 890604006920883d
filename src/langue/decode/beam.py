"""Beam search of many prompts at once: follow the likeliest few beginnings of each, until nothing better can come."""

from __future__ import annotations

from bisect import insort

import torch
from torch import Tensor

from langue.decode.constraints import Constraints
from langue.decode.rank import Hypothesis, length_norm, rank
from langue.decode.select import Chosen, Continuations, Step, best_tokens, diverse, likeliest
from langue.decode.task import Asked, Chooser, prefix_tensor, without_holes

DONE_SHARE = 8
"""Prompts leave when one in so many is done: each time, all that is remembered is copied."""


class Beams:
    """Beams of several prompts, side by side.

    Log-probabilities only fall, so once enough ended hypotheses beat the best rank that any live one could reach, a
    prompt is done: what was found for it is what searching on would have found.

    Args:
        chooser: what to search with.
        asked: prompts, and what is asked of each.
    """

    def __init__(self, chooser: Chooser, asked: Asked):
        self.chooser, self.settings = chooser, chooser.settings
        self.rows = chooser.rows(asked)
        count = len(asked)
        self.rooms = asked.rooms(self.settings)
        self.ended: list[list[Hypothesis]] = [[] for _ in range(count)]
        self.live = list(range(count))
        self._done = [False] * count
        self._sources = None if asked.sources is None else [len(source) for source in asked.sources]
        self._prefix = prefix_tensor(asked.prefixes)
        self._constraints = Constraints.of(asked.phrases, self.settings.beams, chooser.end)
        # One hypothesis a prompt, the empty one, until the first step has made more of it.
        self._width, self._length = 1, 0
        self._totals = torch.zeros(count, 1, dtype=torch.float64)
        self._texts = torch.zeros(count, 1, 0, dtype=torch.long)
        self._logs = torch.zeros(count, 1, 0)
        self._looks: Tensor | None = None

    def run(self) -> list[list[Hypothesis]]:
        """For each prompt its best hypotheses, best first."""
        while self.live:
            self.step()
        return [ended[: self.settings.samples] for ended in self.ended]

    def step(self) -> None:
        """Extend every live beginning by every token, keep the best."""
        step = self._choose(self._continuations())
        self._length += 1
        self._look()
        self._note(step)
        self._follow(step.live)

    def _continuations(self) -> Continuations:
        """The likeliest ways to go on: of each hypothesis one more than beams, since one of them may be to end."""
        rows = self.rows
        prefix = None
        if self._prefix is not None:
            prefix = self._prefix[self.live].repeat_interleave(self._width, 0).to(rows.device)
        logits = self.chooser.logits(rows, self._length, prefix)
        values, tokens = best_tokens(logits, self.settings.beams + 1)
        if self._constraints is not None:
            tokens = self._constraints.with_wanted(tokens)
            values = logits.gather(1, tokens)
        shape = (len(self.live), self._width, -1)
        logs = values.cpu().view(shape)
        return Continuations(tokens.cpu().view(shape), logs, self._totals[:, :, None] + logs.double())

    def _choose(self, found: Continuations) -> Step:
        width, end = self.settings.beams, self.chooser.end
        if self._constraints is not None:
            return self._constraints.choose(found)
        if self.settings.groups > 1:
            return diverse(found, width, self.settings.groups, self.settings.diversity, end)
        return likeliest(found, width, end)

    def _look(self) -> None:
        """Remember how each hypothesis looked at its source when its next token was chosen."""
        if self.rows.looks is None:
            return
        new = self.rows.looks.cpu().view(len(self.live), self._width, 1, -1)
        self._looks = new if self._looks is None else torch.cat([self._looks, new], 2)

    def _note(self, step: Step) -> None:
        """Keep what ends here, and find out which prompts are done."""
        full = torch.tensor([self.rooms[number] == self._length for number in self.live])
        ended = step.ended.totals.isfinite() & ~full[:, None]
        self._keep(step.ended, ended)
        if bool(full.any()):
            self._keep(step.last, step.last.totals.isfinite() & full[:, None])
        best = step.live.totals.amax(1).tolist()
        for place, number in enumerate(self.live):
            self._done[number] = self._done[number] or bool(full[place]) or self._over(number, best[place])

    def _keep(self, chosen: Chosen, which: Tensor) -> None:
        """Make hypotheses of some of what was chosen, (P, N) bool."""
        places, columns = which.nonzero(as_tuple=True)
        if not len(places):
            return
        parents, tokens = chosen.parents[places, columns], chosen.tokens[places, columns].tolist()
        texts = self._texts[places, parents].tolist()
        logs = torch.cat([self._logs[places, parents], chosen.logs[places, columns, None]], 1).tolist()
        looks = None if self._looks is None else self._looks[places, parents]
        totals = chosen.totals[places, columns].tolist()
        for row, place in enumerate(places.tolist()):
            number = self.live[place]
            if self._done[number]:
                continue
            look = None if looks is None else looks[row][:, : self._source_length(number)]
            self._insert(number, [*texts[row], tokens[row]], totals[row], logs[row], look)

    def _insert(self, number: int, text: list[int], score: float, logs: list[float], look: Tensor | None) -> None:
        """Keep one of a prompt's hypotheses if it is among the best so far."""
        settings, is_end = self.settings, text[-1] == self.chooser.end
        found = Hypothesis(
            tokens=text[:-1] if is_end else text,
            score=score,
            ended=is_end,
            rank=rank(score, len(text), look, settings),
            log_probabilities=logs,
            alignment=look if settings.alignments else None,
        )
        again = [other for other in self.ended[number] if (other.tokens, other.ended) == (found.tokens, is_end)]
        if settings.groups > 1 and again:
            return  # groups may meet again
        insort(self.ended[number], found, key=lambda hypothesis: -hypothesis.rank)
        del self.ended[number][settings.beams :]

    def _source_length(self, number: int) -> int | None:
        return None if self._sources is None else self._sources[number]

    def _over(self, number: int, best: float) -> bool:
        """Whether a prompt is done, the best of whose live hypotheses has this log-probability."""
        settings, ended = self.settings, self.ended[number]
        if best == float("-inf"):
            return True
        wanted = settings.samples if settings.stopping == "exact" else settings.beams
        if len(ended) < wanted:
            return False
        length = self.rooms[number] if settings.stopping == "exact" else self._length
        return ended[wanted - 1].rank >= best / length_norm(length, settings)

    def _follow(self, chosen: Chosen) -> None:
        """Go on with what was chosen; prompts that are done leave now and then."""
        keep = torch.tensor([not self._done[number] for number in self.live])
        done = len(keep) - int(keep.sum())
        prompts = torch.arange(len(keep))
        if done == len(keep):
            self.live = []
            return
        if done * DONE_SHARE >= len(keep):
            prompts = without_holes(keep)
            chosen = Chosen(*(getattr(chosen, name).index_select(0, prompts) for name in Chosen.__annotations__))
            self.live = [self.live[place] for place in prompts.tolist()]
        if self._constraints is not None:
            self._constraints.follow(prompts, chosen)
        self._totals = chosen.totals
        at = prompts[:, None], chosen.parents
        self._texts = torch.cat([self._texts[at], chosen.tokens[:, :, None]], 2)
        self._logs = torch.cat([self._logs[at], chosen.logs[:, :, None]], 2)
        self._looks = None if self._looks is None else self._looks[at]
        rows = prompts[:, None] * self._width + chosen.parents
        self._width = chosen.parents.shape[1]
        self.rows.append(chosen.tokens.flatten(), rows.flatten(), prompts)
