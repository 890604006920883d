"""From documents to a token store, in bounded memory and on all cores."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from langue.console import progress
from langue.data.documents import read_events
from langue.data.records import Dropped, Piece
from langue.data.settings import ReadSettings
from langue.data.sources import Given, find_sources
from langue.data.store import TokenStore
from langue.data.tally import Tally
from langue.data.writer import Encoded, Writer, sync_folder
from langue.errors import LangueError
from langue.text import Tokenizer
from langue.text.encoder import Encoders

BATCH = 1 << 20
"""Characters that are encoded together: enough to keep all cores busy, little enough to be nothing in memory."""

BATCH_PIECES = 1 << 14
"""And the most pieces, where documents are short."""

SHARD = 1 << 28
"""Tokens of one shard."""

FEW_TOKENS = 16
"""So many unknown ones say nothing: the end of a short text may have a letter that its beginning lacks."""

MOST_UNKNOWN = 0.1
"""From this share of unknown tokens on, the tokenizer was made for another language or script."""

FEW_BYTES = 1 << 12
"""So much that is no text never ends a preparation, however little else there is."""

Event = Piece | Dropped


def prepare(
    given: Given,
    tokenizer: Tokenizer,
    out: Path | str,
    settings: ReadSettings | None = None,
    *,
    select: Callable[[Iterator[Event]], Iterator[Event]] | None = None,
    shard: int = SHARD,
) -> TokenStore:
    """Encode all documents of a source and write the token store `out`, whole or not at all.

    Args:
        given: paths, globs, folders, names or an iterable of rows.
        tokenizer: every document ends with its `end`.
        out: a folder that is not there yet, or is empty.
        settings: how to read.
        select: takes a part of the documents, such as the end of a text.
        shard: tokens of one file.

    Raises:
        LangueError: a source cannot be read, nothing or little of it can be used, the tokenizer does not know it, or
            `out` exists.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LangueError(f"{out} already exists; remove it or choose another folder")
    origins = find_sources(given)
    names = [origin.name for origin in origins]
    total = sum(origin.size for origin in origins) or None
    with _written_beside(out) as beside, closing(Tally(beside / "quarantine.jsonl")) as tally:
        events = read_events(origins, settings or ReadSettings())
        pieces = tally.count((select or iter)(events))
        with closing(Writer(beside, tokenizer, shard)) as writer, progress(out.name, total, "bytes") as advance:
            for encoded in _encode(pieces, tokenizer, writer.dtype):
                writer.add(encoded)
                advance(encoded.size)
            writer.finish()
        _refuse(names, tally, writer)
        writer.write_manifest(names, tally.account())
    return TokenStore.open(out, verify=False)


@contextmanager
def _written_beside(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all went well, and is gone otherwise; what a kill leaves is no store."""
    beside = out.parent / f".{out.name}.writing"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        sync_folder(beside)
        if out.exists():
            out.rmdir()
        os.replace(beside, out)
        sync_folder(out.parent)
    except OSError as error:
        raise LangueError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _encode(pieces: Iterator[Piece], tokenizer: Tokenizer, dtype: np.dtype) -> Iterator[Encoded]:
    """The tokens of the pieces in their order, a few batches ahead of whoever writes them."""
    waiting: deque[Future[Encoded]] = deque()
    with closing(Encoders(tokenizer, dtype)) as encoders, ThreadPoolExecutor(encoders.count) as pool:
        try:
            for batch in _batches(pieces):
                waiting.append(pool.submit(_encode_batch, batch, tokenizer, encoders))
                # One more than there are encoders, so that none of them waits for the next to be read.
                if len(waiting) > encoders.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _encode_batch(batch: list[Piece], tokenizer: Tokenizer, encoders: Encoders) -> Encoded:
    texts = [piece.text for piece in batch]
    tokens, lengths = encoders.encode(texts)
    last = np.fromiter((piece.ends for piece in batch), bool, len(batch))
    tokens = np.insert(tokens, np.cumsum(lengths)[last], tokenizer.end)
    return Encoded(
        tokens,
        ends=np.cumsum(lengths + last)[last],
        unknown=0 if tokenizer.unknown is None else int((tokens == tokenizer.unknown).sum()),
        characters=sum(map(len, texts)),
        text_bytes=sum(len(text.encode()) for text in texts),
        size=sum(piece.size for piece in batch),
    )


def _batches(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    characters = 0
    for piece in pieces:
        batch.append(piece)
        characters += len(piece.text)
        if characters >= BATCH or len(batch) >= BATCH_PIECES:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _refuse(names: list[str], tally: Tally, writer: Writer) -> None:
    """End before anything is left behind that would train to nothing."""
    what = ", ".join(names)
    account = tally.account()
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in account["records"]["dropped"].items())
    if writer.tokens == writer.documents:
        raise LangueError(f"there is no text in {what}" + (f" (dropped: {reasons})" if reasons else ""))
    garbage = sum(account["bytes"]["dropped"].get(reason, 0) for reason in ("invalid UTF-8", "NUL byte"))
    if garbage > max(FEW_BYTES, account["bytes"]["in"] / 2):
        raise LangueError(f"most of {what} is no text (dropped: {reasons}); give UTF-8 text")
    if writer.unknown > max(FEW_TOKENS, MOST_UNKNOWN * writer.tokens):
        share = writer.unknown / writer.tokens
        raise LangueError(f"the tokenizer does not fit {what}: {share:.0%} of its tokens are unknown; train one on it")
