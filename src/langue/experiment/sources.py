"""The sources of a training: a recipe, its name, or data by which a recipe is chosen."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from langue.console import say
from langue.data.look import Look, chosen_columns, look_at
from langue.data.look_words import warnings
from langue.errors import LangueError
from langue.experiment.guess import Guess, guess, guess_in_text, splits_of
from langue.experiment.run import RunFolder
from langue.files import write_text
from langue.parallel import is_first
from langue.recipe import Recipe
from langue.recipes import find_recipe, is_recipe
from langue.remote import is_name
from langue.tasks.recipes import read_recipe

LOOKED_AT = 200_000
"""Rows that a recipe is chosen by; what comes behind them is like them."""

Ask = Callable[[Look], Mapping[str, str]]
"""From data to the columns that somebody chooses, ours and the table's, where several may be meant."""


def no_answers(seen: Look) -> Mapping[str, str]:
    """Nobody's choice of columns."""
    return {}


def read_sources(
    sources: Sequence[str],
    out: Path,
    changes: Mapping[str, str],
    start_from: Path | str | None,
    resume: bool | Literal["auto"] = False,
    ask: Ask = no_answers,
) -> Recipe:
    """The recipe that is named, or one that is chosen by data and written beside the run.

    Args:
        sources: a recipe, its name, or data.
        out: the run's folder, whose own recipe counts where it is gone on with.
        changes: fields by dotted name.
        start_from: weights to begin with.
        resume: go on with a run that is there; "auto" begins one where there is none.
        ask: for columns that are not sure.

    Raises:
        LangueError: there is no such recipe or data, or nothing can be learnt from them.
    """
    recipe = named_recipe(sources, changes)
    if recipe is not None:
        return recipe
    if RunFolder(out).is_run():
        if not resume:
            raise LangueError(f"{out} holds a run; go on with it by --resume, or choose another --out")
        return read_recipe(out / "recipe.yaml", changes)
    if resume is True:
        raise LangueError(f"{out} holds no run to go on with; leave out --resume to begin one")
    return choose(sources, out.parent / f"{out.name}.yaml", out, changes, start_from, ask)


def named_recipe(sources: Sequence[str], changes: Mapping[str, str]) -> Recipe | None:
    """The recipe that is named; None where data are.

    Raises:
        LangueError: there is neither.
    """
    if len(sources) == 1 and is_recipe(sources[0]):
        _say_of_folder(sources[0])
        return read_recipe(sources[0], changes)
    for source in sources:
        _check_data(source, alone=len(sources) == 1)
    return None


def _say_of_folder(source: str) -> None:
    if Path(source).is_dir():
        say(f"{source} is the recipe that comes with Langue; for the folder of this name: langue train ./{source}/")


def _check_data(source: str, *, alone: bool) -> None:
    """Refuse what is neither data nor a recipe.

    Raises:
        LangueError: names what may have been meant.
    """
    if not alone and is_recipe(source):
        raise LangueError(f"{source} is a recipe and stands alone; give its data by --data.train, or leave it out")
    path = Path(source).expanduser()
    if is_name(source) or source == "embedded" or glob.has_magic(source) or path.is_dir() or path.is_file():
        if (path / "recipe.yaml").is_file():
            find_recipe(path)  # which names the recipe in it
        return
    if path.suffix:
        raise LangueError(f"there is no file {source}")
    find_recipe(source)


def guessed(
    sources: Sequence[str], changes: Mapping[str, str], start_from: Path | str | None, ask: Ask = no_answers
) -> Guess:
    """The recipe that is chosen by data.

    Raises:
        LangueError: nothing can be learnt from such data.
    """
    parts = splits_of(list(sources))
    train = parts["train"] if isinstance(parts["train"], list) else [parts["train"]]
    return guess(_seen(train, changes, ask), parts, changes, start_from)


def choose(
    sources: Sequence[str],
    file: Path,
    out: Path,
    changes: Mapping[str, str],
    start_from: Path | str | None,
    ask: Ask = no_answers,
) -> Recipe:
    """Choose a recipe by data, say so in three lines, and write it down.

    Args:
        sources: the data.
        file: for the recipe.
        out: the folder of the run.
        changes: fields by dotted name.
        start_from: weights to begin with.
        ask: for columns that are not sure.

    Raises:
        LangueError: nothing can be learnt from such data.
    """
    made = guessed(sources, changes, start_from, ask)
    if not is_first():
        return made.recipe
    command = shlex.join(["langue", "train", *sources, *(f"--{name}={value}" for name, value in changes.items())])
    text = guess_in_text(made, command)
    file = _place_for(text, file)
    for line in [*made.lines(), made.line_of(file, out), *warnings(made.seen)]:
        say(line)
    write_text(file, text)
    return made.recipe


def _place_for(text: str, file: Path) -> Path:
    """The same path, or with a number where another text is there already, which somebody may have changed."""
    numbered = (file.with_stem(f"{file.stem}-{number}") for number in range(2, 1000))
    return next(path for path in (file, *numbered) if not path.exists() or path.read_bytes() == text.encode())


def _seen(train: Sequence[str], changes: Mapping[str, str], ask: Ask) -> Look:
    """A look at data, and another one where somebody has chosen other columns."""
    columns = chosen_columns(changes)
    seen = look_at(train, columns, changes.get("task"), LOOKED_AT)
    answers = ask(seen)
    if seen.layout is None or all(seen.layout.columns[ours] == theirs for ours, theirs in answers.items()):
        return seen
    return look_at(train, {**columns, **answers}, changes.get("task"), LOOKED_AT)
