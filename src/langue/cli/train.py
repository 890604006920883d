"""`langue train`: from a recipe, or from nothing but data, to a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from langue.cli.fields import read_fields
from langue.cli.options import AtLeastOne, Changes, Json
from langue.cli.sources import ask_columns, name_of
from langue.cli.status import QUEUE_AGAIN, ended_by, going_on
from langue.console import say, table, visible
from langue.errors import Interrupted
from langue.wording import counted, duration, in_words, short, without_gaps

if TYPE_CHECKING:
    from langue.experiment import Run
    from langue.recipe import Recipe


_RESUME: dict[str | None, bool | Literal["auto"]] = {None: False, "always": True, "auto": "auto"}


def train(
    *sources: AtLeastOne,
    out: Path | None = None,
    start_from: Path | None = None,
    resume: Literal["always", "auto"] | None = None,
    seeds: int | None = None,
    report: bool = True,
    as_json: Json = False,
    changes: Changes = (),
) -> int:
    """Train a model by a recipe or by data alone, and leave a run folder that every other verb takes.

    Every field of the recipe can be given here by its dotted name, such as --training.steps 200 or
    --model.preset lstm-nano. Ctrl-C or SIGTERM saves and stops, with exit status 130 or 143, or 75 in a job of Slurm's;
    --resume goes on bit for bit.

    Args:
        sources: A recipe: a YAML file, or the name of one that comes with Langue, such as shakespeare. Or data: texts,
            tables, folders of recordings, by which task, model and budget are chosen; the recipe is put into OUT.yaml.
        out: The run folder to make; by default runs/ and the name of the recipe or of the data.
        start_from: A run, a checkpoint, a model's folder (Hugging Face's too), hf:OWNER/NAME or package:NAME, whose
            weights to begin with.
        resume: Go on with the run in OUT from its last whole checkpoint; with auto behind it, begin one where there is
            none, so that a job can be queued again as it is.
        seeds: Train so many times, with seeds from training.seed on, in OUT/seed-N; tell mean and deviation. What was
            begun before is gone on with.
        report: Draw report.html when training is over.
        as_json: Print one JSON object with what came out.
    """
    from langue import experiment
    from langue.experiment.sources import read_sources
    from langue.parallel import is_first
    from langue.training import latest

    out = out or Path("runs") / name_of(sources)
    parsed = read_sources(sources, out, read_fields(changes), start_from, _RESUME[resume], ask_columns)
    if seeds is not None:
        return _train_seeds(parsed, out, seeds, start_from, report, as_json)
    try:
        trained = experiment.train(parsed, out, start_from=start_from, resume=_RESUME[resume], report=report)
    except Interrupted as error:
        if ended_by(error.signal) != QUEUE_AGAIN or latest(out / "checkpoints") is None:
            raise
        say("interrupted; the checkpoint before is there to go on from")
        return QUEUE_AGAIN
    if is_first():
        if trained.interrupted:
            say(f"interrupted at step {trained.step:,}; go on with: {going_on(out)}")
        print(json.dumps(trained.summary()) if as_json else _closing(trained))
    return ended_by(trained.signal if trained.interrupted else None)


def _train_seeds(recipe: Recipe, out: Path, count: int, start_from: Path | None, report: bool, as_json: bool) -> int:
    from langue.experiment.seeds import train_seeds
    from langue.parallel import is_first

    result = train_seeds(recipe, out, count, start_from=start_from, report=report)
    last = result.runs[-1]
    more_to_do = last.interrupted or len(result.runs) < count
    status = ended_by(last.signal if more_to_do else None)
    if not is_first():
        return status
    if more_to_do:
        say(f"interrupted in {last.folder.path}; the same command goes on")
    if as_json:
        print(json.dumps(result.summary()))
        return status
    rows = [
        [
            name.replace("_", " "),
            *(_figure(run.metrics.get(name)) for run in result.runs),
            f"{_figure(mean)} ± {_figure(deviation)}",
        ]
        for name, (mean, deviation) in result.metrics.items()
    ]
    if rows:
        table(str(out), ["metric", *(f"seed {seed}" for seed in result.seeds), "mean ± deviation"], rows)
    return status


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _closing(trained: Run) -> str:
    """The result, and a command to try it by."""
    from langue.report.record import read_record
    from langue.tasks.training_task import training_task
    from langue.text import Tokenizer

    run, measured, recipe = trained.folder.path, trained.metrics, trained.folder.recipe()
    done = f"{counted(trained.step, 'step')}, {short(trained.tokens)} {recipe.unit}, {duration(trained.seconds)}"
    lines = [f"{run}: {done}; {trained.stopped}"]
    dev = {name: value for name, value in measured.items() if not name.startswith("test_")}
    test = {name.removeprefix("test_"): value for name, value in measured.items() if name.startswith("test_")}
    lines += [
        f"{split} {in_words(values)} (step {trained.best_step:,})"
        for split, values in (("dev", dev), ("test", test))
        if values
    ]
    if samples := read_record(run).samples():
        lines += [f"it wrote (step {samples[-1]['step']:,}):", visible(without_gaps(samples[-1]["sample"])), ""]
    words = training_task(recipe).words_of(recipe)
    command = words.in_shell(str(run), words.example(recipe, Tokenizer.load(run)))
    return "\n".join([*lines, f"try: {command}"])
