"""Texts that begin alike as branches of one trunk: what they have in common is read once, and learns once."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapreplace
from typing import NamedTuple

import numpy as np

from langue.batch import TRUNK

POSITIONS = 1 << 10
"""Positions of a tree with several branches at most: attention looks at all pairs of them, and hides most."""

TOGETHER = 64
"""Positions of a row with several trees at most. The longer rows are, the less is padding, and the more pairs of
positions attention looks at in vain."""


class Tree(NamedTuple):
    """Texts behind what they have in common.

    Attributes:
        branches: the numbers of texts that are the same.
        trunk: tokens that all have in common.
        length: tokens of all of it.
    """

    branches: list[list[int]]
    trunk: int
    length: int


def trees_of(ids: np.ndarray, trunks: np.ndarray, lengths: np.ndarray) -> list[Tree]:
    """Trees of texts, those with the same beginning in one as far as there is room.

    Args:
        ids: (B, T) tokens.
        trunks: (B,) tokens of each text's beginning.
        lengths: (B,) tokens of each text, its beginning included.
    """
    trees: list[Tree] = []
    open_trees: dict[bytes, int] = {}
    branches: dict[tuple[bytes, bytes], list[int]] = {}
    for number, (text, trunk, length) in enumerate(zip(ids, trunks.tolist(), lengths.tolist(), strict=True)):
        beginning, rest = text[:trunk].tobytes(), text[trunk:length].tobytes()
        same = branches.setdefault((beginning, rest), [])
        same.append(number)
        if len(same) > 1:
            continue
        place = open_trees.get(beginning)
        if place is not None and trees[place].length + length - trunk <= POSITIONS:
            tree = trees[place]
            trees[place] = Tree([*tree.branches, same], trunk, tree.length + length - trunk)
        else:
            open_trees[beginning] = len(trees)
            trees.append(Tree([same], trunk, length))
    return trees


def side_by_side(trees: Sequence[Tree]) -> list[list[Tree]]:
    """Rows of trees, as long as each other as far as may be: the longest tree first, each into the shortest row.

    No row with several trees is longer than `TOGETHER`.
    """
    count = -(-sum(tree.length for tree in trees) // TOGETHER)
    rows: list[list[Tree]] = [[] for _ in range(count)]
    heap = [(0, number) for number in range(count)]
    for tree in sorted(trees, key=lambda tree: -tree.length):
        length, number = heap[0]
        if length and length + tree.length > TOGETHER:
            rows.append([tree])
        else:
            rows[number].append(tree)
            heapreplace(heap, (length + tree.length, number))
    return [row for row in rows if row]


class Branches(NamedTuple):
    """Texts in rows.

    Attributes:
        texts: (N,) their numbers.
        ids: (R, L) tokens of the rows.
        valid: (R, L) bool, False on padding.
        documents: (R, L) the branch of each position, by its place in the tree; of the trunk `TRUNK`.
        places: (N, T) the number of each text's positions among those of all rows, flattened.
    """

    texts: np.ndarray
    ids: np.ndarray
    valid: np.ndarray
    documents: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray, lengths: np.ndarray, rows: Sequence[Sequence[Tree]]) -> Branches:
        """Rows with the tokens of their texts, (B, T) of lengths (B,)."""
        texts = np.array([text for row in rows for tree in row for branch in tree.branches for text in branch])
        sums = np.array([sum(tree.length for tree in row) for row in rows])
        packed = np.zeros((len(rows), sums.max()), np.int64)
        documents, places = np.zeros_like(packed), np.zeros((len(texts), ids.shape[1]), np.int64)
        flat, marks, place = packed.reshape(-1), documents.reshape(-1), 0
        for number, row in enumerate(rows):
            end = number * packed.shape[1]
            for tree in row:
                trunk = np.arange(end, end + tree.trunk)
                flat[trunk], marks[trunk], end = ids[tree.branches[0][0], : tree.trunk], TRUNK, end + tree.trunk
                for document, branch in enumerate(tree.branches):
                    length = lengths[branch[0]]
                    own = np.arange(end, end + length - tree.trunk)
                    flat[own], marks[own] = ids[branch[0], tree.trunk : length], document
                    places[place : place + len(branch), : tree.trunk] = trunk
                    places[place : place + len(branch), tree.trunk : length] = own
                    place, end = place + len(branch), end + len(own)
        valid = np.arange(packed.shape[1]) < sums[:, None]
        return cls(texts, packed, valid, documents, places)
