"""`langue race`: which model learns a text best for the same budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from langue.cli.options import Changes

if TYPE_CHECKING:
    from langue.report.result import RaceResult


def race(
    recipe: Path,
    /,
    *presets: str,
    out: Path,
    seconds: float | None = None,
    tokens: float | None = None,
    flops: float | None = None,
    changes: Changes = (),
) -> None:
    """Train presets on the same data with the same budget, and compare them in a table, a picture and a report.

    Each becomes a run folder in OUT. Called again, it goes on where it was interrupted.

    Args:
        recipe: A YAML file, or the name of a recipe that comes with Langue; of its model, context and dropout count.
        presets: Who takes part; mlp-nano, rnn-nano, gru-nano, lstm-nano and gpt-nano by default.
        out: The folder to make.
        seconds: The budget of each, in seconds; 60 when no budget is given.
        tokens: The budget of each, in tokens.
        flops: The budget of each, in floating-point operations.
    """
    from langue.cli.fields import read_fields
    from langue.race import FAMILIES, Budget
    from langue.race import race as run_race
    from langue.report import write_race_report
    from langue.settings import parse
    from langue.tasks.recipes import read_recipe

    bounds = {"seconds": seconds, "tokens": tokens, "flops": flops}
    budget = parse(Budget, bounds if any(bounds.values()) else {"seconds": 60}, "race")
    result = run_race(read_recipe(recipe, read_fields(changes)), presets or FAMILIES, budget, out)
    show(result)
    print(write_race_report(out))


def show(result: RaceResult) -> None:
    """The table, the best first, and what it says."""
    from langue.console import table
    from langue.report.result import findings
    from langue.wording import duration, short

    columns = ["model", "bits per byte", "parameters", "tokens/s", "tokens", "time", "early", "late"]
    rows = [
        [
            member.name,
            f"{member.bits_per_byte:.3f}",
            short(member.parameters),
            short(member.tokens_per_second),
            short(member.tokens),
            duration(member.seconds),
            f"{member.early():.3f}",
            f"{member.late():.3f}",
        ]
        for member in result.ranked()
    ]
    table(f"{result.data}, {result.tokenizer}, {result.budget} each", columns, rows)
    print("early and late: bits per byte in the first eighth and the second half of the context\n")
    for sentence in findings(result):
        print(sentence)
    print()
