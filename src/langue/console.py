"""Display of progress while something takes long: a bar on a terminal, else a plain line now and then.

Everything here goes to stderr, so that stdout holds results alone; in a notebook, to its cell.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TextIO

from langue.errors import is_panic

DRAWN = 0.5
"""Seconds between two drawings of a bar in a notebook."""

EVERY = 30.0
"""Seconds between plain lines where stderr is no terminal."""


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but tabs and line feeds: a terminal would take them for orders."""


def visible(text: str) -> str:
    """A text whose control characters are written out, such as \\x1b, lest a terminal obey them."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class Shown:
    """A terminal's stream for other people's texts, a model's or a file's: each comes out `visible`.

    Args:
        stream: of the terminal.
    """

    def __init__(self, stream: TextIO):
        self.rich_proxied_file = stream
        """The stream to which rich, whose orders are our own, writes itself."""

    def write(self, text: str) -> int:
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def guard_terminal() -> None:
    """Let nothing that is printed reach a terminal raw; what goes into a file or a pipe stays as it is.

    A name that is no Unicode is written with its bytes spelled out, there as here, and ends nothing.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if stream.isatty():
                setattr(sys, name, Shown(stream))


class Advance(Protocol):
    """A function that a long task calls as it gets on."""

    def __call__(self, amount: float, note: str = "") -> None: ...


@contextmanager
def progress(description: str, total: float | None, unit: str = "") -> Iterator[Advance]:
    """Show how far a long task has come.

    Args:
        description: what is being done.
        total: how much there is to do, in units; None when nobody knows.
        unit: "bytes" is shown as megabytes, anything else as it is; without one, the share alone is shown.
    """
    shown = _cell if in_notebook() else _bar if sys.stderr.isatty() else _lines
    with shown(description, total, unit) as advance:
        yield advance


def in_notebook() -> bool:
    """True in a cell of a notebook, whose output is drawn by a browser."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


@contextmanager
def _cell(description: str, total: float | None, unit: str) -> Iterator[Advance]:
    """A bar in a notebook's cell, which needs none of its widgets: rich's table is drawn anew in its place. Quick work
    shows none."""
    from IPython.display import DisplayHandle
    from rich.progress import Progress

    bar = Progress(*_columns(), auto_refresh=False)
    task = bar.add_task(description, total=total, note="")
    handle, begun = DisplayHandle(), time.monotonic()
    last = begun

    def advance(amount: float, note: str = "") -> None:
        nonlocal last
        bar.update(task, advance=amount, note=note)
        if time.monotonic() - last >= DRAWN:
            draw, last = handle.display if last == begun else handle.update, time.monotonic()
            draw(bar.make_tasks_table(bar.tasks))

    try:
        yield advance
    finally:
        bar.stop_task(task)
        if last > begun:
            handle.update(bar.make_tasks_table(bar.tasks))


@contextmanager
def _bar(description: str, total: float | None, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import Progress

    guarded = [name for name in ("stdout", "stderr") if isinstance(getattr(sys, name), Shown)]
    with Progress(*_columns(), console=Console(file=_terminal(sys.stderr)), transient=True) as bar:
        for name in guarded:  # in front of rich's own stream, which puts what is printed meanwhile above the bar
            setattr(sys, name, Shown(getattr(sys, name)))
        task = bar.add_task(visible(description), total=total, note="")
        yield lambda amount, note="": bar.update(task, advance=amount, note=visible(note))


def _terminal(stream: Any) -> TextIO:
    """The stream behind those that stand before it, to which orders of our own are written."""
    while hasattr(stream, "rich_proxied_file"):
        stream = stream.rich_proxied_file
    return stream


def _columns() -> tuple[Any, ...]:
    from rich import progress as parts

    return (
        parts.TextColumn("{task.description}", markup=False),
        parts.BarColumn(),
        parts.TaskProgressColumn(),
        parts.TimeElapsedColumn(),
        parts.TimeRemainingColumn(),
        parts.TextColumn("{task.fields[note]}", markup=False),
    )


@contextmanager
def _lines(description: str, total: float | None, unit: str) -> Iterator[Advance]:
    begun = last = time.monotonic()
    done = 0.0

    def advance(amount: float, note: str = "") -> None:
        nonlocal done, last
        done += amount
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            share = f" {done / total:.0%}" if total else ""
            print(
                f"{description}:{share}{_amount(done, unit)} after {last - begun:.0f} s {note}".rstrip(),
                file=sys.stderr,
            )

    yield advance


def _amount(value: float, unit: str) -> str:
    if not unit:
        return ""
    return f" {value / 1e6:.1f} MB" if unit == "bytes" else f" {value:,.0f} {unit}"


def with_article(name: str) -> str:
    """ "a decoder", "an encoder", "an LSTM": of a name in capitals it goes by how its first letter is called."""
    sounds = "AEFHILMNORSX" if name[:2].isupper() else "AEIOUaeiou"
    return f"{'an' if name[:1] in sounds else 'a'} {name}"


def print_styled(line: str) -> None:
    """Print a line with orders of our own to a terminal, such as bold letters; what else is in it must be `visible`."""
    print(line, file=getattr(sys.stdout, "rich_proxied_file", sys.stdout))


def say(line: str) -> None:
    """One line for the person in front of the screen; a notebook shows what goes to stderr in red, like a fault."""
    print(line, file=sys.stdout if in_notebook() else sys.stderr, flush=True)


_muffling = threading.RLock()


@contextmanager
def muffled(chatter: re.Pattern[bytes] | None = None) -> Iterator[None]:
    """Keep from stderr what a library writes there by itself, where it fails with a panic that becomes a sentence.

    What anybody writes is held back for so long, and written after all unless there was a panic. One thread at a time.

    Args:
        chatter: the beginning of lines that are kept from it in any case.
    """
    with _muffling, ExitStack() as stack:
        try:
            real = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        stack.callback(os.close, real)
        held = stack.enter_context(tempfile.TemporaryFile())
        _redirect(held.fileno())
        try:
            yield
        except BaseException as error:
            if is_panic(error):
                held.truncate(0)
            raise
        finally:
            _redirect(real)
            held.seek(0)
            while line := held.readline(1 << 16):
                if chatter is None or not chatter.match(line):
                    os.write(real, line)


def _redirect(descriptor: int) -> None:
    """Let what is written to stderr from now on go to a file that is open."""
    if sys.stderr is not None:
        sys.stderr.flush()
    os.dup2(descriptor, 2)


_remarks = ContextVar("remarks", default=True)


def remark(line: str) -> None:
    """The same, for who follows closely; left out inside `no_remarks`."""
    if _remarks.get():
        say(line)


@contextmanager
def no_remarks() -> Iterator[None]:
    """Leave out remarks, where one task is a small part of another."""
    before = _remarks.set(False)
    try:
        yield
    finally:
        _remarks.reset(before)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout: the first column names the rows, numbers stand right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def plain(text: str) -> Text:  # since brackets in a name would be taken for markup
        return Text(visible(text) if sys.stdout.isatty() else text)

    drawn = Table(title=plain(title), title_justify="left")
    for number, column in enumerate(columns):
        drawn.add_column(plain(column), justify="left" if number == 0 else "right")
    for row in rows:
        drawn.add_row(*map(plain, row))
    Console(width=None if sys.stdout.isatty() else 120).print(drawn)
