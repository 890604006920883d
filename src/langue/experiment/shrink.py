"""Making a trained model smaller: step by step, measured beside what it was, and written as a folder of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from langue.account import reported
from langue.console import remark, say
from langue.errors import LangueError, hint
from langue.evaluation.cost import SECONDS, Compared, cost_of
from langue.evaluation.rows import CALIBRATED, split_rows
from langue.evaluation.settings import reading_as
from langue.experiment.card import base_name, smaller_card
from langue.experiment.cost import run_of, text_of, weight_files
from langue.experiment.run import RunFolder
from langue.experiment.versions import environment
from langue.files import write_text
from langue.hub import PretrainedModel, local, new_folder, save_checkpoint
from langue.metrics.cost import Cost
from langue.models import Model
from langue.models.build import has_adapters
from langue.models.quantize import Rounding, quantize
from langue.nn.linear import Linear, linear_layers
from langue.pruning import Keep, prune, read_keep
from langue.pruning.keep import Amount
from langue.quantization import QuantizationConfig
from langue.quantization.formats import WRITABLE
from langue.quantization.settings import WritableName
from langue.recipe import ModelSettings, Recipe, write_recipe
from langue.report import write_cost
from langue.tasks import open_task
from langue.tasks.folders import read_model
from langue.tasks.recipes import recipe_class

MERGED_AT_MOST = 0.5
"""Percentage by which the loss may rise when adapters are merged into few bits."""

ROUNDED_BY = 1 << 14
"""Positions that roundings are chosen by, of which some matrices have thousands of columns to tell apart."""

Calibration = Callable[[Model], object]
"""A function that runs a model on the calibration data, row by row and without padding."""


class ShrinkStep(NamedTuple):
    """One way to make a model smaller.

    Attributes:
        words: what it does, as a command line says it.
        apply: makes a smaller model of one that stays as it is.
        positions: of calibration data that it wants.
    """

    words: str
    apply: Callable[[Model, Calibration], Model]
    positions: int = CALIBRATED


@reported()
def shrink(
    source: Path | str,
    out: Path | str,
    *,
    keep: str | Mapping[str, Amount] | None = None,
    to: WritableName | None = None,
    method: Rounding | None = None,
    calibrate: Path | str | None = None,
    measure: Path | str | None = None,
    at_most: float | None = None,
    reading: Mapping[str, Any] = MappingProxyType({}),
    device: str = "auto",
    seconds: float = SECONDS,
) -> Cost:
    """Make a smaller model of a trained one, and measure what that costs; adapters become part of it.

    Args:
        source: a run, a checkpoint, a model's folder with its tokenizer (Hugging Face's too), hf:OWNER/NAME or
            package:NAME.
        out: the folder to be made, which every verb takes; nothing is left of it when something fails.
        keep: how much stays of its parts, such as "heads:0.5,feedforward:0.5,layers:4" or the same as a mapping: shares
            are of type float, numbers of type int.
        to: format of few bits for the matrices that are left; see `langue.quantization`.
        method: the way in which these are rounded: to the nearest, by GPTQ, or finer where inputs are large; by default
            to the nearest eight bits, and by GPTQ to four.
        calibrate: data by which parts and roundings are chosen; by default the run's dev data.
        measure: data that the loss before and after is measured on; by default the run's test data, or of its dev data
            what was not calibrated with.
        at_most: percentage by which the loss may rise; by default 0.5 where adapters are merged into few bits, which
            may round away what they learnt, and any where there are none.
        reading: how these files are read, as of `langue.evaluate`: documents, text, columns, max_line_bytes,
            max_dropped.
        device: cpu, cuda, …
        seconds: of each model in each of three rounds in which speed is measured.

    Raises:
        LangueError: there is no such model, it has no such parts, the data do not suffice, `out` is taken, or the loss
            rises by too much.
    """
    source, out = Path(source), Path(out)
    steps = steps_of(keep, to, method)
    _check_place(source, out)
    pretrained, recipe = read_model(source)
    task = open_task(pretrained, recipe, source, device)
    run = run_of(local(source))
    recipe = None if recipe is None else recipe.of_use()
    data = text_of(calibrate), text_of(measure), reading_as(reading, "shrink")
    split = split_rows(task, run, recipe, *data, calibrated=max(step.positions for step in steps))
    smaller = task.model
    for step in steps:
        smaller = step.apply(smaller, split.calibration.run)
    result = replace(pretrained, model=smaller, tokenizer=task.tokenizer)
    with new_folder(out) as stage:
        save_checkpoint(result, stage)
        say(f"measuring both models on {split.measured_on}")
        cost = cost_of(
            Compared(task.model, weight_files(local(source))),
            Compared(smaller, weight_files(stage)),
            split.measure,
            source=base_name(source),
            steps=[step.words for step in steps],
            measured_on=split.measured_on,
            calibrated_on=split.calibrated_on,
            seconds=seconds,
        )
        _check_rise(cost, MERGED_AT_MOST if at_most is None and to and has_adapters(task.model) else at_most)
        _write(result, recipe, run, stage, out.name, task.name, cost)
    return cost


def _check_rise(cost: Cost, at_most: float | None) -> None:
    """Refuse a loss that rises by more than a percentage of what it was."""
    assert cost.loss is not None
    before, after = cost.loss.before, cost.loss.after
    rise = 100 * (after - before) / max(abs(before), 1e-12)
    if at_most is not None and rise > at_most:
        raise LangueError(
            f"the loss on {cost.measured_on} rises by {rise:.2f} %, from {before:.4f} to {after:.4f}, and may by "
            f"{at_most:g} %; take more bits, or allow it by --at-most {math.ceil(10 * rise) / 10:g}"
        )


def steps_of(
    keep: str | Mapping[str, Amount] | None = None, to: WritableName | None = None, method: Rounding | None = None
) -> list[ShrinkStep]:
    """The steps that a user wants, in their order.

    Raises:
        LangueError: there are none, or one of them is not what it should be.
    """
    steps = [] if keep is None else [_pruning(read_keep(keep))]
    if to is not None:
        steps.append(_quantizing(to, method))
    elif method is not None:
        raise LangueError(f"method {method} is a way to round to few bits; say to which, such as --to q4_0")
    if not steps:
        raise LangueError("there is nothing to do; say --to int8, or what to keep: --keep heads:0.5,feedforward:0.5")
    return steps


def _pruning(keep: Keep) -> ShrinkStep:
    return ShrinkStep(f"keep {keep.in_words()}", lambda model, run: prune(model, keep, run))


def _quantizing(to: WritableName, method: Rounding | None) -> ShrinkStep:
    if to not in WRITABLE:
        raise LangueError(f"there is no format {to!r}; {hint(to, WRITABLE)}")
    few = WRITABLE[to].bits < 8
    # What a small model knows of its vocabulary does not survive four bits.
    config = QuantizationConfig(format=to, table="q8_0" if few else None)
    chosen: Rounding = method or ("gptq" if few else "round")

    def apply(model: Model, run: Calibration) -> Model:
        smaller = quantize(model, config.replace(one_digit=model.config.form == "encoder"), chosen, run)
        layers = linear_layers(smaller)
        kept = [place for place, layer in layers.items() if type(layer) is Linear]
        if kept:
            say(f"{len(kept)} of {len(layers)} matrices judge or do not divide, and keep fp32: {', '.join(kept)}")
        return smaller

    words = f"to {to}" + ("" if chosen == "round" else f" by {chosen}")
    return ShrinkStep(words, apply, CALIBRATED if chosen == "round" else ROUNDED_BY)


def _check_place(source: Path, out: Path) -> None:
    """Refuse a place that is taken before hours of work, and not after them.

    Raises:
        LangueError: there is something.
    """
    if out.resolve() == source.resolve():
        raise LangueError(f"{out} is the model itself, which stays as it is; choose another --out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LangueError(f"{out} already exists; remove it or choose another --out")


def _write(
    result: PretrainedModel, recipe: Recipe | None, run: Path, stage: Path, name: str, task: str, cost: Cost
) -> None:
    """Write what belongs to a run besides its model: its recipe, its dev and test data, the card and the cost."""
    config = result.model.config
    if recipe is not None:
        recipe = recipe.replace(model=ModelSettings(**config.model_dump()), adapt=None)
        write_recipe(recipe, stage / "recipe.yaml")
        write_text(stage / "environment.json", json.dumps(environment(), indent=2) + "\n")
        RunFolder(run).copy_held_out(stage)
    if note := write_cost(cost, stage, name):
        remark(note)
    assert result.tokenizer is not None
    of_task = recipe or recipe_class(task)(task=task, data={"train": ""})  # type: ignore[arg-type]
    write_text(stage / "README.md", smaller_card(name, task, of_task, config, result.tokenizer, cost))
