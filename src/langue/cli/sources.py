"""The first arguments of `langue train`: a recipe, its name, or data by which a recipe is chosen."""

from __future__ import annotations

import glob
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.console import say
from langue.errors import LangueError
from langue.recipes import YAML, find_recipe, is_recipe
from langue.remote import bare, is_name

if TYPE_CHECKING:
    from langue.data.look import Look
    from langue.recipe import Recipe

LOOKED_AT = 200_000
"""Rows that a recipe is chosen by; what comes behind them is like them."""


def name_of(sources: Sequence[str]) -> str:
    """The name of a run: that of its recipe, or of the data that it learns from."""
    path = Path(bare(sources[0]).partition(":")[0])
    named = path.parent if path.suffix in YAML and path.stem == "recipe" else path
    return named.absolute().name.partition(".")[0].replace("*", "all") or "run"


def read_sources(
    sources: Sequence[str], out: Path, changes: Mapping[str, str], start_from: Path | None, resume: str | None
) -> Recipe:
    """The recipe that is named, or one that is chosen by data and written beside the run.

    Args:
        sources: a recipe, its name, or data.
        out: the run's folder, whose own recipe counts where it is gone on with.
        changes: fields by dotted name.
        start_from: weights to begin with.
        resume: always, auto or nothing: whether a run that is there is gone on with.

    Raises:
        LangueError: there is no such recipe or data, or nothing can be learnt from them.
    """
    from langue.experiment import RunFolder
    from langue.tasks.recipes import read_recipe

    if len(sources) == 1 and is_recipe(sources[0]):
        _say_of_folder(sources[0])
        return read_recipe(sources[0], changes)
    for source in sources:
        _check_data(source, alone=len(sources) == 1)
    if RunFolder(out).is_run():
        if not resume:
            raise LangueError(f"{out} holds a run; go on with it by --resume, or choose another --out")
        return read_recipe(out / "recipe.yaml", changes)
    if resume == "always":
        raise LangueError(f"{out} holds no run to go on with; leave out --resume to begin one")
    return choose(sources, out.parent / f"{out.name}.yaml", out, changes, start_from)


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


def choose(
    sources: Sequence[str], file: Path, out: Path, changes: Mapping[str, str], start_from: Path | None
) -> Recipe:
    """Choose a recipe by data, say so in three lines, and write it down.

    Args:
        sources: the data.
        file: for the recipe.
        out: the folder of the run.
        changes: fields by dotted name.
        start_from: weights to begin with.

    Raises:
        LangueError: nothing can be learnt from such data.
    """
    from langue.data.look_words import warnings
    from langue.experiment.guess import guess, guess_in_text, splits_of
    from langue.files import write_text
    from langue.parallel import is_first

    parts = splits_of(list(sources))
    train = parts["train"] if isinstance(parts["train"], list) else [parts["train"]]
    made = guess(_seen(train, changes), parts, changes, start_from)
    if not is_first():
        return made.recipe
    command = shlex.join(["langue", "train", *sources, *(f"--{name}={value}" for name, value in changes.items())])
    text = guess_in_text(made, command)
    file = _place_for(text, file)
    for line in [*made.lines(file, out), *warnings(made.seen)]:
        say(line)
    write_text(file, text)
    return made.recipe


def _place_for(text: str, file: Path) -> Path:
    """The same path, or with a number where another text is there already, which somebody may have changed."""
    numbered = (file.with_stem(f"{file.stem}-{number}") for number in range(2, 1000))
    return next(path for path in (file, *numbered) if not path.exists() or path.read_bytes() == text.encode())


def _seen(train: Sequence[str], changes: Mapping[str, str]) -> Look:
    """A look at data; on a terminal, columns that may be meant as well are asked for."""
    from langue.data.look import look_at

    columns = chosen_columns(changes)
    seen = look_at(train, columns, changes.get("task"), LOOKED_AT)
    if seen.layout is None or not seen.layout.others or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return seen
    answers = {ours: _ask(seen, ours, others) for ours, others in seen.layout.others.items()}
    if all(seen.layout.columns[ours] == theirs for ours, theirs in answers.items()):
        return seen
    return look_at(train, {**columns, **answers}, changes.get("task"), LOOKED_AT)


def chosen_columns(changes: Mapping[str, str]) -> dict[str, str]:
    """The columns that are named on the command line.

    Raises:
        LangueError: they are no table of names.
    """
    from langue.settings import override

    content: dict[str, Any] = override({}, {name: value for name, value in changes.items() if name.startswith("data.")})
    columns = content.get("data", {}).get("columns", {})
    if not isinstance(columns, dict):
        raise LangueError(
            f"--data.columns: {columns!r:.60} is no table of names, such as '{{text: review, label: stars}}'"
        )
    text = content.get("data", {}).get("text")
    return {**({"text": text} if text else {}), **columns}


def _ask(seen: Look, ours: str, others: Sequence[str]) -> str:
    """Ask on a terminal which column is meant."""
    from langue.data.look_words import labels, lengths

    assert seen.layout is not None
    columns = [seen.layout.columns[ours], *others]
    say(f"{seen.names[0]}: the column of the {ours} may be")
    for number, name in enumerate(columns, 1):
        column = seen.column(name)
        say(f"  {number}  {name}: {labels(column) if column.kind == 'label' else lengths(column)}")
    while True:
        print(f"number or name [1, {columns[0]}]: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip() or "1"
        if answer in columns:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(columns):
            return columns[int(answer) - 1]
