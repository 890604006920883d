"""Structured output: texts that match a JSON schema, a regular expression, or one of several choices."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from langue.engine.processors import RULED_OUT
from langue.errors import LangueError
from langue.extra import need
from langue.settings import Settings
from langue.text import Tokenizer
from langue.text.kind import kind_of

WHITE_SPACE = r"[\x20\x0A]{0,20}"
"""White space between the parts of JSON: enough for any layout, and no endless row of it."""


class OutputSettings(Settings):
    """The form of what is written: one of these."""

    json_schema: dict[str, Any] | bool | None = Field(default=None, alias="schema")
    """A JSON schema; true is any JSON."""
    regex: str | None = None
    """A regular expression that the whole text matches."""
    choice: tuple[str, ...] | None = None
    """Texts, one of which it is."""

    @model_validator(mode="after")
    def _one(self) -> OutputSettings:
        if sum(part is not None for part in (self.json_schema, self.regex, self.choice)) != 1:
            raise ValueError("one of schema, regex and choice says what form a text has")
        if self.choice is not None and not (self.choice and all(self.choice)):
            raise ValueError("choice is a list of texts, at least one and none of them empty")
        return self

    def grammar(self) -> str:
        """The same as llguidance reads it."""
        library = need("llguidance", "chat", "structured output")
        if self.regex is not None:
            return library.LLMatcher.grammar_from_regex(self.regex)
        if self.choice is not None:
            return library.LLMatcher.grammar_from_regex("|".join(map(re.escape, self.choice)))
        schema = {"type": ["object", "array"]} if self.json_schema is True else self.json_schema
        options = {"whitespace_flexible": True, "whitespace_pattern": WHITE_SPACE}
        return library.LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults=options)


class StructureProcessor:
    """Logits processor that rules out tokens after which a text could match a grammar no more.

    How far a text has come with the grammar follows from its tokens alone; it is kept for the texts of the last step,
    so that each costs one more token, and worked out anew for others.

    Args:
        output: the form.
        tokenizer: of what is written.
        ends: tokens that end a text, which it may where the grammar is fulfilled.
        vocab_size: of the model.

    Raises:
        LangueError: the form is none, or the tokenizer's kind does not say which text a token is.
    """

    def __init__(self, output: OutputSettings, tokenizer: Tokenizer, ends: Sequence[int], vocab_size: int):
        library = need("llguidance", "chat", "structured output")
        vocabulary = _vocabulary(tokenizer, tuple(ends), vocab_size)
        self._first = library.LLMatcher(vocabulary, output.grammar(), log_level=0)
        if self._first.is_error():
            raise LangueError(f"the form of the output cannot be used: {_sentence(self._first.get_error())}")
        self._matchers: dict[tuple[int, ...], Any] = {(): self._first}
        self._vocab_size = vocab_size

    def __call__(self, logits: Tensor, texts: Tensor, written: Tensor) -> Tensor:
        """Logits (rows, V), of rows that have written so many (rows,) of the last tokens of texts (rows, L)."""
        rows = [tuple(text[len(text) - count :]) for text, count in zip(texts.tolist(), written.tolist(), strict=True)]
        matchers = {row: self._matcher(row) for row in dict.fromkeys(rows)}
        masks = {row: self._mask(matcher) for row, matcher in matchers.items()}
        self._matchers = {(): self._first, **matchers}
        mask = torch.from_numpy(np.stack([masks[row] for row in rows])).to(logits.device)
        return logits.masked_fill(~mask, RULED_OUT)

    def _matcher(self, row: tuple[int, ...]) -> Any:
        """A matcher that has read the tokens of a row; None of a row that a beam follows for want of a better one,
        though it matches no more."""
        if row in self._matchers:
            return self._matchers[row]
        if row[:-1] in self._matchers:
            before, rest = self._matchers[row[:-1]], [row[-1]]
        else:
            before, rest = self._first, list(row)
        if before is None or before.validate_tokens(rest) < len(rest):
            return None
        matcher = before.deep_copy()
        matcher.consume_tokens(rest)
        return matcher

    def _mask(self, matcher: Any) -> np.ndarray:
        """(V,) bool, the tokens that may come next.

        Raises:
            LangueError: the grammar is too intricate to be followed.
        """
        if matcher is None:
            return np.zeros(self._vocab_size, bool)
        if matcher.is_error():
            raise LangueError(f"the form of the output cannot be followed: {_sentence(matcher.get_error())}")
        bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
        mask = np.unpackbits(bits, bitorder="little")[: self._vocab_size].astype(bool)
        return np.pad(mask, (0, self._vocab_size - len(mask)))


def _sentence(message: str) -> str:
    return " ".join(message.split())[:300]


@lru_cache(maxsize=8)
def _vocabulary(tokenizer: Tokenizer, ends: tuple[int, ...], vocab_size: int) -> Any:
    """The tokens' texts as llguidance has them, which takes a second of a large vocabulary.

    It reads a tokenizer's file itself where it knows the kind, which are those of bytes; of others each token stands
    for its letters.

    Raises:
        LangueError: the letters of a token depend on those around it, as WordPiece's do.
    """
    library = need("llguidance", "chat", "structured output")
    try:
        return library.LLTokenizer(tokenizer.engine.to_str(), n_vocab=vocab_size, eos_token=list(ends))
    except ValueError:
        kind = kind_of(tokenizer)
        if kind not in ("char", "unigram"):
            raise LangueError(
                f"structured output needs a tokenizer whose tokens are pieces of text, such as byte-bpe, not {kind}"
            ) from None
        letters = library.TokenizerWrapper(_Letters(tokenizer, ends, vocab_size))
        return library.LLTokenizer(letters, n_vocab=vocab_size, eos_token=list(ends))


class _Letters:
    """A tokenizer by the letters of its tokens, under the names that llguidance looks for."""

    def __init__(self, tokenizer: Tokenizer, ends: Sequence[int], vocab_size: int):
        names = [tokenizer.engine.id_to_token(token) or "" for token in range(vocab_size)]
        self.tokens = [name.replace("\N{LOWER ONE EIGHTH BLOCK}", " ").encode() for name in names]
        self.special_token_ids = sorted(tokenizer.specials)
        self.bos_token_id, self.eos_token_id = None, ends[0]
        self._encode = tokenizer.encode

    def __call__(self, text: bytes | str) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode(errors="replace"))
