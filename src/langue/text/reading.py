"""The way a text is given to a model that makes a vector of it: the prompt before it, and how much of it is read."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from langue.account import note_length
from langue.errors import LangueError
from langue.settings import Settings
from langue.text.tokenizer import Tokenizer

FILE = "reading.json"
"""The file of a model's folder that keeps it."""

NAMES = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""Names of the prompts of a search's two sides; the first that there is counts."""


class Reading(Settings):
    """The form in which a model was taught to expect a text."""

    prompts: dict[str, str] = Field(default={})
    """The prompts before a text, by purpose: query, document, or any other name."""
    prompt: str | None = None
    """The name of the one that stands there where nothing is said."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longer texts are cut, their special tokens counted; null takes the model's context."""
    lower_case: bool = False
    """Write texts in lower case first, whatever the tokenizer does."""

    def before(self, name: str | None) -> str:
        """The prompt before a text for a purpose; nothing before queries and documents that no prompt tells apart.

        Raises:
            LangueError: there is no prompt of that name.
        """
        name = self.prompt if name is None else name
        if name is None:
            return ""
        for known in NAMES.get(name, (name,)):
            if known in self.prompts:
                return self.prompts[known]
        if name in NAMES:
            return ""
        raise LangueError(f"there is no prompt {name!r}; known: {', '.join(self.prompts) or 'none'}")

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
        rows = tokenizer.encode_batch(texts)
        for ids in rows:
            note_length(len(ids), room, f"the context of {most} tokens")
        # A text of nothing at all is the end of a document, lest there be no position to stand for it.
        return [tokenizer.pair(ids[:room])[0] or [tokenizer.end] for ids in rows]
