"""Stop strings: a text ends before the first of them, and no part of one is ever shown."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Lets text through piece by piece and holds back what may be the beginning of a stop string.

    Args:
        stops: strings that end a text, none of them empty.
    """

    def __init__(self, stops: Sequence[str]):
        self.stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The part of the text so far that is certain and has not been given out; after a stop string, nothing."""
        if self.stopped:
            return ""
        self._held += text
        places = [place for stop in self.stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.stopped = True
            certain, self._held = self._held[: min(places)], ""
            return certain
        keep = self._possible_beginning()
        certain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return certain

    def flush(self) -> str:
        """The part that was held back, when no more text comes."""
        certain, self._held = self._held, ""
        return "" if self.stopped else certain

    def _possible_beginning(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = max((len(stop) - 1 for stop in self.stops), default=0)
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self.stops):
                return length
        return 0
