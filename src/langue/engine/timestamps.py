"""Whisper's rules of where times may stand in a text (Radford et al. 2022, section 2.3, as its code has them)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from langue.engine.processors import NOTHING, RULED_OUT
from langue.text.whisper_tokens import LATEST_START


class TimedSegment(NamedTuple):
    """A segment of a window: when it begins and ends, in steps of 0.02 seconds, and its tokens with their times."""

    start: float
    end: float
    tokens: list[int]


@dataclass(frozen=True)
class Timestamps:
    """Times come in pairs, an end and a beginning, never go back, and open a text; between two pairs stands text.

    What is left is normalised again, so that a hypothesis loses nothing by what it was not allowed to say.

    Attributes:
        first: the token of 0.00 seconds; each one above it is 0.02 seconds later.
        end: the token that ends a text.
        latest_start: steps of 0.02 seconds up to which the first time may come.
    """

    first: int
    end: int
    latest_start: int = LATEST_START

    def __call__(self, logs: Tensor, texts: Tensor, written: Tensor) -> Tensor:
        """(rows, V) log-probabilities of what may come next.

        Args:
            logs: (rows, V) those of the model, −inf for what is ruled out.
            texts: (rows, L) tokens so far.
            written: (rows,) how many of them stand behind the prompt.
        """
        # Two places at least: what is nothing stands before what a text says first.
        length = max(2, int(written.max()))
        own = pad(texts, (length, 0), value=NOTHING)[:, -length:]
        own = own.masked_fill(torch.arange(length, 0, -1, device=own.device) > written[:, None], NOTHING)
        logs = logs.masked_fill(self._ruled_out(own, logs.shape[1]), RULED_OUT)
        # All times together, where they are likelier than any one word, win against all words.
        times, word = logs[:, self.first :].logsumexp(-1), logs[:, : self.first].amax(-1)
        is_word = torch.arange(logs.shape[1], device=logs.device) < self.first
        return logs.masked_fill((times > word)[:, None] & is_word, RULED_OUT).log_softmax(-1)

    def _ruled_out(self, own: Tensor, size: int) -> Tensor:
        """(rows, V) bool, of what each row has written, (rows, 2 or more)."""
        numbers = torch.arange(size, device=own.device)
        is_time = own >= self.first
        last, before = is_time[:, -1], is_time[:, -2] | (own[:, -2] == NOTHING)
        opening, closing = last & before, last & ~before
        out = opening[:, None] & (numbers >= self.first)
        out |= closing[:, None] & (numbers < self.end)
        early = (numbers >= self.first) & (numbers <= self.first + self.latest_start)
        out |= (own[:, -1:] == NOTHING) & ~early
        # A pair's second time may be its first once more; any other must be later than all before.
        least = own.masked_fill(~is_time, self.first - 1).amax(1) + (~closing).long()
        return out | ((numbers >= self.first) & (numbers < least[:, None]))

    def parts(self, tokens: Sequence[int], length: float) -> tuple[int | None, list[TimedSegment]]:
        """The end of what a text tells of its window, in steps of 0.02 seconds, and its segments; None is all of it.

        Where two times meet, one segment ends and the next begins; one that has begun and not ended is heard again.

        Args:
            tokens: of the text.
            length: of the window, in the same steps.
        """
        is_time = [token >= self.first for token in tokens]
        meeting = [place for place in range(1, len(tokens)) if is_time[place] and is_time[place - 1]]
        closed = len(tokens) >= 2 and is_time[-1] and not is_time[-2]
        if not meeting:
            times = [token - self.first for token in tokens if token >= self.first]
            end = times[-1] if times and times[-1] else length
            start = times[0] if len(times) > 1 else 0
            return None, [TimedSegment(start, min(end, length), list(tokens))]
        parts, begin = [], 0
        for place in [*meeting, *([len(tokens)] if closed else [])]:
            part = list(tokens[begin:place])
            parts.append(TimedSegment(part[0] - self.first, part[-1] - self.first, part))
            begin = place
        # A text that would be begun at the same place for ever has told all.
        return None if closed else (tokens[begin - 1] - self.first or None), parts
