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
from langue.data.settings import DataSettings
from langue.data.sources import find_sources
from langue.data.tally import Tally
from langue.errors import LangueError, listed

RowKind = Literal["pairs", "graded", "texts"]
"""An anchor with what answers it, two sentences with a score, or a text alone."""


def read_retrieval_rows(data: DataSettings, split: str) -> list[Labelled]:
    """The rows of "train", "dev" or "test", of a table, a BEIR folder, or the lines of text files.

    Of a BEIR folder each relevant document makes a pair with its query, and those judged irrelevant are its negatives;
    the judgements are the split's, or the only ones there are.

    Raises:
        LangueError: a source cannot be read, or a row of it.
    """
    return read_split(data, split, _read)


def _read(source: Any, data: DataSettings, split: str) -> list[Labelled]:
    return list(_rows(source, data, split))


def _rows(source: Any, data: DataSettings, split: str) -> Iterator[Labelled]:
    if isinstance(source, str | Path) and is_beir(source):
        yield from _of_beir(Path(source).expanduser(), split)
        return
    origins = find_sources(source)
    if all(origin.kind in ("text", "embedded") for origin in origins):
        settings = data.model_copy(update={"documents": "line" if data.documents == "file" else data.documents})
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
    found = read_beir(folder, judged[0] if split not in judged and len(judged) == 1 else split)
    for query, grades in found.judgements.items():
        texts = {number: found.documents[number] for number in grades if number in found.documents}
        negatives = [text for number, text in texts.items() if grades[number] <= 0]
        for number, text in texts.items():
            if grades[number] > 0:
                row = {"anchor": found.queries[query], "positive": text, "negatives": negatives}
                yield Labelled(f"{folder}, query {query}", row)


def kind_of(rows: Sequence[Labelled]) -> RowKind:
    """What rows hold, by the columns of the first.

    Raises:
        LangueError: it has none of the columns that are known.
    """
    values = rows[0].values
    if "anchor" in values or "positive" in values:
        return "pairs"
    if "sentence1" in values or "sentence2" in values:
        return "graded"
    if "text" in values:
        return "texts"
    there = listed(values)
    raise LangueError(
        f"{rows[0].place} has the columns {there}; vectors are learnt from anchor and positive, from sentence1, "
        f"sentence2 and score, or from text; say which is which: --data.columns '{{anchor: …, positive: …}}' "
        f"of langue train"
    )


def texts_in(row: Labelled, kind: RowKind) -> list[str]:
    """An anchor, its positive and its negatives; two sentences; or a text.

    Raises:
        LangueError: one is missing, no text, or empty; names the place.
    """
    if kind == "texts":
        return [text_of(row, "text")]
    require(row, *(("sentence1", "sentence2") if kind == "graded" else ("anchor", "positive")))
    if kind == "graded":
        return [text_of(row, "sentence1"), text_of(row, "sentence2")]
    return [text_of(row, "anchor"), text_of(row, "positive"), *_negatives(row)]


def _negatives(row: Labelled) -> list[str]:
    """A list in `negatives`, or whatever stands in `negative`, `negative_1`, `negative_2`, …; empty ones are none."""
    given = list_of(row.place, "negatives", row.values.get("negatives"))
    if given is None:
        names = [name for name in row.values if name == "negative" or name.startswith("negative_")]
        given = [row.values[name] for name in names]
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise LangueError(f"{row.place}: negatives should be a list of texts, got {given!r:.60}")
    found = [text for text in given if text is not None]
    strange = [text for text in found if not isinstance(text, str)]
    if strange:
        raise LangueError(f"{row.place}: a negative should be text, got {strange[0]!r:.60}")
    return [text for text in found if not is_blank(text)]


def grade_of(row: Labelled) -> float:
    """How alike two sentences are, by the column score, or label.

    Raises:
        LangueError: there is none, or it is no number; names the place.
    """
    name = "label" if "score" not in row.values and "label" in row.values else "score"
    require(row, "sentence1", "sentence2", name)
    return number_of(row.place, name, row.values[name])


def scores_of(row: Labelled, texts: int) -> list[float]:
    """What a teacher said of the anchor with each of the other texts, by the list in the column scores.

    Raises:
        LangueError: there is none, or not one for each; names the place.
    """
    require(row, "scores")
    given = list_of(row.place, "scores", row.values["scores"])
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != texts - 1:
        raise LangueError(f"{row.place}: scores should be a list of {texts - 1} numbers, got {given!r:.60}")
    return [number_of(row.place, "scores", each) for each in given]
