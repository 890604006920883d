"""`langue index build`, `add`, `delete`, `info` and `search`."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from langue.cli.options import AtLeastOne, Device, Json, Several, chosen
from langue.console import print_styled, visible
from langue.search.settings import IndexSettings
from langue.settings import parse

if TYPE_CHECKING:
    from langue.search import Hit, Index
    from langue.search.change import Change

IndexPlace = Annotated[str, Parameter(help="What `langue index build` made.")]
IndexModel = Annotated[Path | None, Parameter(help="The model that made the index, if it is not where it was.")]


@Parameter(name="*", negative="")
class IndexOptions(IndexSettings):
    """Settings of an index in a folder; those in PostgreSQL have its address."""

    kind: Literal["lance", "memory"] = "lance"  # pyrefly: ignore[bad-override]
    """Back end of a folder: lance for any number of passages, memory for exact search among some ten thousand, and, by
    default, for words alone."""
    metadata: Several | None = None
    """A column of a table to filter by; may be given several times; all that hold numbers, truth values or short texts
    by default."""


def build(
    *docs: AtLeastOne,
    out: str,
    model: Path | None = None,
    settings: IndexOptions = IndexOptions(),  # noqa: B008 - it is frozen
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Make an index of documents, or bring one up to date: what has not changed is not encoded again.

    The index then holds these documents and no others. Exit status 1 says that some could not be read, 2 that none
    could.

    Args:
        docs: Files (txt, md, rst, html, pdf, docx, pptx, xlsx, epub, eml, source code, jsonl, csv, tsv, parquet),
            folders, globs, hf:NAME[/CONFIG][:SPLIT] or "embedded".
        out: The folder to make, or postgresql://USER@HOST/DATABASE#NAME.
        model: A run that embeds, a folder of sentence-transformers, hf:OWNER/NAME or package:NAME; without one,
            passages are found by their words alone.
        settings: What is a passage, and how vectors are kept.
        as_json: Print what happened as one JSON object.
    """
    from langue.search import Index

    made_by = parse(IndexSettings, chosen(settings), "index build")
    index = Index.build(list(docs), out, model, made_by, device)
    assert index.change is not None
    return _tell(index, index.change, as_json)


