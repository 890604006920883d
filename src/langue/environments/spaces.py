"""The space of texts in any script."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import create_shared_memory

TEXT_CHARACTERS = 1 << 20
"""Characters of a text at most."""

SAMPLED = 32
"""Characters of a sample at most."""

CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,?!'-äéßñøçжяλעشन中の한"
"""Letters of several scripts, of which samples are made."""


class UnicodeText(Text):
    """All texts up to a length, whatever they are written in; Gymnasium's own space has a set of characters.

    Args:
        max_length: characters, at most.
        seed: of samples, which are short texts of a few characters of several scripts.
    """

    def __init__(self, max_length: int = TEXT_CHARACTERS, seed: int | np.random.Generator | None = None):
        super().__init__(max_length, min_length=0, charset=CHARACTERS, seed=seed)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        if mask is None and probability is None:
            mask = int(self.np_random.integers(min(SAMPLED, self.max_length) + 1)), None
        return super().sample(mask, probability)

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, UnicodeText) and self.max_length == other.max_length


@create_shared_memory.register(UnicodeText)
def _refuse(space: UnicodeText, n: int = 1, ctx: Any = None) -> NoReturn:
    # Gymnasium reads strings out of shared memory but once, before there are any.
    raise CustomSpaceError(f"{space} has no form in shared memory; make the vector with shared_memory=False")
