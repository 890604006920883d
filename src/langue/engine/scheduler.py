"""The scheduler: requests that wait, and which of them there is room for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from langue.engine.group import Running
from langue.engine.request import Request
from langue.engine.settings import EngineSettings

SHARE = 2
"""Others join a batch when they are at least one for so many of it, or all that wait: joining costs a copy. With 4 some
1,500 short texts took 6 % more time greedily and 3 % more by beams."""


class _Load(NamedTuple):
    """Rows of requests, the positions of the longest, and of all of them together."""

    rows: int = 0
    longest: int = 0
    total: int = 0

    def more(self, rows: int, length: int) -> _Load:
        """With so many rows of a length."""
        return _Load(self.rows + rows, max(self.longest, length), self.total + rows * length)


class Scheduler:
    """Requests in the order in which they came, the first of which are admitted when there is room for them.

    Args:
        settings: how many rows there may be, and how many positions they may have together.
        apart: each prompt is read by itself, so that no position is padding.
    """

    def __init__(self, settings: EngineSettings, *, apart: bool):
        self.settings, self.apart = settings, apart
        self.waiting: deque[Request] = deque()

    def admit(self, running: Sequence[Running]) -> list[Request]:
        """Take requests that go on from now on beside those under way; a first one is taken whatever it needs."""
        load = before = _load(running)
        taken = 0
        for request in self.waiting:
            wider = load.more(request.settings.width, request.length)
            if not self._fits(wider) and (running or taken):
                break
            taken, load = taken + 1, wider
        # Where prompts are read in pieces, somebody waits for each of them.
        in_haste = self.settings.prompt_tokens is not None
        if not in_haste and taken < len(self.waiting) and SHARE * (load.rows - before.rows) < before.rows:
            return []
        return [self.waiting.popleft() for _ in range(taken)]

    def has_room(self, running: Sequence[Running], request: Request) -> bool:
        """True if a request would be admitted at once, behind those that wait."""
        load = _load(running)
        for other in (*self.waiting, request):
            load = load.more(other.settings.width, other.length)
        return not (running or self.waiting) or self._fits(load)

    def _fits(self, load: _Load) -> bool:
        positions = load.total if self.apart else load.rows * load.longest
        return load.rows <= self.settings.batch_rows and positions <= self.settings.batch_tokens


def _load(running: Sequence[Running]) -> _Load:
    load = _Load()
    for member in running:
        settings = member.request.settings
        rows = settings.beams if settings.beams > 1 else len(member.samples)
        load = load.more(rows, member.seen + member.request.source_length)
    return load