def add(
    index: IndexPlace,
    /,
    *docs: AtLeastOne,
    model: IndexModel = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Put documents into an index, in place of those with the same ids.

    Args:
        docs: As for build.
        as_json: Print what happened as one JSON object.
    """
    from langue.search import Index

    opened = Index.open(index, model, device)
    return _tell(opened, opened.add(list(docs)), as_json)


def delete(index: IndexPlace, /, *ids: AtLeastOne, as_json: Json = False) -> None:
    """Take documents out of an index.

    Args:
        ids: Of documents, as a search shows them.
        as_json: Print what happened as one JSON object.
    """
    from langue.search import Index

    opened = Index.open(index)
    _tell(opened, opened.delete(ids), as_json)


def info(index: IndexPlace, /, *, as_json: Json = False) -> None:
    """Tell what an index holds, and which model and settings made it.

    Args:
        as_json: Print one JSON object.
    """
    from langue.search import Index

    manifest = Index.open(index).manifest
    if as_json:
        print(manifest.model_dump_json())
        return
    settings, model = manifest.settings, manifest.model
    print(f"{index}: {manifest.documents:,} documents in {manifest.passages:,} passages, kept by {settings.kind}")
    print(f"passages of {settings.size} bytes at most, overlapping by {settings.overlap} of their sentences")
    if settings.language is not None:
        without = ", without those that are everywhere" if settings.stop_words == "drop" else ""
        print(f"words are found by their stems in {settings.language}{without}")
    fields = [f"{name} ({field.kind}{', several' if field.several else ''})" for name, field in manifest.fields.items()]
    print(f"documents can be filtered by {', '.join(fields)}")
    if model is None:
        print("no model: passages are found by their words alone")
    else:
        where = model.path or "given from Python"
        print(f"vectors of {model.size} numbers as {settings.storage}, by {where} (fingerprint {model.fingerprint})")


def search(
    index: IndexPlace,
    query: str,
    /,
    *,
    k: int = 10,
    where: Several = (),
    mode: Literal["dense", "text", "hybrid"] | None = None,
    rerank: Path | None = None,
    model: IndexModel = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Find passages that answer a query, by what they mean and by their words.

    Args:
        query: What to look for.
        k: How many passages.
        where: A condition such as year>=2020, lang=en, 'lang in en,de' or '"first name"=Ann'; may be given several
            times, and all must hold. `langue index info` tells the fields.
        mode: By meaning (dense), by words (text), or by both (hybrid); both, where the index has a model.
        rerank: A model that classifies pairs, to judge the best passages anew.
        as_json: Print one JSON object for each passage.
    """
    from langue.search import Index

    opened = Index.open(index, model, device)
    show(opened, query, k=k, where=where, mode=mode, judge=rerank, as_json=as_json)


def show(index: Index, query: str, *, as_json: bool = False, judge: Path | None = None, **options: Any) -> None:
    """Search, print what is found, and say how long it took, the model's time apart."""
    from langue.console import say
    from langue.search.rerank import load_reranker

    reranker = None if judge is None else load_reranker(judge, index.device)
    mode = options["mode"] or index.mode
    start = time.perf_counter()
    if mode != "text" and query.strip():
        options["vector"] = index.encode(query)  # the first time loads the model, which is no part of a search
        start = time.perf_counter()
        options["vector"] = index.encode(query)
    encoded = time.perf_counter()
    hits = index.search(query, rerank=reranker, **options)
    done = time.perf_counter()
    for number, hit in enumerate(index.marked(hits, query, options.get("vector")), 1):
        if as_json:
            print(json.dumps(hit.as_json(), ensure_ascii=False))
        else:
            print_styled(_shown(number, hit))
    model = f", and {1e3 * (encoded - start):.0f} ms for the model" if mode != "text" else ""
    say(f"{len(hits)} of {index.manifest.passages:,} passages in {1e3 * (done - encoded):.0f} ms{model}")


def _shown(number: int, hit: Hit) -> str:
    """A passage with its best sentence marked: bold on a terminal, else in double brackets."""
    start, stop = hit.sentence or (0, 0)
    begin, end = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("⟦", "⟧")
    before, inside, after = map(_printed, (hit.text[:start], hit.text[start:stop], hit.text[stop:]))
    text = f"{before}{begin}{inside}{end}{after}" if hit.sentence is not None else after
    body = textwrap.fill(" ".join(text.split()), 110, initial_indent="   ", subsequent_indent="   ")
    return f"{number}. {_printed(hit.document)} [{hit.start}:{hit.end}]  {hit.score:.4f}\n{body}\n"


def _printed(text: str) -> str:
    return visible(text) if sys.stdout.isatty() else text


def _tell(index: Index, change: Change, as_json: bool) -> int:
    """Print what happened; 1 where documents could not be read, else 0."""
    status = 1 if change.failed else 0
    manifest = index.manifest
    if as_json:
        counts = {"documents": manifest.documents, "passages": manifest.passages}
        print(json.dumps({**counts, "change": change.as_json()}, ensure_ascii=False))
        return status
    print(f"{index.place}: {manifest.documents:,} documents in {manifest.passages:,} passages")
    print(
        f"{change.added:,} added, {change.replaced:,} replaced, {change.unchanged:,} unchanged, "
        f"{change.deleted:,} deleted; {change.encoded:,} passages made"
    )
    for reason, count in change.dropped.items():
        names = [name for name, why in change.named if why == reason]
        more = " …" if len(names) > 5 else ""
        print(f"left out, {reason}: {count:,} ({', '.join(names[:5])}{more})")
    for (name, what), count in change.unkept.items():
        print(f"cannot be filtered by, {what}: {name} ({count:,} documents)")
    return status
