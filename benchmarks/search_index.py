"""The default index as it grows: time to build and to change, size on disk, recall against exact search, time to ask.

`--data` is a text, `--model` an embedding model (a run, or a folder of sentence-transformers). The vectors are the
model's own of the text's sentences, and beyond them the same with noise, a third of a vector's length, as near to a
sentence as its paraphrases are: encoding a million sentences would take an hour and tell nothing about the index.
Questions are sentences that were kept apart.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Options, Result, Skip, say

SIZES = (10_000, 100_000, 1_000_000)
SENTENCES, QUERIES, MORE = 12_000, 300, 1000
NOISE = 1 / 3
BLOCK = 1 << 16


def run(options: Options) -> Result:
    """A row for each size."""
    if options.data is None or options.model is None:
        raise Skip("search_index needs --data FILE (of text) and --model FOLDER (that embeds)")
    import langue

    model = langue.load(options.model)
    texts = sentences_of(options.data, 1500 if options.quick else SENTENCES + QUERIES)
    queries, texts = texts[:QUERIES], texts[QUERIES:]
    vectors = model.embed(texts, prompt="document")
    asked, seconds = [], []
    for query in queries:
        start = time.perf_counter()
        asked.append(model.embed([query], prompt="query")[0])
        seconds.append(time.perf_counter() - start)
    sizes = SIZES[:1] if options.quick else SIZES
    rows = [measure(size, texts, vectors, queries, np.array(asked)) for size in sizes]
    return result_of(rows, len(texts), vectors.shape[1], seconds)


def result_of(rows: list[dict[str, Any]], own: int, size: int, seconds: Sequence[float]) -> Result:
    """The table; `own` are the model's own vectors, `seconds` what the model took for each question."""
    columns = {
        "contestant": "passages", "build": "built (s)", "cpu": "processor (s)", "size": "disk ×",
        "vectors": "vectors ×", "recall": "recall@10", "dense": "dense p95 (ms)", "text": "BM25 p95 (ms)",
        "hybrid": "hybrid p95 (ms)", "alone": "on one core (ms)", "add": f"{MORE:,} added (s)", "memory": "memory (MB)",
    }  # fmt: skip
    notes = [
        f"LanceDB, vectors of {size} numbers as float32: {own:,} are the model's own of a text's sentences, the others "
        "the same with noise of a third of their length. Built means from rows to an index that answers, with texts "
        "and BM25, but without encoding. “disk ×” is all of the index over the vectors' bytes, “vectors ×” without "
        f"texts and postings. {QUERIES} questions that are not among the sentences; recall against exact search; times "
        "of queries, from the question to the passages, without the model's own, whose p95 is "
        f"{_p95(seconds):.0f} ms. “On one core” is hybrid search too, with all threads on one. {MORE:,} documents are "
        "added at the end, likewise without encoding."
    ]
    return {"title": "An index as it grows", "columns": columns, "rows": rows, "notes": notes}


