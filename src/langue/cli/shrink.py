"""`langue shrink`: a smaller model of a trained one, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from langue.cli.inputs import json_line
from langue.cli.options import Device, Json, ReadingOptions, chosen
from langue.console import table

if TYPE_CHECKING:
    from langue.metrics.cost import Cost


def shrink(
    run: Path,
    /,
    *,
    out: Path,
    to: Literal["int8", "q8_0", "q4_0", "q4_1", "nf4"] | None = None,
    method: Literal["round", "gptq", "awq"] | None = None,
    keep: str | None = None,
    calibrate: str | None = None,
    measure: str | None = None,
    at_most: float | None = None,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008 - it is frozen
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make a smaller model of a trained one, and measure what that costs: bytes, loss and speed before and after.

    With --to, each number of a matrix is held in eight or four bits instead of thirty-two. With --keep, heads of
    attention, channels of feedforward layers and whole layers are left out: those that add least to what the model
    makes of a calibration text. What is left can be trained on: langue train … --start-from OUT.

    Args:
        run: A run folder, a checkpoint, a model's folder with its tokenizer (Hugging Face's too), hf:OWNER/NAME or
            package:NAME.
        out: The folder to make, which every verb takes; cost.html in it shows what it cost.
        to: Format of the matrices: int8 has one scale a row and is the fastest on a CPU; q8_0, q4_0 and q4_1 are
            llama.cpp's, which a GGUF file keeps to the bit; nf4 is bitsandbytes'. The embedding keeps eight bits.
        method: Rounding to the nearest (round), so that columns make up for each other's error (gptq), or finer where
            inputs are large (awq); by default round to eight bits, gptq to four.
        keep: How much to keep, such as heads:0.5,feedforward:0.5,layers:4: shares with a point, numbers without.
        calibrate: A file of data as the model reads them, by which parts and roundings are chosen; by default the run's
            dev data.
        measure: A file of data that the loss is measured on; by default the run's test data, or of its dev data what
            was not calibrated with.
        at_most: Percentage by which the loss may rise, or nothing is written; by default 0.5 where adapters are merged
            into few bits, and any where there are none.
        reading: How these files are read.
        as_json: Print one JSON object.
    """
    from langue.experiment.shrink import shrink as make_smaller

    files = {"calibrate": calibrate, "measure": measure, "reading": chosen(reading)}
    cost = make_smaller(run, out, keep=keep, to=to, method=method, at_most=at_most, **files, device=device)
    if as_json:
        print(json_line({"run": str(out), **cost.model_dump()}))
    else:
        show(cost, out)


def show(cost: Cost, out: Path) -> None:
    """Print what it cost as a table."""
    from langue.report import COST
    from langue.report.cost import cost_rows

    rows = [[row.name, row.before, row.after, row.change] for row in cost_rows(cost)]
    table(f"{out}: {cost.source}, {', then '.join(cost.steps)}", ["", "before", "after", "change"], rows)
    if cost.loss is not None:
        print(f"loss on {cost.loss.targets:,} {cost.loss.unit}s of {cost.measured_on}, 95 % in brackets")
    if (out / COST).is_file():
        print(f"page: {out / COST}")
