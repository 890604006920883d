"""Inputs of verbs, on the command line or in a file: the sound ones are worked on, and no other stops them.

An input that cannot be read or used is named on stderr and counted, and the exit status is 1, or 2 where it befell all.
Results keep the order of the inputs: in the place of one that failed stands an empty line, or a JSON object with
`error`.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from langue.cli.status import OK, SOME_FAILED
from langue.console import say
from langue.errors import LangueError, MissingColumns
from langue.extra import MissingLibrary

TABLES = (".jsonl", ".csv", ".tsv", ".parquet", ".json", ".conll", ".bio", ".iob", ".iob2")

NAMED = 100
"""Inputs that are named at most; the others are counted."""

_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")


class Input(NamedTuple):
    """One of many inputs."""

    place: str
    """Its place, as errors call it."""
    value: Any
    fault: str = ""
    """The reason for which it cannot be read, if so."""


Advice = Callable[[MissingColumns], LangueError]
"""The way in which a verb advises where a row lacks columns."""


def by_column(error: MissingColumns) -> LangueError:
    """Advice of a verb whose --column names the one column that it reads."""
    return error.by("--column")


def by_columns(error: MissingColumns) -> LangueError:
    """Advice of a verb whose --columns names all that it reads."""
    return error.by_table("--columns")


def by_mending(error: MissingColumns) -> LangueError:
    """Advice of a verb with neither."""
    return error.by(None)


class Faults:
    """The failures of some of many inputs, and their reasons.

    Args:
        what: what one of them is, such as "text".
        advise: what to do where a row lacks columns.
    """

    def __init__(self, what: str, advise: Advice = by_mending):
        self.what, self.advise = what, advise
        self.reasons: dict[int, str] = {}
        self._lacks: dict[int, str] = {}
        """The sentences about rows that lack columns, without their places."""

    def note(self, number: int, place: str, error: object) -> None:
        """Keep why an input failed."""
        reason = str(self.advise(error) if isinstance(error, MissingColumns) else error)
        self.reasons[number] = reason if reason.startswith(place) else f"{place}: {reason}"
        if isinstance(error, MissingColumns):
            self._lacks[number] = reason.removeprefix(place)

    def sentences(self) -> list[str]:
        """The reasons in the order of the inputs; of rows that lack the same columns, the first with a count."""
        counts, sentences = Counter(self._lacks.values()), []
        for number in sorted(self.reasons):
            lack = self._lacks.get(number)
            count = 1 if lack is None else counts.pop(lack, 0)
            more = f" (and so for {count - 1:,} more)" if count > 1 else ""
            sentences += [self.reasons[number] + more] if count else []
        return sentences

    @contextmanager
    def noted(self, number: int, place: str) -> Iterator[None]:
        """Guard around what concerns one input alone: its failure is kept and stops nothing.

        Raises:
            MissingLibrary: the others would fail alike.
        """
        try:
            yield
        except MissingLibrary:
            raise
        except LangueError as error:
            self.note(number, place, error)

    def refuse_all(self, count: int) -> None:
        """Stop where none of `count` inputs is left.

        Raises:
            LangueError: says why.
        """
        if len(self.reasons) < count:
            return
        first, *others = self.sentences()
        for reason in others[: NAMED - 1]:
            say(reason)
        raise LangueError(first if count == 1 else f"none of the {count:,} {self.what}s can be used; {first}")

    def status(self, count: int) -> int:
        """The exit status after `count` inputs; those that failed are named.

        Raises:
            LangueError: all of them did.
        """
        self.refuse_all(count)
        for sentence in self.sentences()[:NAMED]:
            say(sentence)
        if not self.reasons:
            return OK
        say(f"{len(self.reasons):,} of {count:,} {self.what}s could not be used; the others are done")
        return SOME_FAILED


class Inputs(Faults):
    """Inputs in their order.

    Args:
        what: what one of them is, such as "text".
        inputs: all of them.
        advise: what to do where a row lacks columns.

    Raises:
        LangueError: there are none.
    """

    def __init__(self, what: str, inputs: Iterable[Input], advise: Advice = by_mending):
        super().__init__(what, advise)
        self.places: list[str] = []
        self.values: list[Any] = []
        for number, (place, value, fault) in enumerate(inputs):
            self.places.append(place)
            self.values.append(value)
            if fault:
                self.note(number, place, fault)
        if not self.places:
            raise LangueError(f"there is no {what}; give one, or a file of them with --file")

    def __len__(self) -> int:
        return len(self.places)

    def change(self, convert: Callable[[Any, str], Any]) -> Inputs:
        """Make each sound input what `convert` makes of its value and place; those that it refuses have failed.

        Raises:
            LangueError: none is left.
        """
        for number in self.sound:
            with self.noted(number, self.places[number]):
                self.values[number] = convert(self.values[number], self.places[number])
        self.refuse_all(len(self))
        return self

    def check(self, check: Callable[[Any, str], object]) -> Inputs:
        """The same for what only looks at values."""

        def unchanged(value: Any, place: str) -> Any:
            check(value, place)
            return value

        return self.change(unchanged)

    def part(self, start: int, stop: int) -> Inputs:
        """Some of them, by number."""
        some = range(start, min(stop, len(self)))
        return Inputs(self.what, (Input(self.places[n], self.values[n], self.reasons.get(n, "")) for n in some))

    @property
    def sound(self) -> list[int]:
        """The numbers of those that have not failed."""
        return [number for number in range(len(self)) if number not in self.reasons]

    @property
    def sound_values(self) -> list[Any]:
        """Their values."""
        return [self.values[number] for number in self.sound]

    def results(self, answers: Iterable[Any]) -> Iterator[tuple[Any, Any, str]]:
        """Each input's value, its answer, and why it has none: answers stand in the order of the sound ones.

        An input may fail until it is its turn.
        """
        rest = dict(zip(self.sound, answers, strict=True))
        for number, value in enumerate(self.values):
            yield value, rest.get(number), self.reasons.get(number, "")

    def end(self) -> int:
        """The exit status; see `status`."""
        return self.status(len(self))


def on_command_line(texts: Iterable[Any], what: str = "text") -> Iterator[Input]:
    """Texts, or pairs of texts, as they were typed."""
    for number, text in enumerate(texts, 1):
        parts = [text] if isinstance(text, str) else text
        whole = all(part.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in part) for part in parts)
        yield Input(f"{what} {number}", text, "" if whole else "it is not in the terminal's encoding")


def read_inputs(file: Path | None) -> Iterator[Input]:
    """Each line of a text file as a text, or each row of a table by column name.

    Raises:
        LangueError: the file as a whole cannot be read.
    """
    if file is None:
        return
    if file.suffix.lower() not in TABLES:
        yield from read_texts(file)
        return
    for row in read_table(file):
        yield row if row.fault else row._replace(value=row.value.values)


def read_table(file: Path) -> Iterator[Input]:
    """Each row of a table, as a `Labelled`.

    Raises:
        LangueError: the file as a whole cannot be read.
    """
    from langue.data import DataSettings
    from langue.data.labelled import BrokenRow, read_rows
    from langue.data.lines import LINE_BYTES

    for row in read_rows(str(file), DataSettings(train="", max_line_bytes=LINE_BYTES)):
        yield Input(row.place, None, row.reason) if isinstance(row, BrokenRow) else Input(row.place, row)


def read_texts(file: Path) -> Iterator[Input]:
    """Each line of a file as a text, without what ends it.

    Raises:
        LangueError: the file cannot be read, or is no text at all.
    """
    from langue.data.lines import LINE_BYTES, TextLine, read_lines

    for line in read_lines(file, LINE_BYTES):
        place = f"{file}, line {line.number}"
        yield Input(place, line.text) if isinstance(line, TextLine) else Input(place, None, line.reason)


def renaming(run: Path | str, task: str, columns: str | None) -> Callable[[Any, str], Any]:
    """The change of rows that gives their columns the names which a model was trained to read.

    Args:
        run: the model.
        task: what it was trained for.
        columns: what --columns says, all of which a row has to have. None is what the training said, of which a table
            without labels has only a part.

    Raises:
        LangueError: it cannot be read.
    """
    from langue.data.labelled import renamed
    from langue.evaluation.settings import reading_as, recipe_data

    typed = columns is not None
    names = reading_as({"columns": columns}, task)["columns"] if typed else recipe_data(run, task).columns

    def rename(value: Any, place: str) -> Any:
        if not isinstance(value, Mapping):
            return value
        return renamed(value, {ours: theirs for ours, theirs in names.items() if typed or theirs in value}, place)

    return rename


def check_out(out: Path | None, *sources: Path | str | None) -> None:
    """Refuse to write over what is read, protected, or a part of a folder of ours.

    Raises:
        LangueError: the output is one of the sources or a file of one, whatever its name, is protected against writing,
            or belongs to a run, a model, an index or the like.
    """
    from langue.files import refuse_listed, refuse_protected

    if out is None:
        return
    place = Path(os.path.realpath(out))
    read = [Path(os.path.realpath(source)) for source in sources if source is not None]
    if any(_is_same(place, source) or (place.is_file() and place.is_relative_to(source)) for source in read):
        raise LangueError(f"{out} is read as well, and would be lost; choose another name for what is written")
    refuse_protected(out)
    refuse_listed(out)


def _is_same(place: Path, source: Path) -> bool:
    """True for one name and for two names of one file."""
    return place == source or (place.is_file() and source.is_file() and place.samefile(source))


def text_in(value: Any, place: str, column: str) -> str:
    """A text, or the one in a column of a row, where nothing is an empty text.

    Raises:
        LangueError: the row has no such column, or something else than text in it.
    """
    from langue.data.labelled import missing_columns
    from langue.data.values import is_missing

    if not isinstance(value, Mapping):
        return value
    if column not in value:
        raise missing_columns(place, (column,), value)
    text = "" if is_missing(value[column]) else value[column]
    if not isinstance(text, str):
        raise LangueError(f"{place}: {column} should be text, got {text!r:.60}")
    return text


def one_line(text: str) -> str:
    """A text in one line and without tabs, so that lines of results are those of inputs."""
    return _BREAKS.sub(" ", text)


def json_line(value: Mapping[str, Any]) -> str:
    """One line of JSON; what is no finite number is null, since JSON knows neither NaN nor infinity."""
    return json.dumps(_finite(value), ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value
