"""Bringing an index up to date: only what is new or has changed is encoded, and what happened is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langue.console import progress
from langue.data.records import Dropped
from langue.errors import LangueError
from langue.search.documents import Document
from langue.search.embedder import TextEmbedder
from langue.search.fields import Fields
from langue.search.passages import cut
from langue.search.store import IndexManifest, IndexWriter, Passage
from langue.search.vectors import unit

BATCH = 4096
"""Passages that are encoded together: enough to sort by length, little enough to be nothing in memory."""

LONGEST_ID = 2000
"""Bytes of a document's id; a database's index takes no more than 2,700."""

HARMLESS = ("empty", "kind of file that is not read")
"""Reasons to leave something out by which nothing is lost: it says nothing, or stands beside what is read."""

NAMED = 100
"""Documents or files at most, left out for one reason, that are told by name; all are counted."""


@dataclass
class Change:
    """Counts of what an update did with the new documents, and with those that were there."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    deleted: int = 0
    encoded: int = 0
    """Passages."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Documents that were left out, by reason."""
    unkept: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Fields that cannot be filtered by, with what their values are, by how many documents have such."""
    named: list[tuple[str, str]] = field(default_factory=list)
    """The first of them, or the files they stand in, each with its reason and once."""
    sources: dict[str, list[str]] = field(default_factory=dict)
    """Ids of the documents of each source that was read."""

    @property
    def failed(self) -> int:
        """Number of documents that were meant to be found and cannot be: all but those that say nothing."""
        return self.dropped.total() - sum(self.dropped[reason] for reason in HARMLESS)

    def drop(self, name: str, reason: str) -> None:
        """Count a document that is left out."""
        self.dropped[reason] += 1
        names = [known for known, why in self.named if why == reason]
        if name not in names and len(names) < NAMED:
            self.named.append((name, reason))

    def as_json(self) -> dict[str, Any]:
        """By name."""
        unkept = [[*pair, count] for pair, count in self.unkept.items()]
        named = [list(pair) for pair in self.named]
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {**counts, "dropped": dict(self.dropped), "unkept": unkept, "named": named}


def update(
    writer: IndexWriter,
    documents: Iterable[Document | Dropped],
    manifest: IndexManifest,
    model: TextEmbedder | None,
    *,
    whole: bool,
    leaving: Collection[str] = (),
) -> tuple[Change, IndexManifest]:
    """Put documents in the place of those with the same ids.

    Args:
        writer: of the index.
        documents: of two with one id, the first counts and the second is left out.
        manifest: what the index says of itself.
        model: makes the vectors; None where there are none.
        whole: take out documents that are not among these.
        leaving: ids of documents to be taken out that are not among these.

    Returns:
        What happened, and what the index says of itself afterwards.
    """
    change, known, seen = Change(), writer.digests(), set()
    fields = Fields({} if whole else manifest.fields)
    removed, next_key = 0, manifest.next_key
    with progress("indexing", None, "passages") as advance:
        for batch in _batches(_changed(documents, known, seen, change, fields), manifest):
            removed += writer.delete([document.id for document, _ in batch if document.id in known])
            passages = [
                passage._replace(key=key)
                for key, passage in enumerate((passage for _, new in batch for passage in new), next_key)
            ]
            writer.add(passages, _vectors(model, [passage.text for passage in passages]))
            next_key += len(passages)
            advance(len(passages), f"{change.added + change.replaced + change.unchanged:,} documents")
    gone = [name for name in (known if whole else leaving) if name in known and name not in seen]
    if gone:
        removed += writer.delete(gone)
    change.deleted, change.encoded = len(gone), next_key - manifest.next_key
    counts: dict[str, Any] = {
        "documents": len(known) + change.added - change.deleted,
        "passages": manifest.passages + change.encoded - removed,
        "next_key": next_key,
        "fields": fields.known,
    }
    return change, manifest.replace(**counts)


def _changed(
    documents: Iterable[Document | Dropped], known: dict[str, str], seen: set[str], change: Change, fields: Fields
) -> Iterator[tuple[Document, str]]:
    """The documents that must be encoded, with their digests."""
    for document in documents:
        if isinstance(document, Dropped):
            change.drop(document.origin, document.reason)
            continue
        if len(document.id.encode()) > LONGEST_ID:
            change.drop(f"{document.id[:40]}…", "id too long")
            continue
        if document.id in seen:
            change.drop(document.id, "duplicate id")
            continue
        seen.add(document.id)
        change.sources.setdefault(document.source, []).append(document.id)
        document = document._replace(metadata=fields.take(document.id, document.metadata))
        change.unkept.update(document.unkept)
        digest = document.digest()
        if known.get(document.id) == digest:
            change.unchanged += 1
            continue
        if document.id in known:
            change.replaced += 1
        else:
            change.added += 1
        yield document, digest


def _batches(
    documents: Iterable[tuple[Document, str]], manifest: IndexManifest
) -> Iterator[list[tuple[Document, list[Passage]]]]:
    batch: list[tuple[Document, list[Passage]]] = []
    count = 0
    for document, digest in documents:
        passages = _passages(document, digest, manifest)
        batch.append((document, passages))
        count += len(passages)
        if count >= BATCH:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _passages(document: Document, digest: str, manifest: IndexManifest) -> list[Passage]:
    spans = cut(document.text, manifest.settings.size, manifest.settings.overlap)
    return [
        Passage(
            -1, document.id, digest, document.source, number, start, end, document.text[start:end], document.metadata
        )
        for number, (start, end) in enumerate(spans)
    ]


def _vectors(model: TextEmbedder | None, texts: list[str]) -> np.ndarray | None:
    if model is None:
        return None
    vectors = unit(model.embed(texts, prompt="document"))
    if not np.isfinite(vectors).all():
        raise LangueError("the model's vectors are not numbers; its weights are damaged or its training went wrong")
    return vectors
