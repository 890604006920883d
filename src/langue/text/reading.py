"""How a text is given to a model that represents it by a vector: what stands before it, and how much of it is read."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from langue.errors import LangueError
from langue.settings import Settings
from langue.text.tokenizer import Tokenizer

FILE = "reading.json"
"""Where a model's folder keeps it."""

NAMES = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""What the prompts of the two sides of a search may be called; the first that there is counts."""


class Reading(Settings):
    """What a model was taught to expect of a text."""

    prompts: dict[str, str] = Field(default={})
    """What stands before a text, by purpose: query, document, or any other name."""
    prompt: str | None = None
    """The name of the one that stands there where nothing is said."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longer texts are cut, their special tokens counted; null takes the model's context."""
    lower_case: bool = False
    """Write texts in lower case first, whatever the tokenizer does."""

    def before(self, name: str | None) -> str:
        """What stands before a text for a purpose; nothing before queries and documents that are told apart by none.

        Raises:
            LangueError: there is no prompt of that name.
        """
        if name is None:
            name = self.prompt
            if name is None:
                return ""
        known = (each for each in NAMES.get(name, (name,)) if each in self.prompts)
        found = next(known, None)
        if found is None and name not in NAMES:
            there = ", ".join(self.prompts) or "none"
            raise LangueError(f"there is no prompt {name!r}; known: {there}")
        return "" if found is None else self.prompts[found]

    def encode(
        self, tokenizer: Tokenizer, texts: Sequence[str], context: int, name: str | None = None
    ) -> list[list[int]]:
        """Framed token numbers of texts, each no longer than the context.

        Raises:
            LangueError: there is no prompt of that name, or the context has no room for a text.
        """
        before = self.before(name)
        texts = [before + text for text in texts]
        if self.lower_case:
            texts = [text.lower() for text in texts]
        most = min(context, self.max_tokens or context)
        room = most - len(tokenizer.pair([])[0])
        if room < 1:
            raise LangueError(f"{most} tokens have no room for a text among special ones")
        # A text of nothing at all is the end of a document, lest there be no position to stand for it.
        return [tokenizer.pair(ids[:room])[0] or [tokenizer.end] for ids in tokenizer.encode_batch(texts)]
