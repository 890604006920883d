"""A queue that takes turns: one client's flood delays nobody but itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items of several clients, taken from each in turn; those of one client in the order in which they came."""

    def __init__(self) -> None:
        self._clients: dict[str, deque[Item]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def push(self, client: str, item: Item) -> None:
        """Let an item wait behind the others of its client."""
        self._clients.setdefault(client, deque()).append(item)

    def first(self) -> Item | None:
        """The item whose turn it is; None of an empty queue."""
        return next((items[0] for items in self._clients.values()), None)

    def pop(self, fits: Callable[[Item], bool] = lambda item: True) -> Item | None:
        """Take the first item of the first client whose first item fits, whose next one then waits for its turn."""
        for client, items in self._clients.items():
            if fits(items[0]):
                item = items.popleft()
                del self._clients[client]
                if items:
                    self._clients[client] = items
                return item
        return None

    def remove(self, leaves: Callable[[Item], bool]) -> list[Item]:
        """Take out the items that leave."""
        gone: list[Item] = []
        for client, items in list(self._clients.items()):
            gone += filter(leaves, items)
            stay = deque(item for item in items if not leaves(item))
            if stay:
                self._clients[client] = stay
            else:
                del self._clients[client]
        return gone
