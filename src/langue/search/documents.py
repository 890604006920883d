"""Documents to be found: text, pages of many kinds and rows of tables, each with a name and what is known about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from langue.data.benchmarks.beir import CORPUS, QUERIES
from langue.data.documents import read_events
from langue.data.folders import of_kinds, walk
from langue.data.lines import UnreadableFile
from langue.data.records import Dropped, is_blank, lack_of_text, left_out
from langue.data.settings import ReadSettings
from langue.data.sources import CODE, TABLES, TEXT, DataSource, Origin, find_sources
from langue.data.tables import rows
from langue.errors import listed
from langue.pages.kinds import KINDS, MAIN_TEXT, PAGES, SCAN, PageKind
from langue.pages.page import MissingReader, Page, PageError
from langue.pages.reader import PageReader, clean
from langue.search.fields import METADATA_CHARACTERS, WITHOUT_TYPES, FieldRecord, kinds_of_columns, known_about
from langue.search.settings import IndexSettings
from langue.search.values import Kind, as_date

PATIENCE = 8
"""Times the time and memory of other pages that a scan may take: models look at it."""

_IDS = ("_id",)


class _NoColumn(UnreadableFile):
    """A table has no column that could hold the text."""


class Document(NamedTuple):
    """A text that can be found."""

    id: str
    """Its name: a file, `FILE#page=3` of a PDF, `FILE#slide=3` and the like, or what a table's row is called."""
    text: str
    source: str
    """The file or the name that it came from."""
    metadata: Mapping[str, Any]
    """Texts, numbers, truth values and dates by name, or lists of them; `source` is among them."""
    unkept: tuple[tuple[str, str], ...] = ()
    """Columns that no condition can be about, each with what its value is."""

    def digest(self) -> str:
        """Fingerprint of all of it: 128 bits of SHA-256."""
        known = json.dumps([self.text, self.source, dict(self.metadata)], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_documents(
    sources: DataSource, settings: IndexSettings, known: Mapping[str, FieldRecord] | None = None
) -> Iterator[Document | Dropped]:
    """All documents of any sources in order, and what had to be left out where it stood.

    Of a folder of many, one file that is not what its name says is no reason to read none.

    Args:
        sources: files (txt, md, rst, html, pdf, docx, pptx, xlsx, epub, eml, source code, jsonl, csv, tsv, parquet),
            globs, folders, `hf:` names, "embedded", a list of them, or an iterable of rows or texts. Of a folder in
            BEIR's layout, its corpus.
        settings: what is a document.
        known: the fields of an index that is there.

    Raises:
        LangueError: a source does not exist, or holds nothing that is read.
    """
    sources = [_corpus(name) for name in sources] if isinstance(sources, list | tuple) else _corpus(sources)
    sources, passed = _readable(sources)
    return _documents_of(find_sources(sources, (*PAGES, *CODE), passed), passed, settings, known or {})


def readable_files(folder: Path) -> list[Path]:
    """The files of a folder and of those below it of which documents are read, in the order of their names."""
    return of_kinds(walk(folder)[0], (*TEXT, *TABLES, *PAGES, *CODE))[0]


def _readable(sources: DataSource) -> tuple[DataSource, list[Dropped]]:
    """Leave out files of kinds that nobody reads, and count them, unless there are no others."""
    names = sources if isinstance(sources, list | tuple) else []
    others = [name for name in names if isinstance(name, str | Path) and _is_unknown(Path(name).expanduser())]
    if len(others) == len(names):
        return sources, []
    unread = [Dropped("unknown kind of file", str(name), 1, 0, "") for name in others]
    return [name for name in names if name not in others], unread


def _is_unknown(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() not in ("", *TEXT, *TABLES, *PAGES, *CODE)


def _corpus(source: Any) -> Any:
    """The documents of a folder in BEIR's layout, without the questions; anything else as it is."""
    folder = Path(source).expanduser() if isinstance(source, str | Path) else None
    is_beir = folder is not None and all((folder / name).is_file() for name in (CORPUS, QUERIES))
    return folder / CORPUS if folder is not None and is_beir else source


def _documents_of(
    origins: Sequence[Origin], passed: Sequence[Dropped], settings: IndexSettings, known: Mapping[str, FieldRecord]
) -> Iterator[Document | Dropped]:
    yield from passed
    kinds = kinds_of_columns(origins, settings.max_line_bytes, known)
    with PageReader(PATIENCE if settings.scans else 1) as reader:
        for origin in origins:
            try:
                yield from _of(origin, settings, reader, kinds)
            except UnreadableFile as error:
                if len(origins) == 1:
                    raise
                # The sentence tells the rest; what is counted together has to have one name.
                lacks = f"no column {settings.text!r} (--text names another)"
                reason = lacks if isinstance(error, _NoColumn) else "unreadable file"
                yield Dropped(reason, origin.name, 1, origin.size, str(error))
            except MissingReader as error:
                if len(origins) == 1:
                    raise
                yield Dropped(error.reason, origin.name, 1, origin.size, str(error))


def _of(
    origin: Origin, settings: IndexSettings, reader: PageReader, kinds: Mapping[str, Kind]
) -> Iterator[Document | Dropped]:
    if origin.kind in ("text", "embedded"):
        return _texts(origin, settings)
    if origin.kind in KINDS:
        return _pages(origin, settings, reader)
    return _rows(origin, settings, kinds if origin.kind in WITHOUT_TYPES else None)


def _texts(origin: Origin, settings: IndexSettings) -> Iterator[Document | Dropped]:
    """A text file as one document, or each of its lines or paragraphs as one, called FILE#1, FILE#2, …"""
    whole = origin.kind == "text" and settings.documents == "file"
    reading = ReadSettings(documents=settings.documents, max_line_bytes=settings.max_line_bytes)
    number, parts = 0, []
    for event in read_events([origin], reading):
        if isinstance(event, Dropped):
            yield event
            continue
        parts.append(event.text)
        if event.ends:
            number += 1
            name = origin.name if whole else f"{origin.name}#{number}"
            yield Document(name, "".join(parts), origin.name, {"source": origin.name})
            parts = []


def _pages(origin: Origin, settings: IndexSettings, reader: PageReader) -> Iterator[Document | Dropped]:
    """Each page of a file as a document, so that a reader can be led to it; scans are recognized where that is set."""
    has_text = False
    try:
        for kind in _ways(origin.kind, settings):
            for page in reader.read(origin.file, kind):
                if not is_blank(page.text):
                    has_text = True
                    yield _page(page, origin.name)
            if has_text:
                return
    except PageError as error:
        yield Dropped(str(error), origin.name, 1, origin.size, "")
        return
    yield Dropped("empty", origin.name, 1, origin.size, "")


def _ways(kind: str, settings: IndexSettings) -> Iterator[PageKind]:
    """The ways to read a file, each for those in which the one before it sees no text."""
    usual = KINDS[kind]
    yield MAIN_TEXT if settings.web == "main" and usual == KINDS["html"] else usual
    if settings.scans and usual.name == SCAN.name:
        yield SCAN


def _page(page: Page, name: str) -> Document:
    known = {fact: as_date(str(value)) if fact == "sent" else value for fact, value in page.known.items()}
    known = {fact: value for fact, value in known.items() if value is not None}
    return Document(f"{name}#{page.place}" if page.place else name, page.text, name, {"source": name, **known})


def _rows(origin: Origin, settings: IndexSettings, kinds: Mapping[str, Kind] | None) -> Iterator[Document | Dropped]:
    own = (settings.text, settings.id, *_IDS)
    longest, is_first = METADATA_CHARACTERS if settings.metadata is None else None, True
    for row in rows(origin, settings.max_line_bytes):
        if isinstance(row, Dropped):
            yield row
            continue
        if settings.text not in row.values and is_first and origin.kind != "jsonl":  # whose rows need not be alike
            raise _NoColumn(
                f"{origin.name} has no column {settings.text!r}; it has {listed(row.values)}; name the one that holds "
                f"the text, as in --text {next(iter(row.values), 'NAME')} of langue index build"
            )
        is_first = False
        text = row.values.get(settings.text)
        title = row.values.get(settings.title)
        if isinstance(text, str) and isinstance(title, str) and title.strip():
            text = f"{title.strip()}\n\n{text}"
        fault = lack_of_text(text) or ("" if clean(str(text)) == text else "NUL byte or half of a surrogate pair")
        if fault:
            yield left_out(fault, text, origin.name, row)
            continue
        assert isinstance(text, str)
        ids = (row.values.get(column) for column in (settings.id, *_IDS))
        name = next((clean(str(value)) for value in ids if value not in (None, "")), f"{origin.name}#{row.number}")
        others = [column for column in row.values if column not in own]
        columns = others if settings.metadata is None else settings.metadata
        known, unkept = known_about(row.values, columns, kinds, longest=longest)
        yield Document(name, text, origin.name, {"source": origin.name, **known}, tuple(unkept))
