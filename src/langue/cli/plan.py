"""`langue plan`: what a training will need and take, before it runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from langue.cli.options import AtLeastOne, Changes, Json

if TYPE_CHECKING:
    from langue.plan import Plan


def plan(
    *sources: AtLeastOne,
    start_from: Path | None = None,
    as_json: Json = False,
    changes: Changes = (),
) -> None:
    """Parameters, memory, floating-point operations and expected time of a training, before anything runs.

    Every field of the recipe can be given by its dotted name, as for langue train. What cannot fit into memory is
    refused, with exit status 2.

    Args:
        sources: A recipe: a YAML file, or the name of one that comes with Langue, such as shakespeare. Or data, by
            which one is chosen as langue train does.
        start_from: A run, a checkpoint, a model's folder (Hugging Face's too), hf:OWNER/NAME or package:NAME, whose
            weights the training will begin with.
        as_json: Print one JSON object.
    """
    from langue.cli.fields import read_fields
    from langue.cli.sources import ask_columns
    from langue.console import say
    from langue.experiment.sources import guessed, named_recipe
    from langue.plan import make_plan

    fields = read_fields(changes)
    recipe = named_recipe(sources, fields)
    if recipe is None:
        chosen = guessed(sources, fields, start_from, ask_columns)
        recipe = chosen.recipe
        for line in chosen.lines():
            say(line)
    made = make_plan(recipe, start_from)
    if as_json:
        derived = {"flops": made.flops, "memory_needed": made.memory_needed}
        print(json.dumps({**asdict(made), **derived}))
    else:
        print("\n".join(describe(made)))
    made.check()


def describe(made: Plan) -> list[str]:
    """The plan in words."""
    from langue.plan import PROGRAM
    from langue.wording import duration, short, size

    teacher = {"the teacher": made.teacher_memory} if made.teacher_memory else {}
    parts = {**asdict(made.memory), **teacher, "Python and torch": PROGRAM}
    rows, kind = f"rows of up to {made.context:,} tokens", "tokens"
    if made.source is not None:
        rows, kind = f"{made.rows:,} pairs of {made.source:,} and {made.context:,} tokens at most", "target tokens"
    held = ", ".join(f"{what} {size(amount)}" for what, amount in parts.items())
    drawn = f"of that, {duration(made.drawing)} to draw {short(made.drawn)} tokens, if texts are as long as they may be"
    drawing = [_line("", drawn)] if made.drawn else []
    taught = 100 * made.teacher_flops / (made.flops_per_token + made.teacher_flops)
    teaching = [_line("", f"{taught:.0f} % of them the teacher's")] if made.teacher_flops else []
    beside = [_line("", f"beside it, {made.uncounted}")] if made.uncounted else []
    how = made.adapters or f"training.freeze: {made.freeze}"
    learning = f", of which {made.learning:,} learn ({how})" if made.learning < made.parameters else ""
    return [
        f"{made.model}, {made.parameters:,} parameters{learning}, vocabulary of {made.vocabulary:,}, {rows}",
        _line(
            "training",
            f"{made.steps:,} steps of {made.tokens / made.steps:,.0f} {kind}: {short(made.tokens)} tokens, "
            f"{short(made.flops)} FLOPs",
        ),
        *teaching,
        _line("memory", f"about {size(made.memory_needed)} of the {size(made.memory_free)} that are free"),
        _line("", held),
        _line("", f"a checkpoint takes {size(made.checkpoint)} on the disk"),
        _line(
            "time",
            f"about {duration(made.seconds)} on {made.device}, which multiplies matrices at {made.peak / 1e9:,.0f} "
            f"GFLOP/s;",
        ),
        _line("", f"a model of this kind and size usually gets about {made.share:.0%} of that"),
        *drawing,
        *beside,
    ]


def _line(name: str, text: str) -> str:
    return f"{name:<10} {text}"
