"""`langue index build`, `add`, `delete`, `info`, `search`, `watch` and `ask`."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from langue.cli.options import AtLeastOne, Device, Flag, Json, Several, chosen
from langue.console import print_styled, visible
from langue.search.settings import IndexSettings
from langue.settings import parse
from langue.wording import counted

if TYPE_CHECKING:
    from langue.search import Hit, Index
    from langue.search.change import Change

IndexPlace = Annotated[str, Parameter(help="What `langue index build` made.")]
Seconds = Annotated[float, Parameter(validator=Number(gt=0))]
IndexModel = Annotated[Path | None, Parameter(help="The model that made the index, if it is not where it was.")]

GREETING = "Look for something in {passages} passages; Ctrl-D ends."


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


def watch(
    folder: Path,
    /,
    *,
    out: str,
    model: Path | None = None,
    settings: IndexOptions = IndexOptions(),  # noqa: B008 - it is frozen
    every: Seconds = 2.0,
    once: Flag = False,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Keep an index up with a folder: what is added, changed or deleted there is so in the index. Ctrl-C ends.

    Args:
        folder: The folder with documents, as for build.
        out: The index to make or to bring up to date, or postgresql://USER@HOST/DATABASE#NAME.
        model: As for build.
        settings: What is a passage, and how vectors are kept.
        every: Seconds between looks at the folder.
        once: Look once and end; exit status 1 says that some documents could not be read.
        as_json: Print each change as one JSON object.
    """
    from langue.cli.prompt import only_ctrl_c
    from langue.console import say
    from langue.errors import LangueError
    from langue.search.watch import FolderWatch

    watched = FolderWatch(folder, out, model, parse(IndexSettings, chosen(settings), "index watch"), device)
    if once:
        change = watched.look()
        assert watched.index is not None
        assert change is not None
        return _tell(watched.index, change, as_json)
    say(f"watching {folder}; Ctrl-C ends")
    last = ""
    try:
        while True:
            try:
                change, last = watched.look(), ""
                if change is not None and watched.index is not None:
                    _tell(watched.index, change, as_json)
                    sys.stdout.flush()
            except LangueError as error:  # what is wrong now may be mended by the next look
                if str(error) != last:
                    say(last := str(error))
            time.sleep(every)
    except KeyboardInterrupt as error:
        only_ctrl_c(error)
        return 0


