"""Pairs of texts: a source, and what is to be made of it, such as its translation or its summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from langue.data.labelled import missing_columns
from langue.data.lines import read_lines
from langue.data.order import set_aside
from langue.data.records import Dropped, excerpt, is_blank
from langue.data.settings import Aligned, PairDataSettings
from langue.data.sources import Origin, find_sources
from langue.data.tables import rows
from langue.data.tally import EMPTY, Option, Tally
from langue.errors import LangueError

LANGUAGE, TAG = "target_language", "tag"
"""Columns whose values the model is told before the source."""


class Pair(NamedTuple):
    """One pair."""

    source: str
    target: str
    tags: tuple[str, ...]
    """The language to translate into, or what else a row says of itself, which the model gets before the source."""
    corpus: int
    """The number of its source in a mix."""
    place: str
    number: int
    size: int
    target_place: str | None = None
    """The file of the target, where the source stands in another."""


def read_pairs(data: PairDataSettings, split: str, columns: tuple[str, str]) -> Iterator[Pair | Dropped]:
    """The pairs of "train", "dev" or "test", and what could not be read; nothing where the settings name nothing.

    Where dev is a share, those pairs are set aside from all over the training data, the same for every seed.

    Args:
        data: where they are.
        split: which of them.
        columns: what a table calls the source and the target, unless the settings say otherwise.

    Raises:
        LangueError: a source cannot be read, has no such column, or two aligned files differ in length.
    """
    if not isinstance(data.dev, float) or split == "test":
        yield from read_any_pairs(getattr(data, split), data, columns)
        return
    events = list(read_any_pairs(data.train, data, columns))
    aside = set_aside(sum(isinstance(event, Pair) for event in events), data.dev)
    numbers = count()
    for event in events:
        if isinstance(event, Dropped):
            if split == "train":
                yield event
        elif (next(numbers) in aside) == (split == "dev"):
            yield event


def read_any_pairs(source: Any, data: PairDataSettings, columns: tuple[str, str]) -> Iterator[Pair | Dropped]:
    """The pairs of one source of any kind, none of None; see `read_pairs`."""
    if source is None:
        return
    if isinstance(source, Aligned):
        yield from _aligned(source, data)
        return
    for corpus, member in enumerate(source if isinstance(source, dict) else [source]):
        for origin in find_sources(member):
            yield from _table(origin, data, columns, corpus)


def _table(origin: Origin, data: PairDataSettings, columns: tuple[str, str], corpus: int) -> Iterator[Pair | Dropped]:
    if origin.kind in ("text", "embedded"):
        raise LangueError(
            f"{origin.name} is no table of pairs; give csv, tsv, jsonl or parquet with the columns {columns[0]} and "
            f"{columns[1]}, or two files line by line: {{source: FILE, target: FILE}}"
        )
    names = [data.columns.get(name, name) for name in columns]
    for row in rows(origin, data.max_line_bytes):
        if isinstance(row, Dropped):
            yield row
            continue
        if any(name not in row.values for name in names):
            named = dict(zip(columns, names, strict=True)) if data.columns else columns
            raise missing_columns(f"{origin.name}, row {row.number}", named, row.values)
        texts = [row.values[name] for name in names]
        size = row.size or 0
        if not all(isinstance(text, str) for text in texts):
            yield Dropped("no text", origin.name, row.number, size, str(texts)[:100])
            continue
        tags = tuple(str(row.values[name]) for name in (LANGUAGE, TAG) if row.values.get(name))
        yield Pair(texts[0], texts[1], tags or _usual(data), corpus, origin.name, row.number, size)


def _aligned(files: Aligned, data: PairDataSettings) -> Iterator[Pair | Dropped]:
    paths = [Path(name).expanduser() for name in (files.source, files.target)]
    sides = [read_lines(path, data.max_line_bytes) for path in paths]
    for number, (left, right) in enumerate(zip_longest(*sides), 1):
        if left is None or right is None:
            ended, longer = paths if left is None else paths[::-1]
            raise LangueError(f"{longer} has more lines than {ended}, which ends after line {number - 1}")
        if isinstance(left, Dropped):
            yield left
        elif isinstance(right, Dropped):
            yield right
        else:
            size = left.size + right.size
            yield Pair(left.text, right.text, _usual(data), 0, str(paths[0]), number, size, str(paths[1]))


def _usual(data: PairDataSettings) -> tuple[str, ...]:
    return () if data.pairs.tag is None else (data.pairs.tag,)


def without_empty(pairs: Iterable[Pair | Dropped], *, duplicates: bool) -> Iterator[Pair | Dropped]:
    """The same; pairs with an empty side, and on demand those that came before, become what is dropped."""
    seen: set[int] = set()
    for pair in pairs:
        if isinstance(pair, Dropped):
            yield pair
            continue
        # Hashes instead of texts: eight bytes for each pair, however long it is.
        key = hash((pair.source, pair.target, pair.tags))
        blank = is_blank(pair.source), is_blank(pair.target)
        if any(blank):
            yield dropped(pair, EMPTY if all(blank) else "one side empty")
        elif not duplicates and key in seen:
            yield dropped(pair, "duplicate")
        else:
            if not duplicates:
                seen.add(key)
            yield pair


def valid_pairs(
    pairs: Iterable[Pair | Dropped], names: Any, data: PairDataSettings, option: Option, tally: Tally
) -> list[Pair]:
    """The pairs with two sides to measure by; the tally gets what is left out.

    Raises:
        LangueError: too much would be left out; see `Tally.check`.
    """
    kept = list(tally.sift(without_empty(pairs, duplicates=True)))
    for pair in kept:
        tally.keep(pair.size)
    tally.check([str(names)], data.max_dropped, option)
    return kept


def dropped(pair: Pair, reason: str) -> Dropped:
    """A pair that is left out."""
    return Dropped(reason, pair.place, pair.number, pair.size, excerpt(f"{pair.source}\t{pair.target}".encode()))
