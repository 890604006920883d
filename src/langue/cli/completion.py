"""Completion of verbs and options by Tab, which a shell learns from a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from langue.cli.status import OK
from langue.console import say
from langue.errors import LangueError

if TYPE_CHECKING:
    from cyclopts import App

SHELLS = ("bash", "zsh", "fish", "powershell")


def install_completion(app: App, arguments: Sequence[str]) -> int:
    """Write the file for a shell, the one that is running if none is named, and a line into its start-up file.

    Raises:
        LangueError: there is no such shell, or it cannot be known which one it is.
    """
    shell = arguments[0] if arguments else Path(os.environ.get("SHELL", "")).name
    if shell not in SHELLS or len(arguments) > 1:
        raise LangueError(f"name one shell that is to complete: {', '.join(SHELLS)}")
    path = app.install_completion(shell=shell)  # type: ignore[arg-type]
    say(f"{path} is written; {shell} completes the verbs and options of langue when it is started anew")
    return OK
