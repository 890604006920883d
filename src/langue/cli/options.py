"""Options that several verbs have in common, each with its help."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field

from langue.data.settings import ReadSettings, Unit
from langue.errors import LangueError, as_option
from langue.evaluation.measurement import MeasureSettings
from langue.settings import Settings

Flag = Annotated[bool, Parameter(negative="")]
Several = Annotated[tuple[str, ...], Parameter(negative="")]
AtLeastOne = Annotated[str, Parameter(required=True)]
"""Texts behind the verb, anywhere among the options."""
Json = Annotated[bool, Parameter(name="--json", negative="")]

ModelFolder = Annotated[
    Path,
    Parameter(help="A run folder, a checkpoint, a model's folder with its tokenizer, hf:OWNER/NAME or package:NAME."),
]
Adapter = Annotated[
    Path | None,
    Parameter(
        help="The adapters that the model is used with: a run that trained some, or a folder of PEFT's; a run whose "
        "base is where it was needs no more than its own name."
    ),
]
Weights = Annotated[
    Literal["widen", "keep"],
    Parameter(
        help="What becomes of a GGUF file's packed matrices: keep uses them in the file's own bits, in a fraction of "
        "the memory; widen unpacks them once, so that much text is read faster."
    ),
]
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


def refuse_options(options: Mapping[str, bool], need: str) -> None:
    """Refuse options that have no say where something is not as they need it.

    Args:
        options: by name, those that differ from what they are by default.
        need: the end of the sentence, behind "--column is for".

    Raises:
        LangueError: names all of them.
    """
    names = [as_option(name) for name, differs in options.items() if differs]
    if names:
        raise LangueError(f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} for {need}")


NO_OPTION = Parameter(parse=False)
"""Mark of a setting that the command line has no option for: one of other models, of trainings, or of a verb's own."""

AS_TRAINED = Parameter(show_default="{}, or as in training".format)
"""Mark of a setting whose default is that of a training, where there was one."""


Columns = Annotated[
    str | None,
    Parameter(
        help="A table's names of the columns that the model was trained to read, such as '{text: review, label: "
        "stars}'; by default as in training."
    ),
]


@Parameter(name="*", negative="")
class BoundOptions(ReadSettings):
    """Bounds of what may be left out of the data that a model is measured on."""

    documents: Annotated[Unit, NO_OPTION] = "file"
    text: Annotated[str, NO_OPTION] = "text"
    max_line_bytes: Annotated[int, AS_TRAINED] = Field(default=1 << 20, ge=1, lt=1 << 31)
    max_dropped: Annotated[float, AS_TRAINED] = Field(default=0.05, ge=0, le=1)


@Parameter(name="*", negative="")
class TableOptions(BoundOptions):
    """The way in which labelled rows or pairs are read."""

    columns: str | None = None
    """A table's names of the columns that the model was trained to read, such as '{text: review, label: stars}'; by
    default as in training."""


@Parameter(name="*", negative="")
class ReadingOptions(TableOptions):
    """The way in which text, rows or pairs are read that a model is measured on."""

    documents: Unit = "file"
    text: str = "text"


@Parameter(name="*", negative="")
class MeasureOptions(MeasureSettings):
    """The way in which a model is measured, and how the data for it are read."""

    columns: str | None = None
    max_line_bytes: Annotated[int, AS_TRAINED] = Field(default=1 << 20, ge=1, lt=1 << 31)
    max_dropped: Annotated[float, AS_TRAINED] = Field(default=0.05, ge=0, le=1)
    mistakes: Path | None = None
    """Write a page as well of a classifier's or tagger's wrong answers, the worst first, with the scores of each label,
    what was taken for what, and how far probabilities can be trusted."""
    rerank: Path | None = None
    """A classifier of pairs that judges the best of what a search found anew."""
