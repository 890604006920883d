"""`langue train`: from a recipe to a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from langue.cli.fields import read_fields
from langue.console import say
from langue.report.words import duration, short

if TYPE_CHECKING:
    from langue.experiment import Run


def train(
    recipe: Path,
    /,
    *,
    out: Path,
    start_from: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    report: bool = True,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    changes: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
) -> None:
    """Train a model by a recipe, and leave a run folder that every other verb takes.

    Every field of the recipe can be given here by its dotted name, such as --training.steps 200 or
    --model.preset lstm-nano. Ctrl-C or SIGTERM saves and stops; --resume goes on bit for bit.

    Parameters
    ----------
    recipe
        A YAML file.
    out
        The run folder to make.
    start_from
        A run, a checkpoint or a model's folder (Hugging Face's too) whose weights to begin with.
    resume
        Go on with the run in OUT from its last whole checkpoint.
    report
        Draw report.html when training is over.
    as_json
        Print one JSON object with what came out.
    changes
        Another way to write --section.field VALUE: --set section.field=VALUE.
    """
    from langue import experiment
    from langue.recipe import read_recipe
    from langue.train import processes

    asked = read_recipe(recipe, read_fields(changes))
    found = experiment.train(asked, out, start_from=start_from, resume=resume, report=report)
    if not processes.is_first():
        return
    if found.interrupted:
        say(f"interrupted at step {found.step:,}; go on with: langue train {recipe} … --out {out} --resume")
    print(json.dumps(found.summary()) if as_json else _closing(found))


def _closing(found: Run) -> str:
    """What came out, and what to do with it."""
    run, measured = found.folder.path, found.metrics
    lines = [f"{run}: {found.step:,} steps, {short(found.tokens)} tokens, {duration(found.seconds)}; {found.stopped}"]
    for split, before in (("dev", ""), ("test", "test_")):
        if f"{before}loss" in measured:
            loss, bits = measured[f"{before}loss"], measured[f"{before}bits_per_byte"]
            lines.append(f"{split} loss {loss:.4f} nats per token, {bits:.4f} bits per byte (step {found.best_step:,})")
    return "\n".join([*lines, f'try: langue generate {run} "…"'])
