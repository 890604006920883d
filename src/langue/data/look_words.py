"""A look at data in sentences, which `langue data look` prints and `langue train` begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from langue.data.columns import Column, spread
from langue.data.look import STRICT, Look
from langue.wording import counted, duration, short

SHOWN_LABELS = 6
"""Labels that are named in a line; the others are counted."""

RARE = 0.01
"""The share below which a language is not told, since the telling errs as often."""

LEARNS: Mapping[str, str] = {
    "generate": "to go on with such texts",
    "fill": "to fill gaps in such texts",
    "classify": "to tell the label of a text",
    "answer": "to find answers in texts",
    "tag": "to label the words of a text",
    "translate": "to write the target of a source",
    "summarize": "to tell a text in short",
    "transcribe": "to write down what is said",
    "embed": "vectors that lie near where texts belong together",
    "chat": "to answer as the assistant does",
    "prefer": "which of two texts is preferred",
}
"""Completions of "a model learns", by task."""


def headline(seen: Look) -> str:
    """One line: the amount of data, the columns, and the task."""
    name = seen.names[0] if len(seen.names) == 1 else f"{seen.names[0]} and {len(seen.names) - 1} more"
    return f"{name}: {'; '.join([_amount(seen), *_reading(seen)])}"


def _amount(seen: Look) -> str:
    most = "" if seen.whole else "the first "
    files = f" in {seen.files:,} files" if seen.files > 1 and seen.kind == "text" else ""
    if seen.kind == "text":
        return f"{most}{short(seen.characters)} characters of text, {len(seen.letters):,} different ones{files}"
    sound = f", {duration(seen.seconds)} of sound" if seen.seconds else ""
    return f"{most}{seen.rows:,} rows{sound}"


def _reading(seen: Look) -> Iterator[str]:
    layout = seen.layout
    if layout is None:
        return
    if seen.kind != "text":
        yield ", ".join(f"{ours} from column {theirs}" for ours, theirs in layout.columns.items())
    if layout.label is not None and seen.has(layout.label) and (column := seen.column(layout.label)).kind == "label":
        yield f"labels {labels(column)}"
    yield f"task {layout.task}: a model learns {LEARNS.get(layout.task, 'by them')}"


def labels(column: Column) -> str:
    """The labels of a column with their shares, the most frequent first."""
    most = column.counts.most_common(SHOWN_LABELS)
    shown = ", ".join(f"{label} {100 * count / column.filled:.1f} %" for label, count in most)
    rest = len(column.counts) - len(most)
    return f"{shown} and {rest:,} more" if rest else shown


def lengths(column: Column) -> str:
    """The lengths of a column's texts or lists."""
    if column.items:
        items = spread(column.items)
        return f"lists of {items['least']:,} to {items['greatest']:,} items, half of them up to {items['median']:,}"
    if not column.characters:
        return f"{column.least:g} to {column.greatest:g}" if column.least <= column.greatest else ""
    words, characters = spread(column.words), spread(column.characters)
    return (
        f"{words['least']:,} to {words['greatest']:,} words, half of them up to {words['median']:,} and 95 % up to "
        f"{words['most']:,}; {characters['least']:,} to {characters['greatest']:,} characters, half of them up to "
        f"{characters['median']:,}"
    )


KINDS: Mapping[str, str] = {
    "text": "texts",
    "name": "names or numbers of rows",
    "number": "numbers",
    "list": "lists",
    "messages": "messages",
    "recording": "recordings",
    "nothing": "empty",
}
"""Columns of a kind, in a word or two."""


def column_line(seen: Look, column: Column, *, shares: bool = True) -> str:
    """One line about a column: what it holds, how long it is or which labels, and how much of it is missing."""
    missing = seen.rows - column.filled
    if column.kind == "label":
        what = "label" if seen.layout is not None and column.name == seen.layout.label else "value"
        line = counted(column.different, what) + (f": {labels(column)}" if shares else "")
    elif column.kind in ("name", "recording", "nothing"):
        different = "always the same" if column.different == 1 else f"{column.different:,} different ones"
        line = f"{KINDS[column.kind]}, {different}"
    else:
        line = f"{KINDS[column.kind]}, {lengths(column)}".rstrip(", ")
    return f"{line}; missing in {_rows(seen, missing)}" if missing > 0 else line


def warnings(seen: Look) -> list[str]:
    """Sentences about what may be amiss, the worst first."""
    return [*([seen.problem] if seen.problem else []), *_losses(seen), *_repetitions(seen), *_oddities(seen)]


def _losses(seen: Look) -> Iterator[str]:
    strict = seen.task in STRICT
    for reason, count in seen.left_out.records.most_common():
        first = seen.left_out.first[reason]
        place = f"{first.origin}, line {first.number:,}" if first.number else first.origin
        fate = "a training stops at it" if strict else "left out"
        yield f"{fate}: {_rows(seen, count)}, {reason} (the first: {place})"


def _repetitions(seen: Look) -> Iterator[str]:
    if seen.repeated:
        share = 100 * seen.repeated / seen.rows
        other = f", {seen.contradicted:,} of them with another label" if seen.contradicted else ""
        yield f"duplicates: {_rows(seen, seen.repeated)} ({share:.1f} %) whose text came before{other}"


def _oddities(seen: Look) -> Iterator[str]:
    for name, (count, first) in sorted(seen.odd.items(), key=lambda pair: -pair[1][0]):
        yield f"odd: {_rows(seen, count)} with {name} (the first: {first})"


def _rows(seen: Look, count: int) -> str:
    return counted(count, "line" if seen.kind == "text" else "row")


def languages(seen: Look) -> str:
    """The languages of the texts in one line."""
    shares = seen.languages()
    if shares is None:
        return "languages: not told, which needs py3langid: pip install 'langue[clean]' adds it"
    parts = [
        (f"{name} " if len(shares) > 1 else "")
        + ", ".join(
            f"{code} {100 * share:.0f} %" for code, share in list(codes.items())[:SHOWN_LABELS] if share >= RARE
        )
        for name, codes in shares.items()
    ]
    return f"languages: {'; '.join(parts) or 'no texts long enough to tell them by'}"