def ask(
    index: IndexPlace,
    question: str | None = None,
    /,
    *,
    model: Path,
    file: Path | None = None,
    k: int = 5,
    where: Several = (),
    mode: Literal["dense", "text", "hybrid"] | None = None,
    max_tokens: int = 256,
    embedder: IndexModel = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Answer a question from passages of an index, and cite them; without one, ask for many.

    Args:
        question: What to answer. Without one, questions are the lines of --file or of a pipe, or are typed at a prompt.
        model: A run that finds answers in texts (task: answer) or writes (generate, chat, translate, summarize), or a
            folder of Hugging Face's.
        file: A text file with a question in each line.
        k: How many passages the model reads.
        where: A condition on documents, as for search; may be given several times.
        mode: How passages are found, as for search.
        max_tokens: The longest answer that is written.
        as_json: Print one JSON object for each question, with the passages that are cited.
    """
    from langue.cli.prompt import for_each_question
    from langue.search import Index
    from langue.search.ask import PassageReader

    opened = Index.open(index, embedder, device)
    reader = PassageReader.load(opened, model, k=k, where=where, mode=mode, max_tokens=max_tokens)

    def answer(text: str) -> None:
        reply = reader.ask(text)
        if as_json:
            print(json.dumps(reply.as_json(), ensure_ascii=False))
            return
        if question is None:
            print_styled(f"── {_printed(text)}")
        print_styled(f"{_printed(reply.text) or 'no passage answers that'}\n")
        for number, hit in reply.citations:
            print_styled(f"[{number}] {_printed(hit.document)} [{hit.start}:{hit.end}]\n{_body(hit)}\n")

    return for_each_question(question, file, answer, GREETING.format(passages=f"{opened.manifest.passages:,}"))


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
    documents, passages = counted(manifest.documents, "document"), counted(manifest.passages, "passage")
    print(f"{index}: {documents} in {passages}, kept by {settings.kind}")
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
    query: str | None = None,
    /,
    *,
    file: Path | None = None,
    k: int = 10,
    where: Several = (),
    mode: Literal["dense", "text", "hybrid"] | None = None,
    rerank: Path | None = None,
    model: IndexModel = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Find passages that answer a query, by what they mean and by their words; without one, ask for many.

    Args:
        query: What to look for. Without one, queries are the lines of --file or of a pipe, or are typed at a prompt.
        file: A text file with a query in each line.
        k: How many passages.
        where: A condition such as year>=2020, lang=en, 'lang in en,de' or '"first name"=Ann'; may be given several
            times, and all must hold. `langue index info` tells the fields.
        mode: By meaning (dense), by words (text), or by both (hybrid); both, where the index has a model.
        rerank: A model that classifies pairs, to judge the best passages anew.
        as_json: Print one JSON object for each passage.
    """
    from langue.cli.prompt import for_each_question
    from langue.search import Index
    from langue.search.rerank import load_reranker

    opened = Index.open(index, model, device)
    judge = None if rerank is None else load_reranker(rerank, device)

    def ask(query_: str) -> None:
        if query is None and not as_json:
            print_styled(f"── {_printed(query_)}")
        show(opened, query_, k=k, where=where, mode=mode, rerank=judge, as_json=as_json)

    return for_each_question(query, file, ask, GREETING.format(passages=f"{opened.manifest.passages:,}"))


def show(index: Index, query: str, *, as_json: bool = False, **options: Any) -> None:
    """Search, print what is found, and say how long it took, the model's time apart."""
    from langue.console import say

    mode = options["mode"] or index.mode
    start = time.perf_counter()
    if mode != "text" and query.strip():
        options["vector"] = index.encode(query)  # the first time loads the model, which is no part of a search
        start = time.perf_counter()
        options["vector"] = index.encode(query)
    encoded = time.perf_counter()
    hits = index.search(query, **options)
    done = time.perf_counter()
    for number, hit in enumerate(index.marked(hits, query, options.get("vector")), 1):
        if as_json:
            print(json.dumps({"query": query, **hit.as_json()}, ensure_ascii=False))
        else:
            print_styled(_shown(number, hit))
    model = f", and {1e3 * (encoded - start):.0f} ms for the model" if mode != "text" else ""
    say(f"{len(hits)} of {index.manifest.passages:,} passages in {1e3 * (done - encoded):.0f} ms{model}")


def _shown(number: int, hit: Hit) -> str:
    return f"{number}. {_printed(hit.document)} [{hit.start}:{hit.end}]  {hit.score:.4f}\n{_body(hit)}\n"


def _body(hit: Hit) -> str:
    """A passage with its best sentence marked: bold on a terminal, else in double brackets."""
    start, stop = hit.sentence or (0, 0)
    begin, end = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("⟦", "⟧")
    before, inside, after = map(_printed, (hit.text[:start], hit.text[start:stop], hit.text[stop:]))
    text = f"{before}{begin}{inside}{end}{after}" if hit.sentence is not None else after
    return textwrap.fill(" ".join(text.split()), 110, initial_indent="   ", subsequent_indent="   ")


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
    documents, passages = counted(manifest.documents, "document"), counted(manifest.passages, "passage")
    print(f"{index.place}: {documents} in {passages}")
    print(
        f"{change.added:,} added, {change.replaced:,} replaced, {change.unchanged:,} unchanged, "
        f"{change.deleted:,} deleted; {counted(change.encoded, 'passage')} made"
    )
    for reason, count in change.dropped.items():
        names = [name for name, why in change.named if why == reason]
        more = " …" if len(names) > 5 else ""
        print(f"left out, {reason}: {count:,} ({', '.join(names[:5])}{more})")
    for (name, what), count in change.unkept.items():
        print(f"cannot be filtered by, {what}: {name} ({count:,} documents)")
    return status
