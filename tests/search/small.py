"""A model without weights: a text's vector counts its words, each in a place of its own."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from langue.randomness import numpy_generator
from langue.search.words import words

SIZE = 64


class Counting:
    """An `Embedder` that remembers what it was asked to encode."""

    def __init__(self, size: int = SIZE, fingerprint: str = "counting", noise: float = 0.0):
        self.size, self.fingerprint, self.noise = size, fingerprint, noise
        self.encoded: list[str] = []

    def embed(self, texts: Sequence[str], *, prompt: str) -> np.ndarray:
        self.encoded += texts
        found = np.full((len(texts), self.size), 0.01, np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                found[row, zlib.crc32(word.encode()) % self.size] += 1
            # So that no two texts are equally near; libraries differ in the last digits of one and the same product.
            found[row] += self.noise * numpy_generator(text).standard_normal(self.size, np.float32)
        return found


class Projecting(Counting):
    """A text's vector is the sum of its words' vectors, which are drawn with either sign."""

    def embed(self, texts: Sequence[str], *, prompt: str) -> np.ndarray:
        found = np.zeros((len(texts), self.size), np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                found[row] += numpy_generator(word).standard_normal(self.size, np.float32)
        return found


TOPICS = (
    "river",
    "bread",
    "engine",
    "guitar",
    "orchid",
    "planet",
    "ledger",
    "harbor",
    "violin",
    "cactus",
    "magnet",
    "quilt",
)


def rows(count: int) -> list[dict[str, object]]:
    """Short documents with different words, years, languages and weights."""
    found = []
    for number in range(count):
        a, b, c = (TOPICS[(number * step + shift) % len(TOPICS)] for step, shift in ((1, 0), (5, 3), (7, 1)))
        text = f"The {a} stands by the {b}. " + f"Number{number} is a {c}. " * (1 + number % 4)
        row = {
            "id": f"row-{number}",
            "text": text,
            "year": 2000 + number % 30,
            "lang": ("en", "de", "it's")[number % 3],
        }
        if number % 2:
            row["weight"] = number / 4
        if number % 5 == 0:
            row["checked"] = number % 10 == 0
        found.append(row)
    return found
