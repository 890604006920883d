"""Layouts: the task that a table is for, and its names of the columns that the task reads.

Names come first, then what stands in the columns. `LAYOUTS` has a line for each way in which people publish rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from langue.data.columns import Column
from langue.errors import LangueError, either, listed


class LayoutKind(NamedTuple):
    """A task, the columns by which its rows are known, and settings that follow, by dotted name."""

    task: str
    columns: tuple[str, ...]
    fields: Mapping[str, str] = {}


LAYOUTS = (
    LayoutKind("prefer", ("prompt", "chosen", "rejected")),
    LayoutKind("prefer", ("prompt", "text", "score")),
    LayoutKind("chat", ("messages",)),
    LayoutKind("chat", ("conversations",)),
    LayoutKind("chat", ("instruction", "output")),
    LayoutKind("answer", ("question", "context", "answers")),
    LayoutKind("answer", ("question", "context", "answer")),
    LayoutKind("classify", ("text", "choices", "label"), {"classify.kind": "choice"}),
    LayoutKind("tag", ("tokens", "tags")),
    LayoutKind("transcribe", ("audio", "text")),
    LayoutKind("embed", ("anchor", "positive")),
    LayoutKind("classify", ("sentence1", "sentence2", "label")),
    LayoutKind("embed", ("sentence1", "sentence2", "score")),
    LayoutKind("chat", ("prompt", "completion")),
    LayoutKind("translate", ("source", "target")),
    LayoutKind("summarize", ("text", "summary")),
    LayoutKind("classify", ("text", "label")),
    LayoutKind("classify", ("text", "score"), {"classify.kind": "number"}),
)
"""The layouts that are known by name, the first that fits."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "text": ("sentence", "review", "content", "body", "comment", "message", "tweet", "post", "claim", "utterance",
             "description", "document", "article", "headline", "title", "transcript", "transcription", "question"),
    "label": ("labels", "class", "category", "sentiment", "verdict", "intent", "topic", "emotion", "polarity", "stars",
              "rating", "target", "outcome", "decision", "answer"),
    "score": ("rating", "stars", "similarity", "similarity_score", "value"),
    "source": ("src", "input", "original"),
    "target": ("tgt", "translation", "output"),
    "summary": ("highlights", "abstract", "tldr"),
    "audio": ("path", "file", "recording", "wav", "clip", "filename", "file_name", "audio_path"),
    "prompt": ("question", "query"),
    "completion": ("answer", "response", "reply"),
    "question": ("query",),
    "context": ("passage", "paragraph"),
    "choices": ("options",),
    "tokens": ("words",),
    "tags": ("ner_tags", "labels", "pos_tags"),
    "anchor": ("query",),
    "positive": ("passage", "document", "pos"),
    "sentence1": ("premise", "text1", "question1", "text_a", "sentence_a", "question"),
    "sentence2": ("hypothesis", "text2", "question2", "text_b", "sentence_b", "passage"),
}  # fmt: skip
"""Other names of columns, the most usual first."""

ASIDE = frozenset(
    [
        *("id", "idx", "index", "row", "number", "uid", "key", "url", "link", "date", "time", "timestamp", "year"),
        *("lang", "language", "locale", "source", "domain", "split", "fold", "meta", "metadata", "author", "user"),
        *("speaker", "license", "licence", "version"),
    ]
)
"""Columns that say something about a row, and are no label that somebody wants to learn unless he says so."""

SHORTER = 3
"""Times as long as its summary that a text is at least; translations are about as long as what they translate."""

FEW_LABELS, MANY_ROWS = 4, 20
"""So few labels may be as many as rows, and in so many rows half as many would be no labels."""

_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,8})?")


@dataclass(frozen=True)
class TableLayout:
    """A table's task and columns.

    Attributes:
        task: the task that learns from it.
        columns: by Langue's name, the table's.
        fields: settings of the recipe that follow, by dotted name.
        others: by Langue's name, columns that might be meant as well.
    """

    task: str
    columns: Mapping[str, str]
    fields: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """The columns that the table calls otherwise."""
        return {ours: theirs for ours, theirs in self.columns.items() if ours != theirs}

    @property
    def label(self) -> str | None:
        """The table's name of the column that holds labels."""
        return self.columns.get("label")

    @property
    def texts(self) -> tuple[str, ...]:
        """The table's names of the columns that hold texts."""
        return tuple(theirs for ours, theirs in self.columns.items() if ours not in ("label", "score", "audio"))


