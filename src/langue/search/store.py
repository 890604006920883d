"""The one small interface that every back end has, and what all of them keep beside the passages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
from pydantic import Field, ValidationError

from langue.content import parse_json
from langue.errors import LangueError
from langue.search.fields import FieldRecord
from langue.search.settings import IndexSettings
from langue.search.where import Where
from langue.settings import Settings

VERSION = 3
ADVICE = "remove it and build it again"
"""Advice about an index in a folder that is damaged."""

Scored = tuple[int, float]
"""The key of a passage, and its score: the greater, the better."""


def ranked(keys: Iterable[int], cosines: Iterable[float]) -> list[Scored]:
    """The best first, of equals the smaller key; to 6 decimals, beyond which libraries differ in the same product."""
    rounded = ((key, round(cosine, 6)) for key, cosine in zip(keys, cosines, strict=True))
    return sorted(rounded, key=lambda passage: (-passage[1], passage[0]))


class Passage(NamedTuple):
    """A stretch of a document, as it is kept."""

    key: int
    """Its number in the index, never given twice; of equal scores, the smaller one comes first."""
    document: str
    digest: str
    """Fingerprint of its document."""
    source: str
    number: int
    """Its place in its document, from 0."""
    start: int
    end: int
    """In characters of the document's text."""
    text: str
    metadata: Mapping[str, Any]


class ModelRecord(Settings):
    """The model that made the vectors."""

    fingerprint: str
    """Hash of weights, tokenizer and whatever else its vectors depend on."""
    size: int = Field(ge=1)
    """Numbers of a vector."""
    path: str | None = None
    """Its folder, where it had one."""


class IndexManifest(Settings):
    """Manifest of one version of an index; whoever has read it sees what it counts and nothing later."""

    format: str = "langue index"
    """A mark that tells it from other manifests."""
    version: int = VERSION
    """Version of the layout on disk."""
    settings: IndexSettings
    """Settings that it was built by."""
    model: ModelRecord | None = None
    """None where passages are found by their words alone."""
    documents: int = 0
    """Documents that can be found."""
    passages: int = 0
    """Passages that they are cut into."""
    next_key: int = 0
    """The number that the next new passage gets."""
    fields: dict[str, FieldRecord] = Field(default_factory=dict)
    """Fields that conditions can be about."""
    generation: int = 0
    """Number of times that it was written."""
    place: dict[str, Any] = Field(default_factory=dict)
    """Facts by which the back end finds its version."""
    files: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Size and SHA-256 of each file of an index in a folder."""
    sha256: str = ""
    """Hash of this very text with nothing in this place."""

    def text(self) -> str:
        """The one way to write it: a change in white space is damage as well."""
        empty = self.replace(sha256="").model_dump_json(indent=2)
        digest = hashlib.sha256(empty.encode()).hexdigest()
        return self.replace(sha256=digest).model_dump_json(indent=2) + "\n"


def read_manifest(content: str, where: str) -> IndexManifest:
    """A manifest from JSON.

    Raises:
        LangueError: it is damaged, or of another version.
    """
    try:
        manifest = IndexManifest.model_validate(parse_json(content, f"{where} is no index of this Langue, or"))
    except ValidationError as error:
        first = error.errors()[0]
        raise LangueError(
            f"{where} is no index of this Langue, or is damaged: "
            f"{'.'.join(map(str, first['loc'])) or 'manifest'}: {first['msg']}"
        ) from None
    if manifest.version != VERSION:
        raise LangueError(f"{where} has version {manifest.version}, this Langue reads {VERSION}; build it again")
    if manifest.text() != content:
        raise LangueError(
            f"{where} is damaged: it is not as Langue wrote it; bring it back from a copy, or build it again"
        )
    return manifest


class IndexWriter(Protocol):
    """A change of an index. Nothing of it is to be seen before `commit`, and all of it afterwards."""

    def digests(self) -> dict[str, str]:
        """The digest of each document that is there, by its id."""

    def delete(self, documents: Sequence[str]) -> int:
        """Take out documents that were there before the change, and say how many passages that were."""

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        """Put in passages, whose keys ascend, with their unit vectors (passages, size) float32."""

    def commit(self, manifest: IndexManifest) -> None:
        """Let everybody see it."""


class Store(Protocol):
    """An index as one version of it is."""

    manifest: IndexManifest | None
    """None where nothing was ever committed."""

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        """The passages whose vectors have the greatest cosine with a unit vector (size,)."""

    def text(self, words: Sequence[str], k: int, where: Where) -> list[Scored]:
        """The passages with the greatest BM25 for some words (see `postings.py`)."""

    def both(self, vector: np.ndarray, words: Sequence[str], k: int, where: Where) -> tuple[list[Scored], list[Scored]]:
        """`dense` and `text`, side by side where the back end can."""

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """Passages by their keys, in that order, as far as they are there still."""

    def writing(self) -> AbstractContextManager[IndexWriter]:
        """Begin a change, which is undone if it is left without `commit`; there can be one at a time.

        Raises:
            LangueError: somebody else is writing.
        """

    def close(self) -> None:
        """Let go of files and connections."""


class Table(Protocol):
    """Passages with their vectors, in one version."""

    def digests(self) -> dict[str, str]:
        """The digest of each document by its id."""

    def dense(self, vector: np.ndarray, k: int, where: Where) -> list[Scored]:
        """Keys and cosines of the nearest."""

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """By their keys, in that order."""

    def allowed(self, where: Where) -> np.ndarray:
        """The keys of passages that meet conditions, ascending."""

    def keys_of(self, documents: Sequence[str]) -> np.ndarray:
        """The keys of documents' passages."""

    def delete(self, documents: Sequence[str]) -> None:
        """Take out documents, unseen by who opened it before."""

    def add(self, passages: Sequence[Passage], vectors: np.ndarray | None) -> None:
        """Put in passages, unseen by who opened it before."""

    def finish(self, generation: int) -> dict[str, Any]:
        """Wait until the disk has all; what opening this version takes."""


def shown(place: str) -> str:
    """A place as it may be printed: without a database's password."""
    place = re.sub(r"(?<=://)([^:/@]*):[^@]*@", r"\1:…@", place)
    return re.sub(r"(?<=password=)[^&#]*", "…", place)


def open_store(place: str, settings: IndexSettings | None = None) -> Store:
    """The store at a place, which knows itself what it is.

    Args:
        place: a folder, or postgresql://USER@HOST/DATABASE, with #NAME for one of several indexes.
        settings: of a new one, where there is none yet; None for one that must be there.

    Raises:
        LangueError: there is none, or its library is missing.
    """
    if place.startswith(("postgresql://", "postgres://")):
        from langue.search.postgres import PostgresStore

        return PostgresStore.open(place, settings)
    from langue.search.folder import FolderStore

    if settings is not None and settings.kind == "postgres":
        raise LangueError(f"{place} is no database; write postgresql://USER@HOST/DATABASE#NAME")
    return FolderStore.open(place, settings)
