"""From documents to a token store, in bounded memory and on all cores."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np

from langue.console import progress
from langue.data.documents import find_texts, read_events
from langue.data.records import DocumentPiece, Dropped
from langue.data.settings import ReadSettings
from langue.data.sources import DataSource
from langue.data.store import TokenStore
from langue.data.tally import QUARANTINE, Tally
from langue.data.writer import EncodedPieces, TokenStoreWriter
from langue.errors import LangueError
from langue.files import replacing
from langue.text import Tokenizer
from langue.text.encoder import Encoders

BATCH = 1 << 20
"""Characters that are encoded together: enough to keep all cores busy, little enough to be nothing in memory."""

BATCH_PIECES = 1 << 14
"""And the most pieces, where documents are short."""

SHARD = 1 << 28
"""Tokens of one shard."""

Event = DocumentPiece | Dropped


def prepare(
    source: DataSource,
    tokenizer: Tokenizer,
    out: Path | str,
    settings: ReadSettings | None = None,
    *,
    select: Callable[[Iterator[Event]], Iterator[Event]] | None = None,
    shard: int = SHARD,
) -> TokenStore:
    """Encode all documents of a source and write the token store `out`, whole or not at all.

    Args:
        source: paths, globs, folders, names or an iterable of rows.
        tokenizer: every document stands between its `document_opening` and its `end`.
        out: a folder that is not there yet, or is empty.
        settings: how to read.
        select: takes a part of the documents, such as the end of a text; what is lost is not judged by a part.
        shard: tokens of one file.

    Raises:
        LangueError: a source cannot be read, nothing or little of it can be used, the tokenizer does not know it, or
            `out` exists.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LangueError(f"{out} already exists; remove it or choose another folder")
    origins = find_texts(source)
    settings = settings or ReadSettings()
    names = [origin.name for origin in origins]
    total = sum(origin.size for origin in origins) or None
    with replacing(out) as beside, closing(Tally(beside / QUARANTINE)) as tally:
        beside.mkdir()
        events = read_events(origins, settings)
        pieces = tally.count((select or iter)(events))
        with (
            closing(TokenStoreWriter(beside, tokenizer, shard)) as writer,
            progress(out.name, total, "bytes") as advance,
        ):
            for encoded in _encode(pieces, tokenizer, writer.dtype):
                writer.add(encoded)
                advance(encoded.size)
            writer.finish()
        if select is None:
            tally.check(names, settings.max_dropped, settings.option)
        _refuse(names, tally, writer)
        writer.write_manifest(names, tally.account())
    return TokenStore.open(out, verify=False)


def _encode(pieces: Iterator[DocumentPiece], tokenizer: Tokenizer, dtype: np.dtype) -> Iterator[EncodedPieces]:
    """The tokens of the pieces in their order, a few batches ahead of whoever writes them."""
    waiting: deque[Future[EncodedPieces]] = deque()
    with closing(Encoders(tokenizer, dtype)) as encoders, ThreadPoolExecutor(encoders.count) as pool:
        try:
            for batch, begins in _batches(pieces):
                waiting.append(pool.submit(_encode_batch, batch, begins, tokenizer, encoders))
                # One more than there are encoders, so that none of them waits for the next to be read.
                if len(waiting) > encoders.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _encode_batch(batch: list[DocumentPiece], begins: bool, tokenizer: Tokenizer, encoders: Encoders) -> EncodedPieces:
    """The tokens of pieces, of which the first begins a document or goes on with one."""
    texts = [piece.text for piece in batch]
    tokens, lengths = encoders.encode(texts)
    last = np.fromiter((piece.ends for piece in batch), bool, len(batch))
    first = np.concatenate([[begins], last[:-1]])
    opening, stops = tokenizer.document_opening, np.cumsum(lengths)
    lost = _lost(texts, tokens, stops, tokenizer)
    # Of what is put at one place, what is named first comes first: the end of a document before the next one's opening.
    ends = np.full(int(last.sum()), tokenizer.end)
    openings = np.tile(np.array(opening, np.int64), int(first.sum()))
    places = np.concatenate([stops[last], np.repeat((stops - lengths)[first], len(opening))])
    order = np.argsort(places, kind="stable")
    tokens = np.insert(tokens, places[order], np.concatenate([ends, openings])[order])
    return EncodedPieces(
        tokens,
        ends=np.cumsum(lengths + last + first * len(opening))[last],
        unknown=0 if tokenizer.unknown is None else int((tokens == tokenizer.unknown).sum()),
        lost=lost,
        characters=sum(map(len, texts)),
        text_bytes=sum(len(text.encode()) for text in texts),
        size=sum(piece.size for piece in batch),
    )


def _lost(texts: list[str], tokens: np.ndarray, stops: np.ndarray, tokenizer: Tokenizer) -> Counter[str]:
    """Stretches that became unknown tokens, by how often they did."""
    if tokenizer.unknown is None:
        return Counter()
    owners = np.unique(np.searchsorted(stops, np.flatnonzero(tokens == tokenizer.unknown), side="right"))
    return Counter(tokenizer.unknown_parts([texts[owner] for owner in owners.tolist()]))


def _batches(pieces: Iterator[DocumentPiece]) -> Iterator[tuple[list[DocumentPiece], bool]]:
    """Pieces that are encoded together, and whether the first of them begins a document."""
    batch: list[DocumentPiece] = []
    characters, begins = 0, True
    for piece in pieces:
        batch.append(piece)
        characters += len(piece.text)
        if characters >= BATCH or len(batch) >= BATCH_PIECES:
            yield batch, begins
            batch, characters, begins = [], 0, piece.ends
    if batch:
        yield batch, begins


def _refuse(names: list[str], tally: Tally, writer: TokenStoreWriter) -> None:
    """End before anything is left behind that would train to nothing."""
    what = ", ".join(names)
    if writer.tokens == writer.documents * (1 + len(writer.tokenizer.document_opening)):
        raise LangueError(f"there is no text in {what}" + (f" (dropped: {tally.words()})" if tally.records else ""))
    writer.account.refuse_strange(what)
