"""An index of passages: built from documents, brought up to date, and searched by meaning, by words, or by both."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from langue.data.sources import DataSource
from langue.errors import LangueError
from langue.pages.reader import clean
from langue.search.embedder import TextEmbedder, load_embedder, require
from langue.search.mark import best_sentences
from langue.search.rerank import Rerank, fuse, judge
from langue.search.settings import IndexSettings
from langue.search.store import IndexManifest, ModelRecord, Scored, Store, open_store, shown
from langue.search.vectors import unit
from langue.search.where import Conditions, Where, read_where, typed

if TYPE_CHECKING:
    from langue.search.change import Change

LONGEST_QUERY = 100_000
"""Characters of a query; each word that is looked for takes its time, and what is longer is a book."""

Mode = Literal["dense", "text", "hybrid"]

DEPTH = 100
"""Places of each ranking that are fused, and passages that are reranked; more if more are asked for."""


@dataclass(frozen=True)
class Hit:
    """A passage that was found."""

    score: float
    """Cosine, BM25, the sum of reciprocal ranks, or what the reranker said; comparable within one search alone."""
    document: str
    source: str
    start: int
    end: int
    """Its place in its document's text, in characters."""
    text: str
    metadata: Mapping[str, Any]
    sentence: tuple[int, int] | None = None
    """Start and end in `text` of the sentence that matched, where it was asked for."""

    def as_json(self) -> dict[str, Any]:
        """By name."""
        return {**vars(self), "metadata": dict(self.metadata)}


