"""From documents to a token store, in bounded memory and on all cores."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from langue.console import progress
from langue.data.documents import Piece, read_documents
from langue.data.settings import ReadSettings
from langue.data.sources import Given, find_sources
from langue.data.store import FORMAT, MANIFEST, VERSION, TokenStore
from langue.data.tally import Tally
from langue.errors import LangueError
from langue.text import Tokenizer

BATCH = 1 << 20
"""Characters that are encoded together: enough to keep all cores busy, little enough to be nothing in memory."""

SHARD = 1 << 28
"""Tokens of one shard."""


def prepare(
    given: Given | Iterable[Piece],
    tokenizer: Tokenizer,
    out: Path | str,
    settings: ReadSettings | None = None,
    *,
    select: Callable[[Iterator[Piece]], Iterator[Piece]] | None = None,
    shard: int = SHARD,
) -> TokenStore:
    """Encode all documents of a source and write the token store `out`, whole or not at all.

    Args:
        given: paths, globs, folders, names or an iterable of rows.
        tokenizer: every document ends with its `end`.
        out: a folder that is not there yet.
        settings: how to read.
        select: takes a part of the documents, such as the end of a text.
        shard: tokens of one file.

    Raises:
        LangueError: a source cannot be read, nothing is left of it, or `out` exists.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LangueError(f"{out} already exists; remove it or choose another folder")
    origins = find_sources(given)
    beside = out.parent / f".{out.name}.writing"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        tally = Tally(beside / "quarantine.jsonl")
        pieces = read_documents(origins, settings or ReadSettings(), tally)
        total = sum(origin.size for origin in origins) or None
        with progress(f"preparing {out.name}", total, "bytes") as advance:
            writer = _Writer(beside, tokenizer, shard)
            _encode((select or iter)(pieces), tokenizer, writer, advance)
            writer.finish()
        tally.close()
        if writer.tokens == writer.documents:
            raise LangueError(_nothing_left([origin.name for origin in origins], tally))
        manifest = _manifest(tokenizer, writer, tally, [origin.name for origin in origins])
        (beside / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if out.exists():
            out.rmdir()
        os.replace(beside, out)
    except OSError as error:
        raise LangueError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return TokenStore.open(out)


def _nothing_left(names: list[str], tally: Tally) -> str:
    dropped = ", ".join(f"{count} {reason}" for reason, count in tally.records.items() if reason != "kept")
    return f"there is no text in {', '.join(names)}" + (f" (dropped: {dropped})" if dropped else "")


def _manifest(tokenizer: Tokenizer, writer: _Writer, tally: Tally, names: list[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "dtype": writer.dtype.name,
        "tokens": writer.tokens,
        "documents": writer.documents,
        "text": {"bytes": writer.text_bytes, "characters": writer.text_characters},
        "tokenizer": {"fingerprint": tokenizer.fingerprint, "vocab_size": tokenizer.vocab_size},
        "sources": names,
        "unknown": writer.unknown,
        **tally.account(),
        "shards": writer.shards,
    }


def _encode(pieces: Iterator[Piece], tokenizer: Tokenizer, writer: _Writer, advance: Callable[[float], None]) -> None:
    """Keep one batch in the encoder's threads while the one before it is written and the one after it is read."""
    waiting: deque[tuple[list[Piece], Future[list[list[int]]]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for batch in _batches(pieces):
            waiting.append((batch, pool.submit(tokenizer.encode_batch, [piece.text for piece in batch])))
            if len(waiting) > 2:
                _write(*waiting.popleft(), writer, advance)
        while waiting:
            _write(*waiting.popleft(), writer, advance)


def _batches(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.text)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(
    batch: list[Piece], encoded: Future[list[list[int]]], writer: _Writer, advance: Callable[[float], None]
) -> None:
    for piece, ids in zip(batch, encoded.result(), strict=True):
        writer.add(ids, piece)
    advance(sum(piece.size for piece in batch))


class _Writer:
    """Writes tokens into shards and remembers what a manifest must say of them."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, shard: int):
        self.folder, self.limit = folder, shard
        self.end, self.unknown_id = tokenizer.end, tokenizer.unknown
        self.dtype = np.dtype("uint16" if tokenizer.vocab_size <= 1 << 16 else "uint32")
        self.tokens = self.documents = self.text_bytes = self.text_characters = self.unknown = 0
        self.shards: list[dict[str, Any]] = []
        self._open()

    def _open(self) -> None:
        self._name = f"shard-{len(self.shards):05d}"
        self._file = (self.folder / f"{self._name}.bin").open("wb")
        self._digest = hashlib.sha256()
        self._count = 0
        self._ends: list[int] = []

    def add(self, ids: list[int], piece: Piece) -> None:
        """Tokens of a piece, and the end of its document."""
        self.text_bytes += len(piece.text.encode())
        self.text_characters += len(piece.text)
        array = np.array(ids, self.dtype)
        if self.unknown_id is not None:
            self.unknown += int((array == self.unknown_id).sum())
        self._append(array)
        if piece.ends:
            self._append(np.array([self.end], self.dtype))
            self._ends.append(self._count)
            self.documents += 1

    def _append(self, array: np.ndarray) -> None:
        while len(array):
            if self._count == self.limit:
                self._close()
                self._open()
            part, array = array[: self.limit - self._count], array[self.limit - self._count :]
            data = part.astype(self.dtype.newbyteorder("<"), copy=False).tobytes()
            self._file.write(data)
            self._digest.update(data)
            self._count += len(part)
            self.tokens += len(part)

    def _close(self) -> None:
        _sync(self._file)
        ends = np.array(self._ends, "<u8").tobytes()
        with (self.folder / f"{self._name}.idx").open("wb") as file:
            file.write(ends)
            _sync(file)
        self.shards.append(
            {
                "name": self._name,
                "tokens": self._count,
                "documents": len(self._ends),
                "sha256": self._digest.hexdigest(),
                "index_sha256": hashlib.sha256(ends).hexdigest(),
            }
        )

    def finish(self) -> None:
        self._close()


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
