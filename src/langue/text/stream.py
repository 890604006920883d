"""Text out of tokens that come one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langue.text.tokenizer import Tokenizer


class TextStream:
    """Decodes token by token and gives out only what later tokens cannot change: never half a character.

    A piece is decoded together with a few tokens before it, since spaces and bytes may depend on them.
    """

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int] = ()):
        self._tokenizer = tokenizer
        self._ids: list[int] = list(before)
        self._start = 0
        self._decoded = len(self._ids)

    def push(self, token: int) -> str:
        """The text that a further token makes certain; often a whole piece, sometimes nothing yet."""
        self._ids.append(token)
        before = self._tokenizer.decode(self._ids[self._start : self._decoded])
        now = self._tokenizer.decode(self._ids[self._start :])
        if len(now) <= len(before) or now.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._start, self._decoded = self._decoded, len(self._ids)
        return now[len(before) :]

    def flush(self) -> str:
        """The rest when no token follows, broken characters included."""
        before = self._tokenizer.decode(self._ids[self._start : self._decoded])
        now = self._tokenizer.decode(self._ids[self._start :])
        self._start = self._decoded = len(self._ids)
        return now[len(before) :]