class Index:
    """An index, in the version that was there when it was opened.

    Args:
        place: a folder, or postgresql://USER@HOST/DATABASE, with #NAME for one of several indexes.
        store: its back end.
        model: what made its vectors, or the folder it lies in; None to take it from where it was when the index was
            made, once it is needed.
        device: where a model that is named is loaded.
    """

    def __init__(self, place: str, store: Store, model: TextEmbedder | Path | str | None = None, device: str = "auto"):
        self.place, self.store, self.device = shown(place), store, device
        self._source, self._model = model, None
        self.change: Change | None = None
        if store.manifest is not None and model is not None and not isinstance(model, Path | str):
            self._model = self._checked(model)

    @classmethod
    def open(cls, place: Path | str, model: TextEmbedder | Path | str | None = None, device: str = "auto") -> Index:
        """An index that is there.

        Raises:
            LangueError: there is none, it is damaged, or the model is another than the one that made it.
        """
        return cls(str(place), open_store(str(place)), model, device)

    @classmethod
    def build(
        cls,
        sources: DataSource,
        place: Path | str,
        model: TextEmbedder | Path | str | None = None,
        settings: IndexSettings | None = None,
        device: str = "auto",
    ) -> Index:
        """An index of these documents and no others, made anew or brought up to date.

        What has not changed since it was built last is not encoded again. `change` says what happened.

        Args:
            sources: files, folders, names or an iterable of rows; see `read_documents`.
            place: where to.
            model: what makes its vectors; None for an index of words alone, or for the model of one that is there.
            settings: of a new index; one that is there has its own, and refuses others.
            device: where a model that is named is loaded.

        Raises:
            LangueError: a source cannot be read, nothing of it can be used, or the index was made otherwise.
        """
        settings = settings or IndexSettings()
        _ = settings.words  # an unknown language is told before anything is read
        stated = settings.model_dump(exclude_unset=True)
        if model is None and "kind" not in stated:
            settings = settings.replace(kind="memory")  # there are no vectors to be near, and flat arrays open at once
        if str(place).startswith(("postgresql:", "postgres:")):
            settings = settings.replace(kind="postgres")
        index = cls(str(place), open_store(str(place), settings), model, device)
        before = index.store.manifest
        manifest = before or IndexManifest(settings=settings, model=index._record())
        if before is not None and before.settings.replace(**stated) != before.settings:
            there = " ".join(_options(before.settings, before.settings.replace(**stated)))
            raise LangueError(f"{place} was made with {there}; give the same, or build beside it")
        if manifest.model is None and model is not None:
            raise LangueError(f"{place} was made without a model; leave out --model, or build beside it")
        index._update(sources, manifest, whole=True)
        return index

    @property
    def manifest(self) -> IndexManifest:
        """Manifest of the version that was opened.

        Raises:
            LangueError: somebody has removed it.
        """
        if self.store.manifest is None:
            raise LangueError(f"there is no index in {self.place} any more; build it again")
        return self.store.manifest

    @property
    def mode(self) -> Mode:
        """The mode of a search that names none."""
        return "text" if self.manifest.model is None else "hybrid"

    @property
    def model(self) -> TextEmbedder:
        """The model that made its vectors.

        Raises:
            LangueError: it has none, or its model is not where it was or has changed.
        """
        if self._model is None:
            record = self.manifest.model
            if record is None:
                raise LangueError(
                    f"{self.place} was made without a model, and can be searched by words alone (mode text)"
                )
            source = self._source or record.path
            if source is None:
                raise LangueError(f"{self.place} was made by a model that had no folder; name it: --model DIR")
            self._model = self._checked(load_embedder(source, self.device)[0])
        return self._model

    def _checked(self, model: TextEmbedder) -> TextEmbedder:
        if self.manifest.model is None:
            raise LangueError(f"{self.place} was made without a model, and has no use for one")
        require(model, self.manifest.model, self.place)
        return model

    def _record(self) -> ModelRecord | None:
        if self._source is None:
            return None
        self._model, path = load_embedder(self._source, self.device)
        return ModelRecord(fingerprint=self._model.fingerprint, size=self._model.size, path=path)

    def add(self, sources: DataSource) -> Change:
        """Put in documents, in place of those with the same ids.

        Raises:
            LangueError: a source cannot be read, or nothing of it can be used.
        """
        return self._update(sources, self.manifest, whole=False)

    def renew(self, sources: DataSource, leaving: Collection[str]) -> Change:
        """Put in documents in the place of some that came from the same sources.

        Args:
            sources: as of `build`; none to take out alone.
            leaving: ids of documents that are taken out if they are not among these.

        Raises:
            LangueError: a source cannot be read.
        """
        return self._update(sources, self.manifest, whole=False, leaving=leaving)

    def _update(
        self, sources: DataSource, manifest: IndexManifest, *, whole: bool, leaving: Collection[str] = ()
    ) -> Change:
        from langue.search.change import update  # which a search has no use for, nor time
        from langue.search.documents import read_documents

        model = None if manifest.model is None else self.model if self.store.manifest else self._model
        documents = read_documents(sources, manifest.settings, {} if whole else manifest.fields)
        with self.store.writing() as writer:
            there = self.store.manifest or manifest
            if (there.settings, there.model) != (manifest.settings, manifest.model):
                raise LangueError(f"{self.place} was made otherwise by somebody else in the meantime; open it again")
            self.change, after = update(writer, documents, there, model, whole=whole, leaving=leaving)
            if not leaving and not self.change.added + self.change.replaced + self.change.unchanged:
                raise _nothing_to_find(self.change, manifest.settings.text)
            if self.store.manifest is None or self.change.encoded or self.change.deleted:
                writer.commit(after)
        return self.change

    def delete(self, documents: Iterable[str]) -> Change:
        """Take out documents by their ids.

        Raises:
            LangueError: one of them is not there; then none is taken out.
        """
        from langue.search.change import Change

        names = list(dict.fromkeys(documents))
        with self.store.writing() as writer:
            known = writer.digests()
            for name in names:
                if name not in known:
                    raise LangueError(f"{self.place} has no document {name}")
            removed = writer.delete(names)
            before = self.manifest
            counts = {"documents": before.documents - len(names), "passages": before.passages - removed}
            writer.commit(before.replace(**counts))
        self.change = Change(deleted=len(names))
        return self.change

    def encode(self, query: str) -> np.ndarray:
        """The vector of a query: (size,) float32 of length 1. What goes beyond the model's context is left out."""
        return unit(self.model.embed([clean(query)[:LONGEST_QUERY]], prompt="query"))[0]

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        where: Conditions = None,
        mode: Mode | None = None,
        rerank: Rerank | None = None,
        vector: np.ndarray | None = None,
    ) -> list[Hit]:
        """The passages that answer a query best, the best first.

        Args:
            query: what is looked for.
            k: how many, at most.
            where: conditions on documents: `{"year": {">=": 2020}, "source": "a.txt"}`, `"year>=2020"`, or a list of
                such texts.
            mode: by meaning, by words (BM25), or by both (reciprocal rank fusion); by default both if there is a model.
            rerank: judges the best 100 anew; see `Rerank`.
            vector: the query's, if it was encoded before.

        Raises:
            LangueError: the query is empty or a book, a condition cannot be understood, or the mode needs a model.
        """
        query = clean(query)
        if not query.strip():
            raise LangueError("the query is empty; say what to look for")
        if len(query) > LONGEST_QUERY:
            raise LangueError(f"the query has {len(query):,} characters; at most {LONGEST_QUERY:,} can be looked for")
        k = min(k, max(1, self.manifest.passages))
        if k < 1:
            raise LangueError(f"{k} passages cannot be found; ask for 1 or more")
        mode = mode or self.mode
        if mode != "text" and vector is None:
            vector = self.encode(query)
        met = typed(read_where(where), self.manifest.fields, self.place)
        ranking = self._rank(query, vector, max(k, DEPTH) if rerank is not None else k, met, mode)
        scores = dict(ranking)
        hits = [
            Hit(scores[key], document, source, start, end, text, metadata)
            for key, document, _, source, _, start, end, text, metadata in self.store.passages(list(scores))
        ]
        return hits if rerank is None or not hits else _reranked(rerank, query, hits)[:k]

    def _rank(self, query: str, vector: np.ndarray | None, k: int, where: Where, mode: Mode) -> list[Scored]:
        words = self.manifest.settings.words(query)
        if mode == "text":
            return self.store.text(words, k, where)
        assert vector is not None
        if mode == "dense":
            return self.store.dense(vector, k, where)
        depth = max(k, DEPTH)
        return fuse(*self.store.both(vector, words, depth, where))[:k]

    def marked(self, hits: Sequence[Hit], query: str, vector: np.ndarray | None = None) -> list[Hit]:
        """The same passages with the sentence of each that matches best.

        Args:
            hits: what a search has found.
            query: what it looked for.
            vector: the query's, by which the model judges sentences, which takes it some time; without it, BM25 does.
        """
        model = None if vector is None else self.model
        words = self.manifest.settings.words
        spans = best_sentences([hit.text for hit in hits], query, words, vector, model)
        return [replace(hit, sentence=span) for hit, span in zip(hits, spans, strict=True)]


def _reranked(rerank: Rerank, query: str, hits: Sequence[Hit]) -> list[Hit]:
    scores = judge(rerank, query, [hit.text for hit in hits])
    order = np.argsort(-scores, kind="stable")
    return [replace(hits[place], score=float(scores[place])) for place in order]


open_index = Index.open


def _options(old: IndexSettings, new: IndexSettings) -> Iterator[str]:
    """The options of the command line by which the old settings come about, where the new ones differ."""
    for name, value in old:
        if value != getattr(new, name):
            values = value if isinstance(value, tuple | list) else (value,)
            yield from (f"--{name} {shlex.quote(str(single))}" for single in values if single is not None)
            if value is None or values == ():
                yield f"no --{name}"


def _nothing_to_find(change: Change, column: str) -> LangueError:
    """The error for documents of which none holds a text; `column` is where a table was to hold it."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in change.dropped.items())
    left = f" (left out: {reasons})" if reasons else ""
    advice = f"; name the column that holds it, where it is not {column}, by --text of langue index build"
    return LangueError(f"there is no text in what was given{left}{advice if 'missing' in change.dropped else ''}")
