"""Rows of a table as texts to judge and labels, and as numbers to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled, list_of, missing_columns, number_of, text_of
from langue.data.records import is_blank
from langue.data.values import is_missing, label_name
from langue.errors import LangueError
from langue.tasks.classify.settings import ClassifySettings
from langue.tasks.framing import Framed, frame, framed_texts
from langue.text import Tokenizer


def encode(tokenizer: Tokenizer, rows: Sequence[Labelled], kind: str, context: int) -> list[Any]:
    """Framed token numbers of rows, as `Classify.encode` gives them."""
    if kind == "choice":
        return [_encode_choices(tokenizer, row, context) for row in rows]
    pairs = [texts_of_row(row) for row in rows]
    return framed_texts(tokenizer, [first for first, _ in pairs], [second for _, second in pairs], context)


def check_texts(row: Labelled, kind: str) -> None:
    """Refuse a row without the texts that are judged.

    Raises:
        LangueError: a column is missing or empty; names the place.
    """
    if kind != "choice":
        texts_of_row(row)
        return
    text_of(row, _first_of_choices(row))
    choices_of(row)


def _first_of_choices(row: Labelled) -> str:
    if "chosen" in row.values:
        return "prompt"
    return "sentence1" if "sentence1" in row.values else "text"


def _encode_choices(tokenizer: Tokenizer, row: Labelled, context: int) -> list[Framed]:
    first = tokenizer.encode(text_of(row, _first_of_choices(row)))
    return [frame(tokenizer, first, tokenizer.encode(choice), context) for choice in choices_of(row)]


def texts_of_choices(row: Labelled) -> list[str]:
    """The text of a row with choices, and these."""
    return [text_of(row, _first_of_choices(row)), *choices_of(row)]


def choices_of(row: Labelled) -> list[str]:
    """The choices of a row: a list in `choices`, or `choice1`, `choice2`, …; or `chosen` and `rejected`, of which the
    first is the right one.

    Raises:
        LangueError: there are none.
    """
    if "chosen" in row.values:
        return [text_of(row, "chosen"), text_of(row, "rejected")]
    choices = list_of(row.place, "choices", row.values.get("choices"))
    if choices is None:
        choices = [row.values[name] for name in sorted(row.values) if name.startswith("choice") and name[6:].isdigit()]
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        raise LangueError(f"{row.place}: there are no choices; give a list choices, or choice1, choice2, …")
    if any(is_missing(choice) for choice in choices):
        raise LangueError(f"{row.place}: one of the choices is empty")
    return [str(choice) for choice in choices]


def texts_of_row(row: Labelled) -> tuple[str, str | None]:
    """One text or two."""
    first, *second = (text_of(row, name) for name in _text_columns(row))
    return first, second[0] if second else None


def _text_columns(row: Labelled) -> tuple[str, ...]:
    """`text`, or `sentence1` and `sentence2`; `sentence` is taken for `text`, as SST-2's files call it."""
    if "sentence1" in row.values:
        return ("sentence1", "sentence2")
    return ("sentence",) if "text" not in row.values and "sentence" in row.values else ("text",)


def target_of(row: Labelled, settings: ClassifySettings) -> Any:
    """The label of a row as a number, of several labels as zeros and ones.

    Raises:
        LangueError: it is missing, of another kind, or none of the labels; names the place.
    """
    if settings.kind == "choice" and "chosen" in row.values:
        return 0
    label = label_of(row)
    if settings.kind == "number":
        return number_of(row.place, "label", label)
    if settings.kind == "choice":
        count, number = len(choices_of(row)), number_of(row.place, "label", label)
        if number != int(number) or not 0 <= number < count:
            raise LangueError(f"{row.place}: label should be the index of a choice, 0 to {count - 1}, got {label!r}")
        return int(number)
    if settings.kind == "labels":
        names = {_known(row.place, name, settings) for name in labels_of(row)}
        return [float(label in names) for label in settings.labels]
    return settings.labels.index(_known(row.place, one_label(row), settings))


def label_of(row: Labelled) -> Any:
    """The label as the table has it.

    Raises:
        LangueError: there is none; names the place.
    """
    if "label" not in row.values:
        raise missing_columns(row.place, (*_text_columns(row), "label"), row.values)
    label = row.values["label"]
    if is_missing(label) or (isinstance(label, str) and (is_blank(label) or label in ("NaN", "nan"))):
        raise LangueError(f"{row.place}: label is empty")
    return label


def one_label(row: Labelled) -> str:
    """The label of a row that has one.

    Raises:
        LangueError: there is none, or several; names the place.
    """
    label = list_of(row.place, "label", label_of(row))
    if isinstance(label, list | tuple | Mapping):
        raise LangueError(f"{row.place}: label should be one label, got {label!r:.60}; for several, kind is labels")
    return label_name(label)


def labels_of(row: Labelled) -> list[str]:
    """Several labels: a list, or text in which | stands between them.

    Raises:
        LangueError: the column or one of its labels is missing; names the place.
    """
    labels = list_of(row.place, "label", label_of(row))
    if isinstance(labels, str):
        return [part.strip() for part in labels.split("|") if part.strip()]
    labels = labels if isinstance(labels, list | tuple) else [labels]
    if any(is_missing(label) or label == "" for label in labels):
        raise LangueError(f"{row.place}: one of the labels is empty")
    return [label_name(label) for label in labels]


def _known(place: str, label: str, settings: ClassifySettings) -> str:
    if label not in settings.labels:
        known = ", ".join(settings.labels[:20])
        raise LangueError(f"{place}: there is no label {label!r}; known are {known}")
    return label


def encoded_examples(
    tokenizer: Tokenizer, rows: Sequence[Labelled], settings: ClassifySettings, context: int
) -> list[EncodedExample]:
    """Rows to learn from, as numbers.

    Raises:
        LangueError: a text or a label is missing or wrong; names the place.
    """
    targets = [target_of(row, settings) for row in rows]
    framed = encode(tokenizer, rows, settings.kind, context)
    if settings.kind != "choice":
        return [EncodedExample(ids, segments, target) for (ids, segments), target in zip(framed, targets, strict=True)]
    return [
        EncodedExample([ids for ids, _ in row], [segments for _, segments in row], target)
        for row, target in zip(framed, targets, strict=True)
    ]
