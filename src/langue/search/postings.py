"""BM25 full-text search over flat arrays: which passages hold a word, and how often.

One formula and one set of words for all back ends. LanceDB's own full-text index scores by the statistics of the
partition a passage happens to lie in and has its own idea of words, PostgreSQL's `ts_rank` is no BM25, and bm25s works
out all scores for good, so that a single new document means working out all of them again. Here an index that grew and
shrank ranks as one that was built at once, and the same on every back end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

K1 = 1.2
"""Saturation of a word's frequency in BM25: the smaller, the sooner more of the same word stop to count."""
B = 0.75
"""Weight of a passage's length in BM25, from 0 to 1."""

EAGER = 8
"""Factor: to ask who can still be among the best costs about as much as to score an eighth as many passages."""
FEW = 16
"""Factor: so many times fewer passages than a word has are looked up in its list one by one."""
SLACK = 1e-9
"""Share by which sums in another order may differ."""

ARRAYS = ("letters", "ends", "starts", "rows", "counts", "lengths", "keys")


class _Term(NamedTuple):
    """A term of a query: a word, and the passages that hold it."""

    weight: float
    """Its count in the query, times its rarity; more than it can give to any passage."""
    rows: np.ndarray
    counts: np.ndarray


class Postings:
    """For each word the passages that hold it.

    Passages are numbered by their place in `keys`, words by their place in the order of their UTF-8.

    Args:
        letters: uint8, the words one after the other.
        ends: (words,) int64, one past the last byte of each word.
        starts: (words + 1,) int64, where each word's entries begin.
        rows: (entries,) uint32, passages, ascending within a word.
        counts: (entries,) uint16, how often the word stands in it, 65,535 at most.
        lengths: (passages,) uint32, in words.
        keys: (passages,) int64, ascending.
    """

    def __init__(
        self,
        letters: np.ndarray,
        ends: np.ndarray,
        starts: np.ndarray,
        rows: np.ndarray,
        counts: np.ndarray,
        lengths: np.ndarray,
        keys: np.ndarray,
    ):
        self.letters, self.ends, self.starts = letters, ends, starts
        self.rows, self.counts, self.lengths, self.keys = rows, counts, lengths, keys
        self.mean = max(1.0, float(lengths.mean())) if len(lengths) else 1.0

    @classmethod
    def load(cls, folder: Path) -> Postings:
        """Postings that a `Collector` saved, by memory map."""
        # Plain views of the maps: NumPy's own class for them takes ten times as long for a slice.
        return cls(*(np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)) for name in ARRAYS))

    def word(self, number: int) -> bytes:
        """A word by its number."""
        start = int(self.ends[number - 1]) if number else 0
        return self.letters[start : int(self.ends[number])].tobytes()

    def spelt(self) -> list[bytes]:
        """All words, in order."""
        letters = self.letters.tobytes()
        ends = self.ends.tolist()
        return [letters[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def find(self, word: str) -> int | None:
        """The number of a word, by halving, or None where no passage holds it."""
        wanted = word.encode("utf-8", "surrogatepass")
        low, high = 0, len(self.ends)
        while low < high:
            middle = (low + high) // 2
            if self.word(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self.ends) and self.word(low) == wanted else None

    def scores(self, words: Iterable[str]) -> np.ndarray:
        """BM25 of each passage: (passages,) float64, 0 where it holds none of the words.

        Robertson & Zaragoza, "The probabilistic relevance framework: BM25 and beyond" (2009), eq. 3.15, with the
        idf of Lucene, which is never negative: log(1 + (N − n + ½) / (n + ½)). The factor k₁ + 1, the same for all, is
        left out. A word that stands twice in a query counts twice.
        """
        scores = np.zeros(len(self.keys))
        for word in self._terms(words):
            self._give(scores, word.weight, word.rows, word.counts)
        return scores

    def _terms(self, words: Iterable[str]) -> list[_Term]:
        """The words that there are, those first that count most."""
        terms = []
        for word, times in Counter(words).items():
            number = self.find(word)
            if number is not None:
                part = slice(int(self.starts[number]), int(self.starts[number + 1]))
                rows = self.rows[part]
                rarity = np.log1p((len(self.keys) - len(rows) + 0.5) / (len(rows) + 0.5))
                terms.append((times * float(rarity), number, _Term(times * float(rarity), rows, self.counts[part])))
        return [term for _, _, term in sorted(terms, key=lambda entry: (-entry[0], entry[1]))]

    @cached_property
    def _scale(self) -> np.ndarray:
        """(passages,) float64: what a count is held against, k₁ for a passage of mean length."""
        return K1 * (1 - B + B * self.lengths / self.mean)

    def _give(self, scores: np.ndarray, weight: float, rows: np.ndarray, counts: np.ndarray) -> None:
        """Add to scores (passages,) what a word gives to passages (n,) that hold it so often."""
        # Five nanoseconds for each; `found[rows] += …` with indices of another type takes fifteen.
        rows = rows.astype(np.intp)
        share = counts.astype(np.float64)
        share /= share + self._scale.take(rows, mode="clip")
        share *= weight
        share += scores.take(rows, mode="clip")
        scores[rows] = share

    def search(self, words: Sequence[str], k: int, allowed: np.ndarray | None = None) -> list[tuple[int, float]]:
        """Keys and scores of the best passages that hold a word at least, the best first, of equals the smaller key.

        Args:
            words: of the query.
            k: how many.
            allowed: keys of passages that may be found, ascending; None for all.
        """
        totals = np.zeros(len(self.keys))
        rows = None if allowed is None else np.searchsorted(self.keys, allowed).astype(np.uint32)
        terms = self._terms(words)
        gained, rest = 0.0, sum(word.weight for word in terms)
        for word in terms:
            if gained > rest and EAGER * len(word.rows) > len(totals if rows is None else rows):
                rows = _in_question(totals, rows, k, rest)
            self._give_to(totals, word, rows)
            gained, rest = gained + word.weight, rest - word.weight
        scores = totals if rows is None else totals[rows]
        least = _at_most_kth(scores, k)
        places = np.flatnonzero(scores >= least if least > 0 else scores)
        places = places[best(scores[places], k)]
        rows = places if rows is None else rows[places]
        return list(zip(self.keys[rows].tolist(), totals[rows].tolist(), strict=True))

    def _give_to(self, scores: np.ndarray, word: _Term, rows: np.ndarray | None) -> None:
        """Add what a word gives, at least to some passages (n,) uint32, ascending; None for all."""
        if rows is None or FEW * len(rows) > len(word.rows):
            self._give(scores, *word)
            return
        places = np.searchsorted(word.rows, rows)
        there = word.rows[np.minimum(places, len(word.rows) - 1)] == rows
        self._give(scores, word.weight, rows[there], word.counts[places[there]])


def _in_question(totals: np.ndarray, rows: np.ndarray | None, k: int, rest: float) -> np.ndarray | None:
    """The passages that can still be among the best (MaxScore: Turtle & Flood, "Query evaluation: strategies and
    optimizations", 1995).

    Args:
        totals: (passages,), what the words so far have given them.
        rows: (n,) uint32, those that were in question before, ascending; None for all.
        k: how many are looked for.
        rest: more than all other words can give to one.
    """
    scores = totals if rows is None else totals[rows]
    least = _at_most_kth(scores, k) * (1 - SLACK)
    if least <= rest:
        return rows
    places = np.flatnonzero(scores >= least - rest)
    return places.astype(np.uint32) if rows is None else rows[places]


def _at_most_kth(scores: np.ndarray, k: int) -> float:
    """A number that the k-th greatest of scores (N,), none below 0, is not below, and near it where N is large.

    The k-th greatest of the greatest ones of many stretches, which takes a tenth of the time of the k-th greatest.
    """
    size = max(1, len(scores) // (16 * k))
    stretches = len(scores) // size
    if stretches < k:
        return 0.0
    greatest = scores[: stretches * size].reshape(stretches, size).max(1)
    return float(np.partition(greatest, stretches - k)[stretches - k])


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Places of the k greatest of (N,) scores, the greatest first, of equals the first."""
    if len(scores) > 4 * k > 0:
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")][:k]
