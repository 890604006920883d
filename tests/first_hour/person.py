"""Somebody who has installed Langue and does a job of theirs, by a tutorial alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from walk import walk

PREPARE = Callable[[Path, Path], None]
"""Puts what the person has into a folder, of a folder of real data."""


@dataclass(frozen=True)
class Person:
    """A person.

    Attributes:
        page: the tutorial.
        prepare: what they have.
        extras: of Langue's, which the tutorial's reader has installed.
        useful: how many of the commands lead to the first useful output.
        within: seconds until then, at most; None for as long as it takes.
    """

    page: str
    prepare: PREPARE
    extras: Sequence[str] = ()
    useful: int = 1
    within: float | None = None

    def main(self) -> None:
        """`python SCRIPT WHEEL DATA [SECONDS]`: install a wheel into a clean environment and walk through the tutorial.

        SECONDS shortens each training behind the first useful output.
        """
        wheel, data = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
        hurry = float(sys.argv[3]) if len(sys.argv) > 3 else None
        with tempfile.TemporaryDirectory(prefix="langue-first-hour-") as place:
            environment, folder = Path(place) / "venv", Path(place) / "here"
            venv.create(environment, with_pip=True)
            programs = environment / ("Scripts" if os.name == "nt" else "bin")
            clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
            package = f"{wheel}[{','.join(self.extras)}]" if self.extras else str(wheel)
            install = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
            subprocess.run(install, check=True, env=clean)
            folder.mkdir()
            self.prepare(folder, data)
            seconds = 0.0
            for number, step in enumerate(walk(self.page, folder, programs, clean, hurry, self.useful), 1):
                seconds += step.seconds
                print(f"$ {step.command}\n{step.said}[{step.seconds:.1f} s, {seconds:.1f} s in all]\n", flush=True)
                if step.status:
                    sys.exit(f"{self.page}: {step.command} ended with {step.status}")
                if number == self.useful and self.within is not None and hurry is None and seconds > self.within:
                    sys.exit(
                        f"{self.page}: {seconds:.0f} s to the first useful output; {self.within:.0f} s were the aim"
                    )
