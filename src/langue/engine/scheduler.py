"""The scheduler: requests that wait, and which of them there is room for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from langue.engine.group import Running
from langue.engine.request import Request
from langue.engine.settings import EngineSettings

SHARE = 2
"""Others join a batch when they are at least one for so many of it, or all that wait: joining costs a copy. With 4 some
1,500 short texts took 6 % more time greedily and 3 % more by beams."""


class Scheduler:
    """Requests in the order in which they came, the first of which are admitted when there is room for them.

    Args:
        settings: how many rows there may be, and how many positions they may have together.
    """

    def __init__(self, settings: EngineSettings):
        self.settings = settings
        self.waiting: deque[Request] = deque()

    def admit(self, running: Sequence[Running]) -> list[Request]:
        """Take requests that go on from now on beside those under way; a first one is taken whatever it needs."""
        rows = total = sum(_rows(member) for member in running)
        longest = max((member.seen + member.request.source_length for member in running), default=0)
        taken = 0
        for request in self.waiting:
            wider, longest = total + request.settings.width, max(longest, request.length)
            too_many = wider > self.settings.batch_rows or wider * longest > self.settings.batch_tokens
            if too_many and (running or taken):
                break
            taken, total = taken + 1, wider
        # Where prompts are read in pieces, somebody waits for each of them.
        whole = self.settings.prompt_tokens is None
        if whole and taken < len(self.waiting) and SHARE * (total - rows) < rows:
            return []
        return [self.waiting.popleft() for _ in range(taken)]


def _rows(member: Running) -> int:
    """Rows that it may have yet."""
    settings = member.request.settings
    return settings.beams if settings.beams > 1 else len(member.samples)