def layout_of(
    columns: Sequence[Column], where: str, chosen: Mapping[str, str] | None = None, task: str | None = None
) -> TableLayout:
    """The layout of a table.

    Args:
        columns: of the table, with what stands in them.
        where: the table, as errors call it.
        chosen: by Langue's name, the columns that somebody has named.
        task: the task, where somebody has named it.

    Raises:
        LangueError: nothing can be learnt from such columns, or the label is a text.
    """
    table, chosen = {column.name: column for column in columns}, chosen or {}
    missing = [theirs for theirs in chosen.values() if theirs not in table]
    if missing:
        raise LangueError(f"{where} has no column {missing[0]}; it has {listed(table)}")
    if task in (None, "classify") and "label" in chosen:
        _refuse_text_as_label(table, chosen["label"], where)
    fitting = (_by_name(kind, table, chosen) for kind in LAYOUTS if task in (None, kind.task))
    layout = next((one for one in fitting if one is not None), None) or _by_content(table, where, chosen, task)
    if layout.task == "classify" and layout.label is not None:
        _refuse_text_as_label(table, layout.label, where)
    return layout


def _by_name(kind: LayoutKind, table: Mapping[str, Column], chosen: Mapping[str, str]) -> TableLayout | None:
    """The layout of a kind, where the table has all its columns and those that somebody has named are among them."""
    if not chosen.keys() <= set(kind.columns):
        return None
    taken: dict[str, str] = {}
    for ours in kind.columns:
        theirs = chosen.get(ours) or _named(ours, table, taken.values())
        if theirs is None:
            return None
        taken[ours] = theirs
    label = table[taken["label"]] if "label" in taken else None
    return TableLayout(kind.task, taken, {**kind.fields, **_answer_kind(kind, label)})


def _named(ours: str, table: Mapping[str, Column], taken: Any) -> str | None:
    """The column that bears a name or one that means the same; of another name it must hold what it should."""
    lower = {name.lower().strip(): name for name in reversed(list(table)) if name not in taken}
    if ours in lower and not (ours == "answer" and table[lower[ours]].are_truths):
        return lower[ours]
    return next(
        (lower[name] for name in NAMES.get(ours, ()) if name in lower and _fits(ours, table[lower[name]])), None
    )


def _fits(ours: str, column: Column) -> bool:
    """True for a column that holds what one of Langue's should."""
    kinds = {"label": ("label", "list"), "audio": ("recording",), "choices": ("list",), "tags": ("list",)}
    if ours == "score":
        return column.are_numbers
    if ours in ("text", "context"):
        return column.kind == "text"
    return column.kind in kinds[ours] if ours in kinds else column.are_strings or column.kind == "list"


def _answer_kind(kind: LayoutKind, label: Column | None) -> dict[str, str]:
    """The kind of answer that a column of labels asks for, where it is not one label."""
    if label is None or kind.task != "classify" or "classify.kind" in kind.fields:
        return {}
    if label.are_lists:
        return {"classify.kind": "labels"}
    return {"classify.kind": "number"} if label.are_numbers else {}


