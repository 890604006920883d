"""Lines that a person types at a prompt, or that come through a pipe."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from langue.cli.status import OK
from langue.console import say
from langue.errors import LangueError


def typed_lines(greeting: str) -> Iterator[str]:
    """Lines without white space around them; empty ones are left out, and Ctrl-C takes back what is typed.

    Args:
        greeting: said once to a person.
    """
    is_person = at_terminal()
    if is_person:
        _remember_lines()
        say(greeting)
    while True:
        try:
            line = input("> ") if is_person else next(sys.stdin)
        except KeyboardInterrupt as error:
            only_ctrl_c(error)
            if not is_person:
                raise
            print()
            continue
        except (EOFError, StopIteration):
            return
        if line.strip():
            yield line.strip()


def at_terminal() -> bool:
    """True where a person types."""
    return sys.stdin is not None and sys.stdin.isatty()


def guarded(act: Callable[[], object], strict: bool = False) -> None:
    """Let Ctrl-C end what is under way alone, and tell a person what cannot be done without ending the whole.

    Raises:
        LangueError: it cannot be done, and nobody types, or `strict` is set.
    """
    try:
        act()
    except KeyboardInterrupt as error:
        only_ctrl_c(error)
        print()
    except LangueError as error:
        if strict or not at_terminal():
            raise
        say(str(error))


def only_ctrl_c(error: KeyboardInterrupt) -> None:
    """Raise again what is no Ctrl-C: SIGTERM ends the whole."""
    if getattr(error, "signal", signal.SIGINT) != signal.SIGINT:
        raise error


def for_each_question(question: str | None, file: Path | None, act: Callable[[str], object], greeting: str) -> int:
    """Answer the question of the command line, those of a file or a pipe, or one after the other as they are typed.

    Args:
        question: of the command line.
        file: one to a line.
        act: answers one.
        greeting: said to a person who types.

    Returns:
        The exit status; a question of a file or a pipe that cannot be answered is named and stops no other.

    Raises:
        LangueError: the only question cannot be answered, or none of many.
    """
    from langue.cli.inputs import Inputs, on_command_line, read_texts

    if question is not None and file is not None:
        raise LangueError("a question on the command line and --file do not go together; give one of them")
    if question is not None:
        act(question)
        return OK
    if file is None and at_terminal():
        for line in typed_lines(greeting):
            guarded(lambda line=line: act(line))
        return OK
    lines = on_command_line(typed_lines(greeting), "question") if file is None else read_texts(file)
    inputs = Inputs("question", (line for line in lines if line.fault or line.value.strip()))
    for number in inputs.sound:
        with inputs.noted(number, inputs.places[number]):
            act(inputs.values[number])
    return inputs.end()


def _remember_lines() -> None:
    """Let the arrow keys bring back what was typed."""
    try:
        import readline  # noqa: F401 - `input` uses it once it is there
    except ImportError:
        return
