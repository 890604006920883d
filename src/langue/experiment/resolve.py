"""From what a recipe says to what a run does: every field filled in, and what a resumed run may change."""

from __future__ import annotations

from pathlib import Path

from langue.console import say
from langue.errors import LangueError
from langue.experiment.run import RunFolder
from langue.experiment.start import continue_config, read_start, with_own_head
from langue.experiment.teacher import with_teacher
from langue.recipe import Recipe, changes_between
from langue.remote import is_name
from langue.settings import shown
from langue.tasks.training_task import WeightsOrigin, training_task
from langue.text import Tokenizer, TokenizerSettings
from langue.training import TrainingSettings

HARMLESS = {
    "training.device",
    "training.compile",
    "training.recompute",
    "training.evaluate_every",
    "training.patience",
    "training.checkpoint_every",
    "training.keep",
    "training.log_every",
    "training.log_to",
    "training.max_skipped",
}
"""Fields that may change when a run is resumed: where it computes, and what it writes down."""

BUDGET = {"training.steps", "training.seconds", "training.tokens", "training.flops", "training.epochs"}
"""Fields that may change as well, where the learning rate does not depend on how much is left."""

LEADING = {"model.path", "distill.teacher"}
"""Fields from which others follow, so that their change is named before those."""


def begin_from(recipe: Recipe, start_from: Path | str | None) -> Recipe:
    """A recipe that begins from trained weights has their architecture and, unless it names another, their tokenizer.

    Raises:
        LangueError: there are no such weights, or the recipe wants another architecture.
    """
    if start_from is not None:
        recipe = with_start(recipe, start_from)
    if recipe.model.path is None and recipe.adapt is not None:
        raise LangueError("adapters stand on a trained model; name it: --start-from RUN or FOLDER")
    return with_teacher(recipe if recipe.model.path is None else _with_start_of(recipe, recipe.model.path))


def _with_start_of(recipe: Recipe, path: Path) -> Recipe:
    """A recipe with the architecture of the weights in a folder, and their tokenizer."""
    start = read_start(path)
    config, blank = start.config, start.checkpoint.model.has_blank_head
    if blank:  # what is to be written has a vocabulary of the recipe's
        config = config.replace(vocab_size=0)
    elif recipe.tokenizer.path is None:
        if start.checkpoint.tokenizer_path is None:
            raise LangueError(f"{path} comes without its tokenizer; name it: --tokenizer.path DIR")
        recipe = recipe.replace(tokenizer={"path": start.checkpoint.tokenizer_path})
    reads = start.checkpoint.source_tokenizer_path
    source = None if reads is None else TokenizerSettings(path=reads)
    task = training_task(recipe)
    recipe = task.begun_from(recipe, WeightsOrigin(start.tasks[0], start.recipe, source, start.checkpoint.reading))
    config = with_own_head(task.start_config(config), start, task.judges)
    return recipe.replace(model=continue_config(recipe.model, config))


def with_start(recipe: Recipe, start_from: Path | str) -> Recipe:
    """A recipe that begins with the weights of a folder, or of a remote name."""
    path = Path(start_from)
    return recipe.replace(model={"path": path if is_name(start_from) else path.absolute()})


def go_on_from(recipe: Recipe, folder: RunFolder, start_from: Path | str | None = None) -> Recipe:
    """A recipe by which a run goes on, with the weights from which it began, as the run's own recipe knows them.

    Those weights are not read again: they may be gone by now, and a run with a checkpoint has no need of them.

    Raises:
        LangueError: the recipe wants other weights than can be read, or another architecture.
    """
    old = folder.recipe()
    if recipe.training.batch_size == "auto":
        recipe = recipe.replace(training={"batch_size": old.training.rows})
    if start_from is not None:
        recipe = with_start(recipe, start_from)
    if old.model.path is None or recipe.model.path not in (None, old.model.path):
        return begin_from(recipe, None)
    recipe = recipe.replace(model={"path": old.model.path})
    if recipe.tokenizer.path is None:
        recipe = recipe.replace(tokenizer={"path": old.tokenizer.path})
    source = getattr(old, "source_tokenizer", None)
    origin = WeightsOrigin(old.of_use().task, old, source, training_task(old).reading_of(old))
    recipe = training_task(recipe).begun_from(recipe, origin)
    return with_teacher(recipe.replace(model=continue_config(recipe.model, old.model.architecture())))


def reconcile(recipe: Recipe, folder: RunFolder) -> Recipe:
    """The recipe by which a run goes on: the one it began with, but for changes that leave its way as it was.

    Raises:
        LangueError: names a change that would make it another run.
    """
    old = folder.recipe()
    new = training_task(recipe).complete(recipe, Tokenizer.load(folder.path))
    changes = changes_between(old, new)
    for name, (was, now) in sorted(changes.items(), key=lambda change: change[0] not in LEADING):
        if not _is_harmless(name, new.training):
            raise LangueError(
                f"{name} was {shown(was)} in {folder.path} and is {shown(now)} now, which would make it another run; "
                f"set it back, or train anew with another --out"
            )
        say(f"{name}: {shown(was)} until now, {shown(now)} from here on")
    return new


def _is_harmless(name: str, training: TrainingSettings) -> bool:
    steady = training.schedule in ("constant", "inverse_sqrt") and training.warmup_share is None
    return name in HARMLESS or name.startswith(("samples.", "card.")) or (steady and name in BUDGET)
