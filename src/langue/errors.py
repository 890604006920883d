"""The one error a user is meant to read, and the guard at each door where other people's files come in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

LONGEST_REASON = 200
"""Characters of a library's own words that a message repeats."""

MOST_NAMES, LONGEST_NAME = 20, 40
"""Names that a message lists, and characters of each."""


class LangueError(Exception):
    """A mistake that the user can mend.

    Its message is one clear sentence that says what is wrong and what to do. The command line prints it and ends with
    exit status 2; from Python it is an ordinary exception. Mistakes of Langue itself are never dressed up as this.

    Names out of damaged files may hold line breaks and a terminal's commands, which are shown and not obeyed.
    """

    def __init__(self, sentence: str = ""):
        super().__init__(_CONTROL.sub(lambda control: control[0].encode("unicode_escape").decode(), sentence))


class ForbiddenError(LangueError):
    """A file that may not be read, so that nobody knows whether it is sound."""


class MissingColumns(LangueError):
    """Columns that a table lacks; in a training, the advice is the field of a recipe that names them.

    Args:
        fact: the sentence without advice.
        guesses: by column, the one of the table that may be meant; empty where nothing can be advised.
    """

    def __init__(self, fact: str, guesses: Mapping[str, str]):
        self.fact, self.guesses = fact, guesses
        super().__init__(self._advising("--data.columns", " of langue train"))

    def _advising(self, option: str, verb: str = "") -> str:
        named = ", ".join(f"{name}: {guess}" for name, guess in self.guesses.items())
        which, it = ("say which it is", "it") if len(self.guesses) == 1 else ("say which they are", "them")
        advice = f"; {which}, as in {option} '{{{named}}}'{verb}, or rename {it}"
        return self.fact + (advice if self.guesses else "")

    def by_table(self, option: str) -> LangueError:
        """The same for a verb that has an option for all columns."""
        return LangueError(self._advising(option))

    def by(self, option: str | None) -> LangueError:
        """The same for a verb, by whose option one column is named, or where the table has to be changed (None)."""
        if not self.guesses:
            return LangueError(self.fact)
        if option is None:
            plural = len(self.guesses) > 1
            return LangueError(f"{self.fact}; rename the column{'s that hold them' if plural else ' that holds it'}")
        return LangueError(
            f"{self.fact}; name the one that holds it, as in {option} {next(iter(self.guesses.values()))}"
        )


class Interrupted(KeyboardInterrupt):
    """A signal asked for an end, and what was under way has been put away.

    Attributes:
        signal: its number.
    """

    def __init__(self, signal: int):
        super().__init__(f"interrupted by signal {signal}")
        self.signal = signal


@contextmanager
def reading(what: str | Path, advice: str = "", kind: type[LangueError] = LangueError) -> Iterator[None]:
    """Guard around the reading of a file that somebody else wrote: whatever fails in it is that file's fault.

    A parser raises what its author thought of, on damage nobody thought of: a KeyError, a RecursionError, an
    OverflowError, a panic in Rust. All become one `LangueError` with the file's name, and the first error as its
    cause. `LangueError`, an interruption (KeyboardInterrupt, SystemExit) and GeneratorExit pass unchanged, so that
    a generator may yield inside. Only parsing belongs inside, never what is done with the parsed things.

    Args:
        what: the file's name, with the place in it where that is known ("a.jsonl, line 3").
        advice: what to do, put behind the reason.
        kind: which `LangueError` it becomes.

    Raises:
        LangueError: instead of any other error inside; a `ForbiddenError`, which names the very file, if it may not be
            read.
    """
    try:
        yield
    except LangueError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if isinstance(error, PermissionError):
            raise unreadable(error.filename or what, error) from error
        raise kind(f"{what} cannot be read: {reason(error)}{advice and f'; {advice}'}") from error


def unreadable(what: str | Path, error: OSError) -> LangueError:
    """The error for a file that the system does not give, which may be as sound as any."""
    kind = ForbiddenError if isinstance(error, PermissionError) else LangueError
    return kind(f"{what} cannot be read: {reason(error)}")


def check_readable(path: Path) -> None:
    """Open a file before a library does that calls one that may not be read missing.

    Raises:
        LangueError: the system does not open it.
    """
    with reading(path), path.open("rb"):
        pass


def is_panic(error: BaseException) -> bool:
    """True for a panic in Rust, which is no `Exception`."""
    return type(error).__module__ == "pyo3_runtime"


def reason(error: BaseException) -> str:
    """One line that says why something failed, in the error's own words where they are words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = one_line(str(error))
    if not isinstance(error, ValueError | OSError | RuntimeError) or not words:
        words = f"{type(error).__name__}{words and f': {words}'}"
    return words if len(words) <= LONGEST_REASON else f"{words[:LONGEST_REASON]}…"


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """The names that somebody else gave to things, for a message: not too many, each on one line and not too long."""
    shown = [one_line(str(name))[:LONGEST_NAME] for name in islice(names, most + 1)]
    return ", ".join([*shown[:most], *(["…"] if len(shown) > most else [])])


def either(names: Sequence[str]) -> str:
    """Names of which one is meant: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def as_option(name: str) -> str:
    """The option of the command line for a setting."""
    return f"--{name.replace('_', '-')}"


def hint(name: str, known: Collection[str], question: str = "did you mean", cutoff: float = 0.6) -> str:
    """The nearest of the known names as a question, or all of them where none is near."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"{question} {nearest[0]}?" if nearest else f"known: {', '.join(known)}"


def one_line(text: str) -> str:
    """A text that somebody else wrote, for a message: without breaks and signs that cannot be printed."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
