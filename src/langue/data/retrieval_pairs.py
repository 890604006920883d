"""Rows of texts that belong together: what models of vectors learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from langue.console import remark
from langue.data.benchmarks import is_beir, read_beir
from langue.data.documents import read_documents
from langue.data.labelled import Labelled, list_of, number_of, read_labelled, read_split, require, text_of
from langue.data.records import is_blank
from langue.data.settings import TableDataSettings
from langue.data.sources import find_sources
from langue.data.tally import Tally
from langue.errors import LangueError, listed

RowKind = Literal["pairs", "graded", "texts"]
"""An anchor with what answers it, two sentences with a score, or a text alone."""

COLUMNS: dict[RowKind, tuple[str, ...]] = {
    "pairs": ("anchor", "positive"), "graded": ("sentence1", "sentence2"), "texts": ("text",)
}  # fmt: skip
"""The columns by which rows of each kind are known, the first kind that has one of its own."""


def read_retrieval_rows(data: TableDataSettings, split: str) -> list[Labelled]:
    """The rows of "train", "dev" or "test", of a table, a BEIR folder, or the lines of text files.

    Of a BEIR folder each relevant document makes a pair with its query, and those judged irrelevant are its negatives;
    the judgements are the split's, or the only ones there are.

    Raises:
        LangueError: a source cannot be read, or a row of it.
    """
    return read_split(data, split, _read)


def _read(source: Any, data: TableDataSettings, split: str) -> Iterator[Labelled]:
    if isinstance(source, str | Path) and is_beir(source):
        yield from _of_beir(Path(source).expanduser(), split)
        return
    origins = find_sources(source)
    if all(origin.kind in ("text", "embedded") for origin in origins):
        settings = data.replace(documents="line" if data.documents == "file" else data.documents)
        tally = Tally()
        for number, piece in enumerate(read_documents(origins, settings, tally), 1):
            if not is_blank(piece.text):
                yield Labelled(f"{origins[0].name}, text {number}", {"text": piece.text.strip()})
        if tally.records:
            remark(f"left out of {origins[0].name}: {tally.words()}")
        return
    yield from read_labelled(source, data)


def _of_beir(folder: Path, split: str) -> Iterator[Labelled]:
    judged = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
    search = read_beir(folder, judged[0] if split not in judged and len(judged) == 1 else split)
    for query, grades in search.judgements.items():
        texts = {number: search.documents[number] for number in grades if number in search.documents}
        negatives = [text for number, text in texts.items() if grades[number] <= 0]
        for number, text in texts.items():
            if grades[number] > 0:
                row = {"anchor": search.queries[query], "positive": text, "negatives": negatives}
                yield Labelled(f"{folder}, query {query}", row)


def kind_of(rows: Sequence[Labelled]) -> RowKind:
    """The kind of rows, by the columns of the first.

    Raises:
        LangueError: it has none of the columns that are known.
    """
    values = rows[0].values
    for kind, columns in COLUMNS.items():
        if any(name in values for name in columns):
            return kind
    raise LangueError(
        f"{rows[0].place} has the columns {listed(values)}; vectors are learnt from anchor and positive, from "
        f"sentence1, sentence2 and score, or from text; say which is which: --data.columns "
        f"'{{anchor: …, positive: …}}' of langue train"
    )


def texts_in(row: Labelled, kind: RowKind) -> list[str]:
    """An anchor, its positive and its negatives; two sentences; or a text.

    Raises:
        LangueError: one is missing, no text, or empty; names the place.
    """
    require(row, *COLUMNS[kind])
    texts = [text_of(row, name) for name in COLUMNS[kind]]
    return [*texts, *_negatives(row)] if kind == "pairs" else texts


def _negatives(row: Labelled) -> list[str]:
    """A list in `negatives`, or whatever stands in `negative`, `negative_1`, `negative_2`, …; empty ones are none."""
    texts = list_of(row.place, "negatives", row.values.get("negatives"))
    if texts is None:
        texts = [row.values[name] for name in row.values if name == "negative" or name.startswith("negative_")]
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise LangueError(f"{row.place}: negatives should be a list of texts, got {texts!r:.60}")
    strange = next((text for text in texts if not isinstance(text, str | None)), None)
    if strange is not None:
        raise LangueError(f"{row.place}: a negative should be text, got {strange!r:.60}")
    return [text for text in texts if text is not None and not is_blank(text)]


def grade_of(row: Labelled) -> float:
    """The similarity of two sentences, by the column score, or label.

    Raises:
        LangueError: there is none, or it is no number; names the place.
    """
    name = "label" if "score" not in row.values and "label" in row.values else "score"
    require(row, "sentence1", "sentence2", name)
    return number_of(row.place, name, row.values[name])


def scores_of(row: Labelled, texts: int) -> list[float]:
    """A teacher's scores of the anchor with each of the other texts, by the list in the column scores.

    Raises:
        LangueError: there is none, or not one for each; names the place.
    """
    require(row, "scores")
    scores = list_of(row.place, "scores", row.values["scores"])
    if not isinstance(scores, Sequence) or isinstance(scores, str) or len(scores) != texts - 1:
        raise LangueError(f"{row.place}: scores should be a list of {texts - 1} numbers, got {scores!r:.60}")
    return [number_of(row.place, "scores", score) for score in scores]
