"""Training by a recipe: from nothing but text to a run folder, or on from where a run stopped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import torch

from langue.account import unsaid
from langue.console import remark, say
from langue.data.tally import left_out
from langue.errors import LangueError
from langue.experiment.auto_batch import fits, sized
from langue.experiment.card import write_card
from langue.experiment.comparison import compare_with_teacher
from langue.experiment.fit import check_fit
from langue.experiment.judging import write_judging
from langue.experiment.learnt import SHOWN_ROWS, show_learnt, write_learnt
from langue.experiment.materialize import kept_data, materialize
from langue.experiment.resolve import begin_from, go_on_from, reconcile
from langue.experiment.run import Run, RunFolder
from langue.experiment.sources import read_sources
from langue.experiment.start import copy_weights, read_start
from langue.experiment.teacher import with_texts
from langue.experiment.trackers import Trackers, check_installed
from langue.experiment.versions import environment
from langue.experiment.watch import build_watch, keep
from langue.files import discard_pieces, replacing_listed
from langue.models import Base, Model, build, with_adapters
from langue.models.build import plain_weights
from langue.parallel import broadcast_number, is_first, outline_of, process_group, strategy_of, wait
from langue.recipe import Recipe, write_recipe
from langue.report import write_report
from langue.report.record import Row, read_record
from langue.tasks.bases import load_weights
from langue.tasks.fingerprints import check_sources, in_text, of_weights
from langue.tasks.recipes import read_recipe
from langue.tasks.training_task import TrainingTask, training_task
from langue.tasks.workload import Shape
from langue.text import Tokenizer, train_tokenizer
from langue.training import Trainer, choose_device, freeze, latest
from langue.training.log import Log, OnRow
from langue.training.trainer import INTERRUPTED
from langue.wording import short


def train(
    recipe: Recipe | Path | str | Mapping[str, Any] | Sequence[Path | str],
    out: Path | str,
    *,
    data: Any = None,
    start_from: Path | str | None = None,
    resume: bool | Literal["auto"] = False,
    report: bool = True,
) -> Run:
    """Train a model by a recipe or by data alone.

    Args:
        recipe: a recipe, the path of its file, its name, or what would stand in it; or a file, folder or name of data,
            or several, by which one is chosen and put beside the run.
        out: the run folder to be made; nothing is left of it when the recipe or the data are at fault.
        data: goes before the recipe's data: a `datasets.Dataset` or `IterableDataset`, any iterable of texts or of rows
            by column name, or a mapping with such for train, dev and test, as a `datasets.DatasetDict` is. The run
            keeps its own copy as JSON lines, which it is resumed from; to resume, `data` is not read again.
        start_from: a run, a checkpoint or a model's folder whose weights to begin with; a resumed run knows its own.
        resume: go on with the run in `out` from its last whole checkpoint, bit for bit; "auto" does so where there is a
            run, and begins one where there is none.
        report: draw report.html when training is over.

    Returns:
        What came out, which may be an interrupted run.

    Raises:
        LangueError: whatever is wrong with recipe, data or folder, in one sentence.
    """
    with set_up(recipe, out, data=data, start_from=start_from, resume=resume) as session:
        session.run()
        return session.finish(report=report)


class Training:
    """A training that is set up, to be gone through at once or in turns.

    Args:
        trainer: at the step from which it goes on.
        folder: the run's.
        trackers: that follow it.
    """

    def __init__(self, trainer: Trainer, folder: RunFolder, trackers: Trackers):
        self.trainer, self.folder, self.trackers = trainer, folder, trackers
        patience = trainer.config.patience
        if trainer.used_budget() >= 1 or (patience is not None and trainer.progress.since_best >= patience):
            trainer.stopped = "it had ended before"

    @property
    def is_over(self) -> bool:
        return self.trainer.stopped is not None

    @unsaid()
    def run(self, pause: Callable[[], bool] = lambda: False) -> None:
        """Train on, to the end or until `pause` says so after a step; see `Trainer.run`."""
        if not self.is_over:
            self.trainer.run(pause)

    @unsaid()
    def finish(self, *, report: bool = True) -> Run:
        """Complete the folder of a training that is over."""
        trainer, folder = self.trainer, self.folder
        if broadcast_number(trainer.watch.evaluate is None or not folder.model.exists()):
            with trainer.gathered():
                if is_first():
                    keep(cast(Model, trainer.model), folder, _training_task(folder).notes)
        if is_first():
            if trainer.stopped != INTERRUPTED:
                _test(folder, trainer.device, trainer.progress.step, self.trackers.log)
                write_judging(folder, trainer.device)
                compare_with_teacher(folder, lambda: _training_task(folder), str(trainer.device))
            if report:
                remark(write_report(folder.path))
            write_card(folder)
        wait()  # launchers may kill the first, which still writes, where another ends by a status that is not 0
        return _result(trainer, folder)


@contextmanager
def set_up(
    recipe: Recipe | Path | str | Mapping[str, Any] | Sequence[Path | str],
    out: Path | str,
    *,
    data: Any = None,
    start_from: Path | str | None = None,
    resume: bool | Literal["auto"] = False,
) -> Iterator[Training]:
    """Set up what `train` goes through, and hold its folder inside."""
    folder = RunFolder(Path(out))
    if not isinstance(recipe, Recipe):
        recipe = _read(recipe, folder, data, start_from, resume)
    device = choose_device(recipe.training.device)
    process_group(device)
    resume = folder.is_run() if resume == "auto" else resume
    check_installed(recipe.training.log_to)  # in every process, so that none waits for one that has ended
    trackers = Trackers(recipe.training.log_to if is_first() else ())
    with folder.claim(resume=resume) if is_first() else nullcontext():
        if is_first():
            if data is not None:
                recipe = kept_data(recipe, folder) if resume else materialize(data, recipe, folder.data)
            recipe = go_on_from(recipe, folder, start_from) if resume else begin_from(recipe, start_from)
            recipe = with_texts(recipe, folder, resume=bool(resume))
            trainer = (_resume if resume else _begin)(recipe, folder, trackers)
            wait()
        else:
            wait()
            with unsaid():  # the first process says it
                trainer = _build(folder.recipe(), folder, trackers).trainer
        with trackers.following(folder, trainer):
            yield Training(trainer, folder, trackers)


def _read(
    source: Path | str | Mapping[str, Any] | Sequence[Path | str],
    folder: RunFolder,
    data: Any,
    start_from: Path | str | None,
    resume: bool | Literal["auto"],
) -> Recipe:
    """The recipe that is named or written out, or one that is chosen by data."""
    if isinstance(source, Mapping) or (data is not None and isinstance(source, str | Path)):
        return read_recipe(source, {} if data is None else {"data.train": "given"})
    sources = [source] if isinstance(source, str | Path) else source
    is_named = isinstance(sources, Sequence) and sources and all(isinstance(name, str | Path) for name in sources)
    if data is not None or not is_named:
        raise LangueError("rows are handed over as data=…, beside a recipe or its name, such as classify")
    return read_sources([str(name) for name in sources], folder.path, {}, start_from, resume)


def _begin(recipe: Recipe, folder: RunFolder, trackers: Trackers) -> Trainer:
    """Set up a new run. Its recipe is written last, since that is what makes the folder a run."""
    is_open = recipe.training.batch_size == "auto"
    recipe = sized(recipe)
    task = training_task(recipe)
    tokenizer = task.finished_tokenizer(recipe, train_tokenizer(recipe.tokenizer, task.texts(recipe)))
    recipe = task.complete(recipe, tokenizer)
    _check_fit(recipe, task.known_shape(recipe))
    tokenizer.save(folder.path)
    task.prepare(recipe, tokenizer, folder.data)
    built = _build(recipe, folder, trackers)
    while is_open and recipe.training.rows > 1 and not fits(built.trainer):
        recipe = recipe.replace(training={"batch_size": recipe.training.rows // 2})
        say(f"that is too much; training.batch_size: {recipe.training.rows}")
        built = _build(recipe, folder, trackers)
    with replacing_listed(folder.path) as stage:
        content = json.dumps(environment(), indent=2) + "\n"
        (stage / folder.environment_file.name).write_text(content, encoding="utf-8")
        (stage / folder.sources_file.name).write_text(in_text(built.data, built.weights), encoding="utf-8")
    write_recipe(recipe, folder.recipe_file)
    discard_pieces(folder.path)
    return built.trainer


def _resume(recipe: Recipe, folder: RunFolder, trackers: Trackers) -> Trainer:
    """Go on with a run, from its beginning if it has no checkpoint yet."""
    recipe = reconcile(recipe, folder)
    _check_fit(recipe, training_task(recipe).known_shape(recipe))
    trainer = _build(recipe, folder, trackers).trainer
    write_recipe(recipe, folder.recipe_file)
    return trainer


def _check_fit(recipe: Recipe, shape: Shape | None) -> None:
    """Refuse what cannot fit before the model is built."""
    if shape is not None:
        device = choose_device(recipe.training.device)
        shares = strategy_of(recipe.training.parallel, device).shares
        mine = shape._replace(rows=math.ceil(shape.rows / shares))
        check_fit(recipe.architecture(), recipe.training, mine, device)


class _Built(NamedTuple):
    """A trainer, and fingerprints of what was read for it, by name."""

    trainer: Trainer
    data: Mapping[str, str]
    weights: Mapping[str, str]


def _build(recipe: Recipe, folder: RunFolder, trackers: Trackers) -> _Built:
    """The trainer of a run whose data stand, at its last checkpoint.

    Raises:
        LangueError: something that it reads is not what it was when the run began.
    """
    training = recipe.training
    task = training_task(recipe)(recipe, Tokenizer.load(folder.path), folder.data)
    _check_fit(recipe, task.largest)
    device = choose_device(training.device)
    model = build(recipe.model.architecture(), training.seed)
    checkpoint = latest(folder.checkpoints)
    weights: dict[str, str] = {}
    if recipe.model.path is not None and (checkpoint is None or recipe.adapt is not None):
        # Who goes on with adapters reads their base as everyone does who uses them.
        start = read_start(recipe.model.path, averaged=recipe.adapt is not None)
        plain = plain_weights(start.checkpoint.model)
        weights = {str(recipe.model.path): of_weights(start.config.model_dump(), plain)}
        new = copy_weights(model, start, task.labels)
        if recipe.adapt is not None:
            base = Base(str(recipe.model.path), of_weights({}, plain))
            bits = recipe.architecture().quantization
            model = with_adapters(model, recipe.adapt.adapter(), base, training.seed, bits)
        if new and checkpoint is None and is_first():
            say(f"new weights: {', '.join(new)}; all others are from {recipe.model.path}")
    freeze(model, training)
    if training.recompute:
        model.recompute()
    model.to(device)
    strategy = strategy_of(training.parallel, device)
    algorithm = task.algorithm(strategy)
    weights |= task.weights
    if folder.sources_file.exists():
        check_sources(folder.sources_file, task.fingerprints, "data")
        check_sources(folder.sources_file, weights, "weights")
    watch = build_watch(task, folder, device, trackers.log)
    trainer = Trainer(model, algorithm, training, folder.path, watch, strategy, task.companion)
    if checkpoint is not None:
        trainer.resume(checkpoint)
    _announce(trainer, task, folder)
    return _Built(trainer, task.fingerprints, weights)


def _announce(trainer: Trainer, task: TrainingTask, folder: RunFolder) -> None:
    """Say in one line what is about to be trained, and show what of its first rows is learnt."""
    if not is_first():
        return
    outlines, model = [outline_of(weight) for weight in trainer.model.parameters()], task.recipe.model
    count = sum(outline.numel() for outline in outlines)
    learning = sum(outline_of(weight).numel() for weight in trainer.parameters)
    which = "" if learning == count else f", of which {short(learning)} learn,"
    begun = f", from step {trainer.progress.step:,} on" if trainer.progress.step else ""
    say(
        f"training {model.preset or model.described} of {short(count)} parameters{which} on {task.describe()}, "
        f"on {trainer.device}{begun}"
    )
    if rows := task.learnt_rows(SHOWN_ROWS):
        show_learnt(rows)
        write_learnt(rows, folder.path)


def _training_task(folder: RunFolder) -> TrainingTask:
    recipe = folder.recipe()
    return training_task(recipe)(recipe, Tokenizer.load(folder.path), folder.data)


def _test(folder: RunFolder, device: torch.device, step: int, on_row: OnRow) -> None:
    """Evaluate the kept weights on the test data, once for each end of the training, and write it down."""
    if folder.recipe().data.test is None or any(row["step"] == step for row in read_record(folder.path).test):
        return
    metrics = _training_task(folder).test(load_weights(folder.model, device))
    if metrics is not None:
        Log(folder.metrics_file, step, on_row).write(step=step, split="test", **metrics)


def _result(trainer: Trainer, folder: RunFolder) -> Run:
    record, done = read_record(folder.path), trainer.progress
    best = record.best() or {}
    metrics = _metrics(best) if best.get("split") == "dev" else {}
    step = best.get("step", done.step) if metrics else done.step
    metrics |= {f"test_{name}": value for row in record.test for name, value in _metrics(row).items()}
    why, lost = trainer.stopped or "", left_out(folder.data)
    return Run(folder, done.step, done.tokens, done.seconds, step, metrics, why, lost, trainer.signal)


def _metrics(row: Row) -> dict[str, float]:
    """The metrics of a row, without its counts."""
    counted = ("step", "tokens", "seconds", "best")
    return {name: value for name, value in row.items() if name not in counted and isinstance(value, int | float)}
