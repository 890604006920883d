"""The command line: finds the verb, runs it, and turns what the user can mend into one sentence and exit status 2."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from langue.cli.fields import complete_resume, gather_fields
from langue.cli.status import OK, USER_ERROR
from langue.cli.verbs import VERBS, Verb, Verbs, group_help, help_text
from langue.entry import main, say_interrupted
from langue.errors import LangueError, MissingColumns, hint

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

__all__ = ["main", "run"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HELP = ("--help", "-h")
VERIFY = "--verify"
COMPLETION = "--install-completion"


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        The exit status: 0 done, 1 some of many inputs failed, 2 a mistake of the user's, 75 a training in a job of
        Slurm's that is to be queued again, 130 interrupted by Ctrl-C, 143 by SIGTERM.
    """
    try:
        return _run(list(arguments))
    except LangueError as error:
        return _complain(str(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return _leave_quietly()
        if error.strerror is None:
            raise
        full = "; make room and try again" if error.errno in _FULL else ""
        return _complain(f"{error.filename or 'writing'}: {error.strerror}{full}")
    except KeyboardInterrupt as error:
        return say_interrupted(error)


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in _HELP:
        print(help_text())
        return OK
    if arguments[0] == "--version":
        from langue import __version__

        print(__version__)
        return OK
    if arguments[0] == COMPLETION:
        from langue.cli.completion import install_completion

        return install_completion(_app(VERBS, "langue"), arguments[1:])
    chosen = _choose(arguments[0], VERBS, "langue")
    if not isinstance(chosen, Verb):
        if len(arguments) == 1 or arguments[1] in _HELP:
            print(group_help(arguments[0]))
            return OK
        chosen = _choose(arguments[1], chosen, f"langue {arguments[0]}")
    assert isinstance(chosen, Verb)
    arguments, verify = _take(VERIFY, arguments)
    arguments = complete_resume(gather_fields(arguments)) if chosen.recipe else arguments
    try:
        return _verifying(arguments) if verify else _call(arguments)
    except MissingColumns as error:
        if chosen.recipe:
            raise
        raise (error.by_table("--columns") if chosen.columns else error.by(None)) from None


def _verifying(arguments: list[str]) -> int:
    from langue.files import every_byte

    with every_byte():
        return _call(arguments)


def _take(flag: str, arguments: list[str]) -> tuple[list[str], bool]:
    """The arguments without a flag that every verb has, and whether it was there; behind -- stand no flags."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    rest = [argument for argument in arguments[:end] if argument != flag]
    return rest + arguments[end:], len(rest) < end


def _choose(name: str, verbs: Verbs, before: str) -> Verb | Mapping[str, Verb]:
    if name in verbs:
        return verbs[name]
    raise LangueError(f"{before} has no verb {name}; {hint(name, verbs)}")


def _call(arguments: list[str]) -> int:
    from cyclopts import CycloptsError

    from langue.account import collected

    try:
        with collected() as account:
            status = _app(VERBS, "langue")(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _complain(_words(error))
    account.say()
    return status if isinstance(status, int) else OK


def _words(error: CycloptsError) -> str:
    """One sentence of an argument that cannot be used."""
    from pydantic import ValidationError

    from langue.settings import first_fault

    if isinstance(error.__cause__, ValidationError):
        return first_fault(error.__cause__)
    return " ".join(str(error).split())


def _app(verbs: Verbs, name: str) -> App:
    """The verbs as a cyclopts application, in which a verb's module is imported when the verb is called."""
    from cyclopts import App

    app = App(
        name=name, help_flags=_HELP, version_flags=(), result_action="return_value", suppress_keyboard_interrupt=False
    )
    for verb_name, verb in verbs.items():
        if isinstance(verb, Verb):
            app.command(verb.target, name=verb_name)
        else:
            app.command(_app(verb, verb_name))
    return app


def _complain(sentence: str) -> int:
    print(f"langue: {sentence}", file=sys.stderr)
    return USER_ERROR


def _leave_quietly() -> int:
    """Whoever read our output has gone, as in `langue … | head`; Python must not complain about it while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK
