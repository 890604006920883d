"""Beam search of many prompts at once: follow the likeliest few beginnings of each, until nothing better can come."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from langue.decode.constraints import Constraints
from langue.decode.finite import refuse_not_finite
from langue.decode.rank import Hypothesis, length_norm, rank
from langue.decode.select import Chosen, Continuations, Step, best_tokens, diverse, likeliest
from langue.decode.task import Asked, Chooser, without_holes


class Beams:
    """Beams of several prompts, side by side.

    Log-probabilities only fall, so once enough ended hypotheses beat the best rank that any live one could reach, a
    prompt is done: what was found for it is what searching on would have found.

    Args:
        chooser: what to search with.
        asked: prompts, and what is asked of each.
        numbers: of the prompts to work on, at least one.

    Attributes:
        live: numbers of the prompts that are worked on.
        ended: what was found for each number, best first.
    """

    def __init__(self, chooser: Chooser, asked: Asked, numbers: Sequence[int]):
        self.chooser, self.settings, self.asked = chooser, chooser.settings, asked
        part = asked.take(numbers)
        self.rows = chooser.rows(part)
        self.live = list(numbers)
        self.ended: dict[int, list[Hypothesis]] = {number: [] for number in numbers}
        self._rooms = dict(zip(numbers, part.rooms(self.settings), strict=True))
        self._done: set[int] = set()
        self._constraints = Constraints.of(part.phrases, self.settings.beams, chooser.ends)
        # One hypothesis a prompt, the empty one, until the first step has made more of it.
        self._width = 1
        self._lengths = torch.zeros(len(numbers), dtype=torch.long)
        self._totals = torch.zeros(len(numbers), 1, dtype=torch.float64)
        self._logs = torch.zeros(len(numbers), 1, 0)
        self._looks: Tensor | None = None
        self._tokens = self._step()

    def run(self, few: int = 0) -> None:
        """Go on until no more than a few prompts are left, which others may join."""
        while len(self.live) > few:
            self.rows.write(self._tokens.flatten())
            self._tokens = self._step()

    def join(self, other: Beams) -> None:
        """Let prompts of another search go on behind these, however far each has come."""
        self.live += other.live
        self.ended |= other.ended
        self._rooms |= other._rooms
        self._done |= other._done
        if self._constraints is not None and other._constraints is not None:
            self._constraints.join(other._constraints)
        self._lengths = torch.cat([self._lengths, other._lengths])
        self._totals = torch.cat([self._totals, other._totals])
        self._tokens = torch.cat([self._tokens, other._tokens])
        length = int(self._lengths.max())
        self._logs = torch.cat([pad(x._logs, (length - x._logs.shape[2], 0)) for x in (self, other)])
        if self._looks is not None and other._looks is not None:
            longest = max(self._looks.shape[3], other._looks.shape[3])
            looks = (pad(x, (0, longest - x.shape[3], length - x.shape[2], 0)) for x in (self._looks, other._looks))
            self._looks = torch.cat(list(looks))
        self.rows.join(other.rows)

    def _step(self) -> Tensor:
        """Extend every live beginning by every token, and choose the best, (prompts, beams) tokens to be written."""
        step = self._choose(self._continuations())
        self._lengths = self._lengths + 1
        self._look()
        self._note(step)
        return self._follow(step.live)

    def _continuations(self) -> Continuations:
        """The likeliest ways to go on: of each hypothesis as many more than beams as there are ways to end."""
        rows = self.rows
        prefix = None
        if self.asked.prefix is not None:
            prefix = self.asked.prefix[self.live].repeat_interleave(self._width, 0).to(rows.device)
        written = self._lengths.repeat_interleave(self._width).to(rows.device)
        logits = self.chooser.logits(rows, written, prefix)
        values, tokens = best_tokens(logits, self.settings.beams + len(self.chooser.ends))
        if self._constraints is not None:
            tokens = self._constraints.with_wanted(tokens)
            values = logits.gather(1, tokens)
        shape = (len(self.live), self._width, -1)
        logs = values.cpu().view(shape)
        refuse_not_finite(logs)
        return Continuations(tokens.cpu().view(shape), logs, self._totals[:, :, None] + logs.double())

    def _choose(self, found: Continuations) -> Step:
        width, ends = self.settings.beams, self.chooser.ends
        if self._constraints is not None:
            return self._constraints.choose(found)
        if self.settings.groups > 1:
            return diverse(found, width, self.settings.groups, self.settings.diversity, ends)
        return likeliest(found, width, ends)

    def _look(self) -> None:
        """Remember how each hypothesis looked at its source when its next token was chosen."""
        if self.rows.looks is None:
            return
        new = self.rows.looks.cpu().view(len(self.live), self._width, 1, -1)
        self._looks = new if self._looks is None else torch.cat([self._looks, new], 2)

    def _note(self, step: Step) -> None:
        """Keep what ends here, and find out which prompts are done."""
        full = torch.tensor([self._rooms[number] for number in self.live]) == self._lengths
        ended = step.ended.totals.isfinite() & ~full[:, None]
        self._keep(step.ended, ended)
        if bool(full.any()):
            self._keep(step.last, step.last.totals.isfinite() & full[:, None])
        best = step.live.totals.amax(1).tolist()
        for number, is_full, length, total in zip(self.live, full.tolist(), self._lengths.tolist(), best, strict=True):
            if is_full or self._over(number, length, total):
                self._done.add(number)

    def _keep(self, chosen: Chosen, which: Tensor) -> None:
        """Make hypotheses of some of what was chosen, (P, N) bool."""
        places, columns = which.nonzero(as_tuple=True)
        if not len(places):
            return
        parents, tokens = chosen.parents[places, columns], chosen.tokens[places, columns].tolist()
        texts = self.rows.texts.view(len(self.live), self._width, -1)[places, parents].tolist()
        logs = torch.cat([self._logs[places, parents], chosen.logs[places, columns, None]], 1).tolist()
        looks = None if self._looks is None else self._looks[places, parents]
        totals, lengths = chosen.totals[places, columns].tolist(), self._lengths.tolist()
        for row, place in enumerate(places.tolist()):
            number, length = self.live[place], lengths[place]
            if number in self._done:
                continue
            look = None if looks is None else looks[row][-length:, : self._source_length(number)]
            text = [*texts[row], tokens[row]][-length:]
            self._insert(number, text, totals[row], logs[row][-length:], look)

    def _insert(self, number: int, text: list[int], score: float, logs: list[float], look: Tensor | None) -> None:
        """Keep one of a prompt's hypotheses if it is among the best so far."""
        settings, is_end = self.settings, text[-1] in self.chooser.ends
        found = Hypothesis(
            tokens=text[:-1] if is_end else text,
            score=score,
            end=text[-1] if is_end else None,
            rank=rank(score, len(text), look, settings),
            log_probabilities=logs,
            alignment=look if settings.alignments else None,
        )
        again = [other for other in self.ended[number] if (other.tokens, other.end) == (found.tokens, found.end)]
        if settings.groups > 1 and again:
            return  # groups may meet again
        insort(self.ended[number], found, key=lambda hypothesis: -hypothesis.rank)
        del self.ended[number][settings.beams :]

    def _source_length(self, number: int) -> int | None:
        return None if self.asked.sources is None else len(self.asked.sources[number])

    def _over(self, number: int, length: int, best: float) -> bool:
        """Whether a prompt is done, the best of whose live hypotheses, of this length, has this log-probability."""
        settings, ended = self.settings, self.ended[number]
        if best == float("-inf"):
            return True
        wanted = settings.samples if settings.stopping == "exact" else settings.beams
        if len(ended) < wanted or settings.stopping == "early":
            return len(ended) >= wanted
        length = self._rooms[number] if settings.stopping == "exact" else length
        return ended[wanted - 1].rank >= best / length_norm(length, settings)

    def _follow(self, chosen: Chosen) -> Tensor:
        """Go on with what was chosen, whose tokens these are; prompts that are done leave."""
        keep = torch.tensor([number not in self._done for number in self.live])
        done = len(keep) - int(keep.sum())
        prompts = torch.arange(len(keep))
        if done == len(keep):
            self.live = []
            return chosen.tokens[:0]
        if done:
            prompts = without_holes(keep)
            chosen = Chosen(*(getattr(chosen, name).index_select(0, prompts) for name in Chosen.__annotations__))
            self.live = [self.live[place] for place in prompts.tolist()]
            self._lengths = self._lengths[prompts]
        if self._constraints is not None:
            self._constraints.follow(prompts, chosen)
        self._totals = chosen.totals
        at = prompts[:, None], chosen.parents
        self._logs = torch.cat([self._logs[at], chosen.logs[:, :, None]], 2)
        self._looks = None if self._looks is None else self._looks[at]
        rows = prompts[:, None] * self._width + chosen.parents
        self._width = chosen.parents.shape[1]
        self.rows.select(rows.flatten(), prompts)
        return chosen.tokens
