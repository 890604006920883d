"""Unit vectors, and their short forms: a byte or a bit a number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from langue.search.settings import Storage


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (…, size) float32 of length 1, so that their product is their cosine; a vector of zeros stays one."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(1e-12))


CANDIDATES = 20
"""Short vectors that are compared anew by all that is kept of them, for each passage that is asked for."""


def stored(vectors: np.ndarray, storage: Storage) -> dict[str, np.ndarray]:
    """The form in which unit vectors (N, size) float32 are kept, as arrays by name.

    `vector` itself; or `bits`, the signs as (N, ⌈size / 8⌉) uint8, the first in the highest bit, by which candidates
    are found; and of bytes `codes` (N, size) int8 and `scale` (N,) float32, whose product is the vector again to half a
    scale. With scales of their own nothing is calibrated, and what is added later changes none before.
    """
    if storage == "float32":
        return {"vector": vectors}
    kept = {"bits": to_bits(vectors)}
    if storage == "int8":
        scale = (np.maximum(np.abs(vectors).max(-1), 1e-12) / 127).astype(np.float32)
        kept |= {"codes": np.rint(vectors / scale[:, None]).astype(np.int8), "scale": scale}
    return kept


def to_bits(vectors: np.ndarray) -> np.ndarray:
    """The signs of (…, size) as (…, ⌈size / 8⌉) uint8, 1 for positive."""
    return np.packbits(vectors > 0, axis=-1)


def cosines(kept: Mapping[str, np.ndarray], vector: np.ndarray) -> np.ndarray:
    """The cosines of what is kept with a unit vector (size,): (N,) float32.

    Of bits alone, each stands for the unit vector in the middle of its orthant, and the query stays as it is (Yamada,
    Asai & Hajishirzi, "Efficient passage retrieval with hashing for open-domain question answering", ACL 2021).
    """
    if "vector" in kept:
        return kept["vector"] @ vector
    if "codes" in kept:
        return (kept["codes"].astype(np.float32) @ vector) * kept["scale"]
    spread = np.unpackbits(kept["bits"], axis=-1, count=len(vector)).astype(np.float32)
    return (2 * spread - 1) @ vector / np.float32(np.sqrt(len(vector)))


_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def differing(bits: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Hamming distance, in bits, of each row of (N, bytes) from (bytes,): (N,) int64."""
    return _ONES[bits ^ query].sum(-1, dtype=np.int64)
