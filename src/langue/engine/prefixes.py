"""Prefixes: what models remember of texts, kept for others that begin alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from langue.nn.state import State


class _Kept(NamedTuple):
    """A text that is kept: its tokens, and the states of all models behind them."""

    tokens: tuple[int, ...]
    states: list[State]


@dataclass(slots=True, eq=False)
class _Node:
    """A node of the trie: those behind it, by the next token, and the text that ends here. At a leaf there is one."""

    children: dict[int, _Node] = field(default_factory=dict)
    kept: _Kept | None = None

    def any_text(self) -> _Kept:
        """A text that goes through here."""
        node = self
        while node.kept is None:
            node = next(iter(node.children.values()))
        return node.kept


class Prefixes:
    """A trie of tokens that leads to states, and forgets first what was used least recently (Zheng et al. 2024).

    States that can be cut serve every text as far as it begins like their own, so no beginning of a text is kept beside
    it; others serve those that go on from their end.

    Args:
        room: positions of all texts together, at most.
        can_be_cut: see `State.can_be_cut`.
    """

    def __init__(self, room: int, can_be_cut: bool):
        self.room, self.can_be_cut = room, can_be_cut
        self.positions = 0
        self._root = _Node()
        self._recent: OrderedDict[tuple[int, ...], None] = OrderedDict()

    def find(self, tokens: Sequence[int]) -> tuple[list[State], int]:
        """States behind the longest beginning that is known, to which nobody may write, and its length."""
        kept, length = self._best(tokens)
        if kept is None:
            return [], 0
        self._recent.move_to_end(kept.tokens)
        return [state.first(length) for state in kept.states], length

    def known(self, tokens: Sequence[int]) -> int:
        """The length of the longest beginning that is known."""
        return self._best(tokens)[1]

    def add(self, tokens: Sequence[int], copies: Callable[[], list[State]]) -> None:
        """Keep a text, unless it is longer than all the room.

        Args:
            tokens: the text.
            copies: makes the states of models that have read it, and nothing else.
        """
        text = tuple(tokens)
        path = self._path(text)
        is_known = len(path) > len(text) and (self.can_be_cut or path[-1].kept is not None)
        if is_known or len(text) > self.room:
            return
        if self.can_be_cut:
            for kept in [node.kept for node in path if node.kept is not None]:
                self._forget(kept.tokens)
        while self.positions + len(text) > self.room:
            self._forget(next(iter(self._recent)))
        kept, node = _Kept(text, copies()), self._root
        for token in text:
            node = node.children.setdefault(token, _Node())
        node.kept = kept
        self._recent[text] = None
        self.positions += len(text)

    def clear(self) -> None:
        """Forget everything."""
        self._root, self.positions = _Node(), 0
        self._recent.clear()

    def _best(self, tokens: Sequence[int]) -> tuple[_Kept | None, int]:
        """A text that serves the longest beginning, and its length."""
        path = self._path(tokens)
        for length in range(len(path) - 1, 0, -1):
            kept = path[length].any_text() if self.can_be_cut else path[length].kept
            if kept is not None:
                return kept, length
        return None, 0

    def _path(self, tokens: Sequence[int]) -> list[_Node]:
        """The nodes behind none, one, two, … of the tokens, as far as there are any."""
        path = [self._root]
        for token in tokens:
            node = path[-1].children.get(token)
            if node is None:
                break
            path.append(node)
        return path

    def _forget(self, text: tuple[int, ...]) -> None:
        path = self._path(text)
        path[-1].kept = None
        for parent, token, node in reversed(list(zip(path, text, path[1:], strict=False))):
            if node.children or node.kept is not None:
                break
            del parent.children[token]
        del self._recent[text]
        self.positions -= len(text)


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the beginning that two texts have in common."""
    pairs = zip(first, second, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))
