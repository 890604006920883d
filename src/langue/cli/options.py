"""Options that several verbs have in common, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.settings import Settings

Flag = Annotated[bool, Parameter(negative="")]
Several = Annotated[tuple[str, ...], Parameter(negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="")]

ModelFolder = Annotated[Path, Parameter(help="A run folder, a checkpoint, or a model's folder with its tokenizer.")]
Device = Annotated[str, Parameter(help="cpu, cuda, …")]
Special = Annotated[
    bool,
    Parameter(
        negative="",
        help="Let the names of special tokens in a text be these tokens, as they are to Transformers; otherwise they "
        "are text like any other.",
    ),
]
Changes = Annotated[
    tuple[str, ...],
    Parameter(name="--set", negative="", help="Another way to give a field of the recipe: section.field=VALUE."),
]


def chosen(options: Settings) -> dict[str, Any]:
    """The options that the command line sets, by name; the others are left to the task that they belong to."""
    return options.model_dump(exclude_unset=True)


@Parameter(name="*", negative="")
class ReadOptions(Settings):
    """Bounds of what may be left out of data."""

    max_line_bytes: int | None = None
    """Longer lines are left out, and where labels or recordings stand in them refused; by default a MiB, or as in
    training."""
    max_dropped: float | None = None
    """The share of records, or of their bytes, that may be left out for their faults; by default 0.05, or as in
    training."""


class TableOptions(ReadOptions):
    """The way in which labelled rows or pairs are read."""

    columns: str | None = None
    """A table's names of the columns that the model was trained to read, such as '{text: review, label: stars}'; by
    default as in training."""
