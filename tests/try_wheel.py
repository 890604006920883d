"""A wheel tried as a new user does it: a clean environment, another folder, and the first commands of the README.

python tests/try_wheel.py dist/langue-0.1.0-py3-none-any.whl [more for pip install …]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

TEXT = "ROMEO: A rose by any other name would smell as sweet.\nJULIET: So Romeo would, were he not Romeo called.\n"

COMMANDS = """\
--help
doctor
demo --seconds 2 --out runs/demo
plan shakespeare
train shakespeare --training.steps 3 --training.evaluate_every 3 --out runs/shakespeare
generate runs/shakespeare ROMEO: --max-tokens 5
train generate --data.train input.txt --tokenizer.vocab_size 300 --training.steps 3 --out runs/mine
"""


def try_wheel(wheel: Path, more: list[str]) -> None:
    """Install a wheel and use it.

    Raises:
        subprocess.CalledProcessError: a command did not end well; what it said stands above.
    """
    with tempfile.TemporaryDirectory(prefix="langue-wheel-") as place:
        folder = Path(place)
        venv.create(folder / "venv", with_pip=True)
        programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        pip = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, wheel.resolve(), *more], check=True, env=clean)
        (folder / "here").mkdir()
        (folder / "here" / "input.txt").write_text(TEXT * 300, encoding="utf-8")
        for command in COMMANDS.splitlines():
            print(f"$ langue {command}", flush=True)
            subprocess.run([programs / "langue", *command.split()], check=True, env=clean, cwd=folder / "here")


if __name__ == "__main__":
    try_wheel(Path(sys.argv[1]), sys.argv[2:])
