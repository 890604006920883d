"""How long `langue --help` takes, from the shell's point of view."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.harness import Options, Result

LIMIT = 0.3

COMMANDS = {
    "python -c pass": "pass",
    "import langue": "import langue",
    "langue --help": "import sys; from langue.cli import main; sys.argv = ['langue', '--help']; sys.exit(main())",
}


def run(options: Options) -> Result:
    """Each command in turn, many rounds."""
    rounds = options.rounds or (5 if options.quick else 21)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, code in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - start)
    rows = [
        {"command": name, "seconds": statistics.median(values), "worst": max(values)} for name, values in times.items()
    ]
    notes = [f"Medians of {rounds} rounds, each command a fresh process. The aim for `langue --help` is {LIMIT} s."]
    columns = {"command": "command", "seconds": "seconds", "worst": "worst of all"}
    return {"title": "Start", "columns": columns, "rows": rows, "notes": notes}
