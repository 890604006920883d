"""A tutorial walked as its reader does: all its commands in the order of the page, in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A command that was run: it, its exit status, what it said, and seconds."""

    command: str
    status: int
    said: str
    seconds: float


def commands_of(page: str) -> list[str]:
    """The commands of a page: the lines of its blocks of `sh`."""
    text = "\n".join(BLOCK.findall((TUTORIALS / page).read_text(encoding="utf-8")))
    return [line for line in text.replace("\\\n", "").split("\n") if line.strip()]


def hurried(command: str, seconds: float) -> str:
    """The command with a training of so many seconds."""
    if not re.search(r"langue train", command) or "--training.steps" in command:
        return command
    command = re.sub(r" --training\.seconds \S+", "", command)
    return f"{command} --training.seconds {seconds:g}"


def walk(
    page: str, folder: Path, programs: Path, variables: Mapping[str, str], hurry: float | None, patient: int = 0
) -> Iterator[Step]:
    """Run the commands of a page one after the other, until one does not end well.

    Args:
        page: name of the tutorial's file.
        folder: where they are run.
        programs: the folder of the environment's programs, `langue` among them.
        variables: of the environment.
        hurry: seconds of each training, in place of those that the page says.
        patient: how many commands, the first, are not hurried.
    """
    environment = {**variables, "PATH": f"{programs}{os.pathsep}{variables.get('PATH', '')}"}
    for number, command in enumerate(commands_of(page)):
        command = command if hurry is None or number < patient else hurried(command, hurry)
        start = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        yield Step(command, done.returncode, done.stdout, time.monotonic() - start)
        if done.returncode:
            return
