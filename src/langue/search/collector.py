"""Making of postings: passages are gathered in blocks, each block is sorted, and what is sorted is merged.

A change of an index merges what was there with the blocks of what is new, and writes it on the way: entries that were
there are copied, not sorted, and of a million passages nothing but the blocks is in memory, four bytes an entry.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from langue.files.arrays import FlatFile, write_array
from langue.search.postings import Postings

BLOCK = 1 << 16
"""Passages that are sorted together, and numbered in two bytes."""
CHUNK = 1 << 20
"""Entries that are merged at once, or those of one word."""

Entries = tuple[np.ndarray, np.ndarray]
"""Rows and counts of words in succession, as `Postings` has them."""


class Collector:
    """Gathers passages for postings, after those that are there already."""

    def __init__(self) -> None:
        self._blocks: list[_Part] = []
        self._begin()

    def _begin(self) -> None:
        self._numbers: dict[str, int] = {}
        # Flat from the beginning: lists of numbers take ten times as much.
        self._words, self._counts = array("I"), array("H")
        self._different, self._lengths, self._keys = array("I"), array("I"), array("q")

    def add(self, key: int, words: Sequence[str]) -> None:
        """Take in a passage; keys ascend."""
        numbers = self._numbers
        counted = Counter(words)
        self._words.extend([numbers.setdefault(word, len(numbers)) for word in counted])
        self._counts.extend([min(count, 65535) for count in counted.values()])
        self._different.append(len(counted))
        self._lengths.append(len(words))
        self._keys.append(key)
        if len(self._keys) == BLOCK:
            self._end()

    def _end(self) -> None:
        """Sort a block: words by their UTF-8; the entries of a word stay in the order of their passages."""
        spelt = [word.encode("utf-8", "surrogatepass") for word in self._numbers]
        order = sorted(range(len(spelt)), key=spelt.__getitem__)
        place = np.empty(len(order), np.uint32)
        place[order] = np.arange(len(order), dtype=np.uint32)
        words = place[np.array(self._words, np.uint32)]
        entries = np.argsort(words, kind="stable")
        rows = np.repeat(np.arange(len(self._keys), dtype=np.uint16), np.array(self._different, np.int64))
        block = Postings(
            *_joined([spelt[number] for number in order]),
            _starts(np.bincount(words, minlength=len(order))),
            rows[entries],
            np.array(self._counts, np.uint16)[entries],
            np.array(self._lengths, np.uint32),
            np.array(self._keys, np.int64),
        )
        self._blocks.append(_Part(block))
        self._begin()

    def finish(self, before: Postings | None = None, gone: np.ndarray | None = None) -> Postings:
        """All that was taken in, after what was there before and is not gone.

        Args:
            before: postings with smaller keys.
            gone: keys of theirs to leave out.
        """
        merge = self._merge(before, gone)
        chunks = [(np.empty(0, np.uint32), np.empty(0, np.uint16)), *merge.entries()]
        rows, counts = (np.concatenate(part) for part in zip(*chunks, strict=True))
        return Postings(rows=rows, counts=counts, **merge.arrays)

    def save(self, folder: Path, before: Postings | None = None, gone: np.ndarray | None = None) -> None:
        """Write what `finish` gives into a folder, without ever holding all of it."""
        merge = self._merge(before, gone)
        folder.mkdir(parents=True, exist_ok=True)
        shape = (int(merge.arrays["starts"][-1]),)
        with (
            FlatFile(folder / "rows.npy", np.uint32, shape) as rows,
            FlatFile(folder / "counts.npy", np.uint16, shape) as counts,
        ):
            for some_rows, some_counts in merge.entries():
                rows.write(some_rows)
                counts.write(some_counts)
        for name, values in merge.arrays.items():
            write_array(folder / f"{name}.npy", values)

    def _merge(self, before: Postings | None, gone: np.ndarray | None) -> _Merge:
        self._end()
        return _Merge([*([] if before is None else [_Part(before, gone)]), *self._blocks])


class _Part:
    """Postings to be merged, without what is gone.

    Args:
        postings: sorted.
        gone: keys to leave out.
    """

    def __init__(self, postings: Postings, gone: np.ndarray | None = None):
        self.postings = postings
        self._stays = ~np.isin(postings.keys, [] if gone is None else gone)
        self._whole = bool(self._stays.all())  # which saves a look at each entry
        self._anew = (np.cumsum(self._stays) - 1).astype(np.uint32)
        self.lengths, self.keys = postings.lengths[self._stays], postings.keys[self._stays]
        self.sizes = np.concatenate([np.empty(0, np.int64), *self._sizes()])

    def _sizes(self) -> Iterator[np.ndarray]:
        """Numbers of entries of each word that stay: (words,) int64, in pieces."""
        starts = self.postings.starts
        if self._whole:
            yield np.diff(starts)
            return
        for first, last in _pieces(starts):
            stay = self._stays[self.postings.rows[starts[first] : starts[last]]]
            yield np.diff(_starts(stay)[starts[first : last + 1] - starts[first]])

    def entries(self, first: int, last: int, row: int) -> Entries:
        """Those of some words that stay, with passages numbered from `row` on."""
        part = slice(int(self.postings.starts[first]), int(self.postings.starts[last]))
        rows, counts = self.postings.rows[part], self.postings.counts[part]
        if self._whole:
            return rows.astype(np.uint32) + np.uint32(row), counts
        stay = self._stays[rows]
        return self._anew[rows[stay]] + np.uint32(row), counts[stay]


class _Merge:
    """Postings of several parts, one after the other.

    Args:
        parts: with ascending keys.
    """

    def __init__(self, parts: Sequence[_Part]):
        self._parts = parts
        spelt = [part.postings.spelt() for part in parts]
        known = sorted(set().union(*spelt))
        place = {word: number for number, word in enumerate(known)}
        numbers = [np.fromiter((place[word] for word in words), np.int64, len(words)) for words in spelt]
        sizes = np.zeros(len(known), np.int64)
        for part, words in zip(parts, numbers, strict=True):
            sizes[words] += part.sizes
        held = sizes > 0
        # A word that no passage holds any more is left out; it gives nothing, under the number of the one after it.
        self._words = [(np.cumsum(held) - held)[words] for words in numbers]
        known, sizes = list(compress(known, held.tolist())), sizes[held]
        letters, ends = _joined(known)
        self.arrays = {
            "letters": letters,
            "ends": ends,
            "starts": _starts(sizes),
            "lengths": np.concatenate([part.lengths for part in parts]),
            "keys": np.concatenate([part.keys for part in parts]),
        }
        """All but rows and counts."""

    def entries(self) -> Iterator[Entries]:
        """Rows and counts, a stretch of words at a time."""
        starts = self.arrays["starts"]
        for first, last in _pieces(starts):
            rows, counts = (np.empty(starts[last] - starts[first], kind) for kind in (np.uint32, np.uint16))
            free = starts[first:last] - starts[first]
            row = 0
            for part, words in zip(self._parts, self._words, strict=True):
                low, high = np.searchsorted(words, (first, last)).tolist()
                mine, sizes = words[low:high] - first, part.sizes[low:high]
                places = np.repeat(free[mine] - _starts(sizes)[:-1], sizes) + np.arange(sizes.sum())
                rows[places], counts[places] = part.entries(low, high, row)
                np.add.at(free, mine, sizes)
                row += len(part.keys)
            yield rows, counts


def _pieces(starts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Words in stretches with about as many entries as are merged at once: the first, and one past the last."""
    first, words = 0, len(starts) - 1
    while first < words:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + CHUNK, side="right")) - 1)
        yield first, last
        first = last


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Offsets at which things of such sizes begin, and the last ends: (N + 1,) int64."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _joined(words: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The letters of words, and the end of each."""
    return np.frombuffer(b"".join(words), np.uint8), np.cumsum([len(word) for word in words], dtype=np.int64)