def _by_content(table: Mapping[str, Column], where: str, chosen: Mapping[str, str], task: str | None) -> TableLayout:
    """The layout by what stands in the columns.

    Raises:
        LangueError: there is no column of texts.
    """
    texts = _ranked(table, "text", chosen)
    sounds = [name for name, column in table.items() if column.kind == "recording"]
    if task in (None, "transcribe") and sounds and (texts or _strings(table, sounds)):
        transcripts = texts or _strings(table, sounds)
        return TableLayout(
            "transcribe", {"audio": sounds[0], "text": transcripts[0]}, others=_others(text=transcripts[1:])
        )
    if not texts:
        raise LangueError(
            f"{where} has no column of texts to learn from; it has {listed(table)}; say which is which, as in "
            f"--data.columns '{{text: {next(iter(table), 'NAME')}}}'"
        )
    spoken = [name for name in texts if _LANGUAGE.fullmatch(name)]
    if task in (None, "translate") and len(spoken) == 2:
        return TableLayout(
            "translate", dict(zip(("source", "target"), sorted(spoken, key=list(table).index), strict=True))
        )
    labels = _ranked(table, "label", chosen)
    if task in (None, "classify") and labels:
        wanted = {"text": texts[0], "label": labels[0]}
        kind = _answer_kind(LayoutKind("classify", ()), table[labels[0]])
        return TableLayout("classify", wanted, kind, _others(text=texts[1:], label=labels[1:]))
    if task in ("translate", "summarize") or (task is None and len(texts) == 2 and "text" not in table):
        return _pair(table, sorted(texts[:2], key=list(table).index), task, where)
    return TableLayout(task or "generate", {"text": texts[0]}, others=_others(text=texts[1:]))


def _ranked(table: Mapping[str, Column], ours: str, chosen: Mapping[str, str]) -> list[str]:
    """Columns that may be texts or labels: the one that is named so, then the longest texts, or the fewest labels."""
    if ours in chosen:
        return [chosen[ours]]
    rest = {name: column for name, column in table.items() if name not in chosen.values()}
    named = _named(ours, rest, ())
    if ours == "text":
        fitting = [name for name, column in rest.items() if column.kind == "text"]
        fitting.sort(key=lambda name: -median(table[name].characters))
    else:
        fitting = [
            name
            for name, column in reversed(rest.items())
            if column.kind == "label" and column.different > 1 and name.lower() not in ASIDE
        ]
        fitting.sort(key=lambda name: table[name].different)
    return list(dict.fromkeys([*([named] if named in fitting else []), *fitting]))


def _strings(table: Mapping[str, Column], taken: Sequence[str]) -> list[str]:
    """Columns of short texts, such as single words that are said."""
    fitting = (name for name, column in table.items() if column.are_strings and name not in taken)
    return sorted(fitting, key=lambda name: name.lower() in ASIDE)


def _others(**names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {ours: tuple(theirs) for ours, theirs in names.items() if theirs}


def _pair(table: Mapping[str, Column], texts: Sequence[str], task: str | None, where: str) -> TableLayout:
    """Two columns of texts: a summary is much shorter than its text, a translation is not."""
    if len(texts) < 2:
        raise LangueError(f"{where} has one column of texts, {texts[0]}, and {task} learns from two")
    first, second = texts
    long, short = (median(table[name].characters) for name in texts)
    if task == "summarize" or (task is None and long >= SHORTER * short):
        return TableLayout("summarize", {"text": first, "summary": second})
    return TableLayout("translate", {"source": first, "target": second})


def _refuse_text_as_label(table: Mapping[str, Column], name: str, where: str) -> None:
    """Refuse labels of which there are as many as rows.

    Raises:
        LangueError: names the columns that may hold labels.
    """
    column = table[name]
    if not (column.are_lists or column.are_numbers) and are_texts(column.different, column.filled):
        raise too_many_labels(where, name, column.different, column.filled, _ranked(table, "label", {}))


def are_texts(different: int, rows: int) -> bool:
    """True for so many different values in so many rows that they can be no labels: as many, or of many rows a half."""
    return different > FEW_LABELS and (different == rows or (rows >= MANY_ROWS and 2 * different > rows))


def too_many_labels(where: str, name: str, different: int, rows: int, better: Sequence[str] = ()) -> LangueError:
    """The error of a column of labels that is a text."""
    which = f"{either(better)} may be meant" if better else "name the column that holds labels"
    example = better[0] if better else "NAME"
    return LangueError(
        f"{where}: the column {name} has {different:,} different values in {rows:,} rows, so it is a text and no "
        f"label; {which}: --data.columns '{{label: {example}}}'"
    )


def looks_headless(columns: Sequence[Column]) -> str:
    """The name of a column that is no name but a text, as the first line of a table without a header gives; or ""."""
    return next((column.name for column in columns if len(column.name.split()) > 3 or len(column.name) > 60), "")
