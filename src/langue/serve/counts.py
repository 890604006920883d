"""Counts of what a server did, in the text form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from threading import Lock

FIRST_TOKEN = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds up to which times to the first token are counted together."""
NEXT_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds up to which times from token to token are."""


class Histogram:
    """Counts of numbers by size.

    Args:
        name: of the measure.
        text: what it measures.
        bounds: of the sizes, rising.
    """

    def __init__(self, name: str, text: str, bounds: Sequence[float]):
        self.name, self.text, self.bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a number."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self._sum += value

    def lines(self) -> list[str]:
        """The lines of Prometheus' text form."""
        lines, total = _head(self.name, self.text, "histogram"), 0
        for bound, count in zip((*self.bounds, "+Inf"), self._counts, strict=True):
            total += count
            lines.append(f'{self.name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"{self.name}_sum {self._sum:.6f}", f"{self.name}_count {total}"]


class Counts:
    """Requests, tokens and times of a server; the event loop and the worker count, each from its own thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._tokens: Counter[str] = Counter()
        self._first = Histogram("langue_time_to_first_token_seconds", "From request to first token.", FIRST_TOKEN)
        self._next = Histogram("langue_time_per_token_seconds", "From a token to the next.", NEXT_TOKEN)

    def request(self, route: str, status: int) -> None:
        """Count a request that has been answered."""
        with self._lock:
            self._requests[route, status] += 1

    def tokens(self, *, read: int = 0, written: int = 0) -> None:
        """Count tokens of prompts, and of what was written."""
        with self._lock:
            self._tokens["prompt"] += read
            self._tokens["completion"] += written

    def first_token(self, seconds: float) -> None:
        """Count the time from a request to its first token."""
        with self._lock:
            self._first.observe(seconds)

    def next_token(self, seconds: float) -> None:
        """Count the time from a token to the next one."""
        with self._lock:
            self._next.observe(seconds)

    def text(self, *, waiting: int, running: int) -> str:
        """All counts, with the number of jobs that wait and of texts that are being written."""
        with self._lock:
            lines = _head("langue_requests_total", "Requests by route and status.", "counter")
            lines += [
                f'langue_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self._requests.items())
            ]
            lines += _head("langue_tokens_total", "Tokens that were read and written.", "counter")
            lines += [f'langue_tokens_total{{kind="{kind}"}} {self._tokens[kind]}' for kind in ("prompt", "completion")]
            lines += self._first.lines() + self._next.lines()
        lines += [*_head("langue_queue", "Requests that wait.", "gauge"), f"langue_queue {waiting}"]
        lines += [*_head("langue_running_rows", "Texts that are being written.", "gauge")]
        return "\n".join([*lines, f"langue_running_rows {running}", ""])


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
