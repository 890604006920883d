"""`langue demo shrink`: a language model is trained, made smaller, and trained on; a table says what each step cost."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langue.metrics.cost import Cost, Footprint

PLAN = """\
A small Transformer learns to write like Python's own documentation for {seconds:.0f} seconds. Then its numbers get
eight and four bits; and half of its heads and feedforward channels go, those that add least to what it says, of which
what is left learns on for a third of the time.
This takes about a minute on two cores, and needs no data and no network.
Everything goes to {out}. Ctrl-C saves, and the same command then goes on.
"""

NEXT = """\
Try next:
{page}  langue generate {out}/pruned-further "The module" --temperature 0.7
  langue shrink {out}/model --keep layers:3 --out {out}/three
  langue evaluate {out}/pruned --data {out}/model/data/dev
With a model of your own: docs/shrinking.md
"""

PAGE = "  look at {out}/pruned/cost.html in a browser, on a phone too\n"

WAYS: dict[str, dict[str, Any]] = {
    "int8": {"to": "int8"},
    "q4_0": {"to": "q4_0"},
    "pruned": {"keep": "heads:0.5,feedforward:0.5"},
}
"""Folders of the models that are made of the first one, and how."""


def demo_shrink(out: Path, seconds: float = 24.0) -> None:
    """Train the model, make it smaller, train on, and show what each cost."""
    from langue.console import no_remarks
    from langue.experiment.cost import cost_between
    from langue.experiment.shrink import shrink
    from langue.report.cost import read_cost
    from langue.tasks.recipes import read_recipe

    print(PLAN.format(out=out, seconds=seconds), flush=True)
    budget = {"training.seconds": str(seconds), "samples.max_tokens": "0"}
    with no_remarks():
        _train(read_recipe("generate", budget), out / "model")
        costs = {
            name: read_cost(out / name) or shrink(out / "model", out / name, **how, seconds=0.5)
            for name, how in WAYS.items()
        }
        budget["training.seconds"] = str(seconds / 3)
        _train(read_recipe(out / "pruned" / "recipe.yaml", budget), out / "pruned-further", out / "pruned")
        costs["pruned-further"] = cost_between(out / "model", out / "pruned-further", seconds=0.5)
    show(costs)
    page = PAGE.format(out=out) if (out / "pruned" / "cost.html").is_file() else ""
    print(NEXT.format(out=shlex.quote(str(out)), page=page))


def show(costs: dict[str, Cost]) -> None:
    """Print the whole model and what was made of it, a line for each."""
    from langue.console import table

    rows: list[list[str]] = []
    for name, cost in costs.items():
        loss = cost.loss
        assert loss is not None
        rows = rows or [_row("model", cost.before, loss.before, "")]
        change = f"{loss.difference:+.3f} ({loss.low:+.3f} … {loss.high:+.3f})"
        rows.append(_row(name, cost.after, loss.after, change))
    columns = ["", "on disk", "parameters", "read/s", "written/s", "loss per token", "change (95 %)"]
    table("What it cost", columns, rows)


def _row(name: str, size: Footprint, loss: float, change: str) -> list[str]:
    from langue.wording import short
    from langue.wording import size as in_bytes

    speeds = ["–" if speed is None else short(speed) for speed in (size.reading, size.writing)]
    return [name, in_bytes(size.disk), short(size.parameters), *speeds, f"{loss:.3f}", change]


def _train(recipe: Any, folder: Path, start_from: Path | None = None) -> None:
    """Train, or go on where it was interrupted.

    Raises:
        Interrupted: by a signal; what was learnt is saved.
    """
    from langue.errors import Interrupted
    from langue.experiment import train

    done = train(recipe, folder, start_from=start_from, resume="auto", report=False)
    if done.interrupted:
        raise Interrupted(done.signal or signal.SIGINT)