def sentences_of(path: Path, count: int) -> list[str]:
    """So many different sentences from all over a text."""
    from langue.search.passages import sentences

    text = path.read_text(encoding="utf-8")
    found = list(dict.fromkeys(text[start:end] for start, end in sentences(text) if 30 <= end - start <= 300))
    if len(found) < count:
        raise Skip(f"search_index needs a text of {count:,} sentences, and {path} has {len(found):,}")
    return found[:: len(found) // count][:count]


class Recorded:
    """An `Embedder` that makes the vectors of a growing collection out of given ones, in their order."""

    fingerprint = "recorded"

    def __init__(self, vectors: np.ndarray):
        self.vectors, self.size, self.done = vectors, vectors.shape[1], 0

    def embed(self, texts: Sequence[str], *, prompt: str) -> np.ndarray:
        rows = np.arange(self.done, self.done + len(texts))
        self.done += len(texts)
        return self.of(rows)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of rows: the given ones, and then the given ones again and again with noise."""
        from langue.randomness import numpy_generator

        found = self.vectors[rows % len(self.vectors)].copy()
        noisy = rows >= len(self.vectors)
        noise = numpy_generator("noise", int(rows[0])).standard_normal((int(noisy.sum()), self.size), np.float32)
        found[noisy] += noise * np.float32(NOISE / np.sqrt(self.size))
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def rows_of(texts: Sequence[str], count: int) -> Iterator[dict[str, Any]]:
    """Documents of a sentence each."""
    for number in range(count):
        yield {"id": str(number), "text": texts[number % len(texts)], "year": 2000 + number % 25}


def measure(
    size: int, texts: Sequence[str], vectors: np.ndarray, queries: Sequence[str], asked: np.ndarray
) -> dict[str, Any]:
    """Build an index of so many passages and ask it."""
    from langue.search import Index

    folder = Path(tempfile.mkdtemp(prefix="search-index-"))
    try:
        start, busy = time.perf_counter(), time.process_time()
        index = Index.build(rows_of(texts, size), folder / "index", Recorded(vectors))
        found: dict[str, Any] = {
            "contestant": size, "build": time.perf_counter() - start, "cpu": time.process_time() - busy,
            **_disk(folder / "index", 4 * vectors.shape[1] * size),
        }  # fmt: skip
        say(f"{size:,} passages: {found}")
        best = _exact(Recorded(vectors), size, asked)
        index = Index.open(folder / "index")
        hits = [index.search("q", 10, mode="dense", vector=vector) for vector in asked]  # which also warms caches
        both = [len({int(hit.document) for hit in some} & set(right)) for some, right in zip(hits, best, strict=True)]
        found["recall"] = float(np.mean(both)) / 10
        for mode in ("dense", "text", "hybrid"):
            found[mode] = _p95(_times(index, mode, queries, asked))
        with one_core():
            found["alone"] = _p95(_times(index, "hybrid", queries, asked))
        found["add"] = _add(folder / "index", texts, vectors, size)
        found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        say(f"{size:,} passages: {found}")
        return found
    finally:
        shutil.rmtree(folder)


def _exact(recorded: Recorded, size: int, asked: np.ndarray) -> list[list[int]]:
    """The 10 nearest by comparing all; blocks are those in which the index was built, whose noise is keyed by them."""
    from langue.search.change import BATCH

    scores = np.empty((len(asked), 0), np.float32)
    rows = np.empty((len(asked), 0), np.int64)
    for start in range(0, size, BATCH):
        block = np.arange(start, min(size, start + BATCH))
        scores = np.concatenate([scores, asked @ recorded.of(block).T], axis=1)
        rows = np.concatenate([rows, np.broadcast_to(block, (len(asked), len(block)))], axis=1)
        order = np.argsort(-scores, axis=1)[:, :10]
        scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    return rows.tolist()


def _times(index: Any, mode: str, queries: Sequence[str], asked: np.ndarray) -> list[float]:
    """Seconds of each query."""
    wall = []
    for query, vector in itertools.islice(zip(queries, asked, strict=True), QUERIES):
        start = time.perf_counter()
        index.search(query, 10, mode=mode, vector=vector)
        wall.append(time.perf_counter() - start)
    return wall


@contextmanager
def one_core() -> Iterator[None]:
    """All threads of this process on one core, LanceDB's too, where the system can be told so."""
    before = {int(path.name): os.sched_getaffinity(int(path.name)) for path in Path("/proc/self/task").glob("*")}
    for thread, cores in before.items():
        os.sched_setaffinity(thread, {min(cores)})
    yield
    for thread, cores in before.items():
        os.sched_setaffinity(thread, cores)


def _add(folder: Path, texts: Sequence[str], vectors: np.ndarray, size: int) -> float:
    """Seconds that more documents take."""
    from langue.search import Index

    recorded = Recorded(vectors)
    recorded.done = size
    index = Index.open(folder, recorded)
    more = list(itertools.islice(rows_of(texts, size + MORE), size, None))
    start = time.perf_counter()
    index.add(more)
    return time.perf_counter() - start


def _disk(folder: Path, vectors: int) -> dict[str, float]:
    """What lies on disk, as a share of the vectors' bytes: all, and without texts and postings, which an index of words
    alone would need too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    indices = sum(path.stat().st_size for path in files if "_indices" in path.parts)
    return {"size": total / vectors, "vectors": 1 + indices / vectors}


def _p95(seconds: Sequence[float]) -> float:
    return 1e3 * float(np.percentile(seconds, 95))
