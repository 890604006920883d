"""Unit vectors, and their short forms: a byte or a bit a number."""

from __future__ import annotations

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (…, size) float32 of length 1, so that their product is their cosine; a vector of zeros stays one."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(1e-12))


def to_bytes(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (N, size) as (N, size) int8 and a scale of each, (N,) float32: their product is the vector again, to half
    a scale. With scales of their own nothing is calibrated, and what is added later changes none before."""
    scales = np.maximum(np.abs(vectors).max(-1), 1e-12) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def to_bits(vectors: np.ndarray) -> np.ndarray:
    """The signs of vectors (N, size) as (N, ⌈size / 8⌉) uint8, the first in the highest bit, 1 for positive."""
    return np.packbits(vectors > 0, axis=-1)


def signs(bits: np.ndarray, size: int) -> np.ndarray:
    """Unit vectors (N, size) float32 that point where the signs do."""
    spread = np.unpackbits(bits, axis=-1, count=size).astype(np.float32)
    return (2 * spread - 1) / np.float32(np.sqrt(size))


_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def differing(bits: np.ndarray, query: np.ndarray) -> np.ndarray:
    """In how many bits each row of (N, bytes) differs from (bytes,): (N,) int64, the Hamming distance."""
    return _ONES[bits ^ query].sum(-1, dtype=np.int64)
