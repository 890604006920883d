"""A stretch of a token store that reads like a store of its own."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from langue.data.store import TokenStore
from langue.text import Tokenizer

STEP = 1 << 16
"""Tokens that are decoded together."""


class StorePart:
    """Tokens first … first + count − 1 of a store, by which a share of a prepared corpus is set aside.

    Attributes:
        tokens, documents, text_bytes, text_characters, fingerprint, opening, manifest: as of a store; a cut document
            counts as one.
    """

    def __init__(self, store: TokenStore, first: int, count: int, tokenizer: Tokenizer):
        self.folder, self.fingerprint, self.dtype = store.folder, store.fingerprint, store.dtype
        self.opening, self.manifest = store.opening, store.manifest
        self.tokens = count
        self._store, self._first, self._tokenizer = store, first, tokenizer

    def read(self, start: int, count: int) -> np.ndarray:
        """(count,) int64: tokens from `start` on."""
        out = np.empty(count, np.int64)
        self.read_into(start, out)
        return out

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill an array with the tokens from `start` on."""
        if start < 0 or start + len(out) > self.tokens:
            raise IndexError(f"tokens {start} to {start + len(out)} of {self.tokens}")
        self._store.read_into(self._first + start, out)

    @cached_property
    def document_ends(self) -> np.ndarray:
        """(documents,) int64: one past the last token of each document, the cut one included."""
        ends = self._store.document_ends - self._first
        inside = ends[(ends > 0) & (ends <= self.tokens)]
        return inside if len(inside) and inside[-1] == self.tokens else np.append(inside, self.tokens)

    @property
    def documents(self) -> int:
        return len(self.document_ends)

    @property
    def text_bytes(self) -> int:
        return self._text_size[0]

    @property
    def text_characters(self) -> int:
        return self._text_size[1]

    @cached_property
    def _text_size(self) -> tuple[int, int]:
        """Bytes and characters of the text, which the store knows only of the whole."""
        size = characters = 0
        for start in range(0, self.tokens, STEP):
            text = self._tokenizer.decode(self.read(start, min(STEP, self.tokens - start)).tolist())
            size += len(text.encode())
            characters += len(text)
        return size, characters
