"""The log of a server: a quiet one for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any


class ServerLog:
    """The words of a server while it runs.

    Args:
        as_json: tell everything, each as one JSON object on stdout; else what people want to know, on stderr.
    """

    def __init__(self, as_json: bool = False):
        self.as_json = as_json

    def say(self, event: str, sentence: str, **facts: Any) -> None:
        """Something about the server as a whole."""
        if self.as_json:
            self._line({"event": event, **facts})
        else:
            print(sentence, file=sys.stderr, flush=True)

    def request(self, facts: Mapping[str, Any]) -> None:
        """A request that has been answered, of which people are told nothing: /metrics counts them."""
        if self.as_json:
            self._line({"event": "request", **facts})

    def fault(self, name: str, error: BaseException) -> None:
        """A fault of the server's own, with all that helps to find it."""
        lines = "".join(traceback.format_exception(error))
        if self.as_json:
            self._line({"event": "fault", "id": name, "traceback": lines})
        else:
            print(f"langue: the request {name} has met a fault of Langue's own:\n{lines}", file=sys.stderr, flush=True)

    def _line(self, facts: Mapping[str, Any]) -> None:
        print(json.dumps({"time": round(time.time(), 3), **facts}, ensure_ascii=False), flush=True)
