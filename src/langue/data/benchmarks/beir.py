"""BEIR's layout: documents, queries, and which documents answer which query (Thakur et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from langue.data.benchmarks.benchmark import Fields, Record, located, take
from langue.data.benchmarks.glue import read_tsv
from langue.data.benchmarks.superglue import read_jsonl
from langue.data.records import Dropped, is_blank
from langue.data.sources import find_sources
from langue.data.tables import rows
from langue.data.values import whole
from langue.errors import LangueError

HUB = "hf:"
CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
QRELS = ("query-id", "corpus-id", "score")
"""The columns of judgements, which stand in a header or, in files of some others, do not."""


@dataclass(frozen=True)
class SearchSet:
    """A set of queries and documents that searches are measured on.

    Attributes:
        name: where it is from.
        documents: texts by id; of those with a title, the title, a blank, and the text.
        queries: those that were judged, by id, in the order of the judgements.
        judgements: by query and document how relevant it is: 0 not at all, more is better.
        unjudged: how many more queries there are, which the split does not judge.
        missing: how many relevant documents there are no texts of, so that no search can find them.
    """

    name: str
    documents: dict[str, str]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]
    unjudged: int
    missing: int


def is_beir(place: str | Path) -> bool:
    """True for a folder in BEIR's layout."""
    return (Path(place).expanduser() / CORPUS).is_file()


def read_beir(place: str | Path, split: str = "test") -> SearchSet:
    """A folder with corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv, or a copy of one among Hugging Face's datasets.

    Args:
        place: a folder; or hf:NAME, of which the configurations `corpus` and `queries` are read, and the judgements
            from its configuration `default` (as MTEB has them) or from NAME-qrels (as BEIR's authors have them).
        split: of the judgements.

    Raises:
        LangueError: something is missing or not in the layout; names the file and line.
    """
    name = str(place)
    corpus, queries, judged = _from_hub(name, split) if name.startswith(HUB) else _from_folder(Path(name), split)
    documents = _texts(corpus, "document", titled=True)
    all_queries = _texts(queries, "query", titled=False)
    judgements = _judgements(judged, all_queries)
    if not documents or not judgements:
        raise LangueError(f"{name} holds no {'judgements' if documents else 'documents'}")
    relevant = {document for grades in judgements.values() for document, grade in grades.items() if grade > 0}
    chosen = {query: all_queries[query] for query in judgements}
    for query, text in chosen.items():
        if is_blank(text):
            raise LangueError(f"{name}: the query {query} is empty")
    unjudged, missing = len(all_queries) - len(chosen), len(relevant - documents.keys())
    return SearchSet(name, documents, chosen, judgements, unjudged, missing)


def _from_folder(folder: Path, split: str) -> tuple[Iterator[Record], ...]:
    folder = folder.expanduser()
    qrels = folder / "qrels" / f"{split}.tsv"
    for path in (folder / CORPUS, folder / QUERIES):
        if not path.is_file():
            raise LangueError(f"there is no file {path}; a BEIR folder holds {CORPUS}, {QUERIES} and qrels/{split}.tsv")
    if not qrels.is_file():
        there = ", ".join(sorted(path.stem for path in qrels.parent.glob("*.tsv"))) or "none"
        raise LangueError(f"there is no file {qrels}; splits that were judged: {there}")
    return read_jsonl(folder / CORPUS), read_jsonl(folder / QUERIES), read_tsv(qrels, headerless=QRELS)


def _from_hub(name: str, split: str) -> tuple[Iterator[Record], ...]:
    judged = [f"{name}/default", f"{name}-qrels"]
    if Path(name.removeprefix(HUB)).is_dir():  # a local copy: nothing of it is looked for elsewhere
        judged = [place for place in judged if Path(place.removeprefix(HUB)).is_dir()]
        for place in (f"{name}/corpus", f"{name}/queries", *(judged or [f"{name}/default"])):
            if not Path(place.removeprefix(HUB)).is_dir():
                raise LangueError(
                    f"there is no folder {place.removeprefix(HUB)}; save the dataset's configuration there"
                )
    sources = [_dataset(f"{place}:{split}") for place in judged]
    return _dataset(f"{name}/corpus:corpus"), _dataset(f"{name}/queries:queries"), _first_there(sources)


def _dataset(name: str) -> Iterator[Record]:
    for row in rows(find_sources(name)[0], 0):
        if not isinstance(row, Dropped):
            yield f"{name}, row {row.number}", row.values


def _first_there(sources: list[Iterator[Record]]) -> Iterator[Record]:
    """The records of the first source that gives any; of none, the last one's error."""
    *others, last = sources
    for source in others:
        try:
            return chain([next(source)], source)
        except (LangueError, StopIteration):
            continue
    return last


def _texts(records: Iterable[Record], what: str, titled: bool) -> dict[str, str]:
    texts: dict[str, str] = {}
    for place, fields in records:
        with located(place):
            key = _key(fields, "_id" if "_id" in fields or "id" not in fields else "id")
            text = take(fields, "text")
            title = take(fields, "title") if titled and fields.get("title") is not None else ""
            if key in texts:
                raise LangueError(f"there was a {what} with the id {key!r} before")
        texts[key] = f"{title} {text}".strip()
    return texts


def _judgements(records: Iterable[Record], queries: dict[str, str]) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for place, fields in records:
        with located(place):
            query, document = (_key(fields, name) for name in QRELS[:2])
            grade = _grade(take(fields, QRELS[2], (int, float, str)))
            if query not in queries:
                raise LangueError(f"there is no query with the id {query!r}")
            if grades.setdefault(query, {}).setdefault(document, grade) != grade:
                raise LangueError(f"document {document!r} was judged otherwise for query {query!r} before")
    return grades


def _key(fields: Fields, name: str) -> str:
    key = str(take(fields, name, (str, int)))
    if not key:
        raise LangueError(f"{name} is empty")
    return key


def _grade(value: Any) -> int:
    grade = whole(value)
    if grade is None:
        raise LangueError(f"{QRELS[2]} should be a whole number, got {value!r:.60}")
    return grade
