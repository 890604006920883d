"""A recipe with what follows from the teacher that it names."""

from __future__ import annotations

from typing import Any

from langue.errors import LangueError, either
from langue.experiment.run import RunFolder
from langue.experiment.start import Start, read_start
from langue.models import ModelConfig
from langue.recipe import PairRecipe, Recipe
from langue.settings import shown
from langue.tasks.distill.settings import TaughtRecipe
from langue.tasks.distill.texts import write_texts, writer_of
from langue.tasks.folders import read_model
from langue.text import Tokenizer, TokenizerSettings

INSTEAD = "learn from what it writes instead"


def with_teacher(recipe: Recipe) -> Recipe:
    """The recipe with the teacher's tokens, in which alone it can say what it holds of a text.

    Raises:
        LangueError: there is no such teacher, or it knows another task, form or vocabulary.
    """
    if not isinstance(recipe, TaughtRecipe) or recipe.distill is None or recipe.distill.what == "texts":
        return recipe
    path = recipe.distill.teacher
    try:
        start = read_start(path)
    except LangueError as error:
        raise LangueError(f"distill.teacher: {error}") from None
    if recipe.task not in start.tasks:
        raise LangueError(
            f"distill.teacher: {path} is a model to {either(start.tasks)}, but the student learns to {recipe.task}"
        )
    _check_form(recipe, start)
    recipe = _with_hearing(_with_tokens(recipe, start), start)
    return recipe if recipe.task == "classify" else _with_vocabulary(recipe, start)


def teacher_beside(recipe: Recipe) -> ModelConfig | None:
    """The teacher that reads every batch of a training, in the bits that it is held in; None where none does.

    Raises:
        LangueError: there is no such teacher.
    """
    if not isinstance(recipe, TaughtRecipe) or recipe.distill is None or recipe.distill.what == "texts":
        return None
    return read_model(recipe.distill.teacher)[0].model.config


def with_texts(recipe: Recipe, folder: RunFolder, *, resume: bool) -> Recipe:
    """The recipe with the texts that its teacher writes now, or wrote when the run began, for data.

    Raises:
        LangueError: there is no such teacher, or the data cannot be read.
    """
    if not isinstance(recipe, TaughtRecipe) or recipe.distill is None or recipe.distill.what != "texts":
        return recipe
    if not resume:
        return write_texts(recipe, folder.data, folder.path)
    return writer_of(recipe).with_kept_texts(recipe, folder.recipe())


def _check_form(recipe: TaughtRecipe, start: Start) -> None:
    """Refuse a teacher that does not read what the student reads; judgements of a text are alike in all forms."""
    assert recipe.distill is not None
    alike = recipe.task != "classify" or recipe.distill.what == "hidden"
    if alike and start.config.form != recipe.model.form:
        raise LangueError(
            f"distill.teacher: {recipe.distill.teacher} is of form: {start.config.form} and the student of form: "
            f"{recipe.model.form}; {INSTEAD}: --distill.what texts"
        )


def _with_tokens(recipe: TaughtRecipe, start: Start) -> TaughtRecipe:
    """The recipe with the teacher's tokenizer, and with that of its sources.

    Raises:
        LangueError: the recipe names others.
    """
    assert recipe.distill is not None
    path = recipe.distill.teacher
    tokenizer, reads = start.checkpoint.tokenizer_path, start.checkpoint.source_tokenizer_path
    if tokenizer is None:
        raise LangueError(f"distill.teacher: {path} comes without its tokenizer; put its tokenizer.json there")
    own = recipe.tokenizer.path
    if own is not None:
        _check_same(own, tokenizer, recipe)
    changes: dict[str, Any] = {"tokenizer": TokenizerSettings(path=own or tokenizer)}
    if isinstance(recipe, PairRecipe) and reads is not None:
        source = None if recipe.source_tokenizer is None else recipe.source_tokenizer.path
        if source is not None:
            _check_same(source, reads, recipe)
        changes["source_tokenizer"] = TokenizerSettings(path=source or reads)
    return recipe.replace(**changes)


def _check_same(own: Any, theirs: Any, recipe: TaughtRecipe) -> None:
    assert recipe.distill is not None
    if Tokenizer.load(own).fingerprint != Tokenizer.load(theirs).fingerprint:
        raise LangueError(
            f"distill.teacher: {recipe.distill.teacher} has another tokenizer than {own}, so that its logits are of "
            f"other tokens; {INSTEAD}: --distill.what texts"
        )


def _with_hearing(recipe: TaughtRecipe, start: Start) -> TaughtRecipe:
    """The recipe with the teacher's features of recordings, where it hears.

    Raises:
        LangueError: the recipe says others.
    """
    assert recipe.distill is not None
    own, theirs = recipe.model.audio, start.config.audio
    if own is None or theirs is None:
        return recipe if theirs is None else recipe.replace(model={"audio": theirs})
    heard = ("features", "normalisation", "levels", "bins")
    for name in (*heard, "strides") if recipe.model.form == "encoder" else heard:
        if getattr(own, name) != getattr(theirs, name):
            raise LangueError(
                f"distill.teacher: model.audio.{name} is {shown(getattr(own, name))} and "
                f"{shown(getattr(theirs, name))} in {recipe.distill.teacher}, which hears the same features; leave it "
                f"out, or {INSTEAD}: --distill.what texts"
            )
    return recipe


def _with_vocabulary(recipe: TaughtRecipe, start: Start) -> TaughtRecipe:
    """The recipe with as many tokens as the teacher has.

    Raises:
        LangueError: it says another number.
    """
    assert recipe.distill is not None
    theirs, own = start.config.vocab_size, recipe.model.vocab_size
    if own and own != theirs:
        raise LangueError(
            f"distill.teacher: {recipe.distill.teacher} has a vocabulary of {theirs:,} tokens and the student one of "
            f"{own:,}; leave out model.vocab_size, or {INSTEAD}: --distill.what texts"
        )
    return recipe.replace(model={"vocab_size": theirs})
