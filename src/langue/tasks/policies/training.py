"""The part of a training task that all policies share: they begin from weights of a task that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from langue.errors import LangueError
from langue.files import make_folders
from langue.hub import PretrainedModel
from langue.hub.checkpoint import SOURCE_TOKENIZER
from langue.lazy import fetch
from langue.models import Model, evaluating
from langue.recipe import PairRecipe
from langue.tasks.policies.settings import PolicyRecipe, PolicySettings
from langue.tasks.training_task import WeightsOrigin
from langue.tasks.transcribe.settings import TranscribeRecipe
from langue.text import Tokenizer
from langue.text.tokenizer import FILE

AnyPolicyRecipe = TypeVar("AnyPolicyRecipe", bound=PolicyRecipe)

WRITERS = ("generate", "translate", "summarize", "transcribe")
"""Tasks whose models can be policies."""


def with_policy(recipe: AnyPolicyRecipe, origin: WeightsOrigin) -> AnyPolicyRecipe:
    """The recipe with the task of its weights, and with how they read and write.

    Raises:
        LangueError: they write nothing.
    """
    if origin.task not in WRITERS:
        raise LangueError(
            f"task: {recipe.task} begins from a model that writes ({', '.join(WRITERS)}), not from one to {origin.task}"
        )
    fields: dict[str, Any] = {"task": origin.task}
    if isinstance(origin.recipe, PolicyRecipe):
        fields = origin.recipe.policy.model_dump(exclude_unset=True)
    elif isinstance(origin.recipe, PairRecipe):
        fields["pairs"] = origin.recipe.data.pairs
    elif isinstance(origin.recipe, TranscribeRecipe):
        fields["transcribe"] = origin.recipe.transcribe
    own = {name: getattr(recipe.policy, name) for name in recipe.policy.model_fields_set}
    recipe = recipe.replace(policy=PolicySettings(**{**fields, **own}))
    if origin.source_tokenizer is not None and recipe.source_tokenizer is None:
        recipe = recipe.replace(source_tokenizer=origin.source_tokenizer)
    return recipe


def check_begun(recipe: PolicyRecipe) -> None:
    """Refuse a recipe that begins from no trained weights.

    Raises:
        LangueError: so it is.
    """
    if recipe.model.path is None:
        raise LangueError(
            f"task: {recipe.task} goes on with a model that writes already; name it: --start-from RUN of langue train"
        )


def keep_source_tokenizer(recipe: PolicyRecipe, folder: Path) -> None:
    """Put the tokenizer of sources, where there is one of their own, into a run."""
    if recipe.source_tokenizer is not None and recipe.source_tokenizer.path is not None:
        make_folders(folder)
        Tokenizer.load(recipe.source_tokenizer.path).save(folder / "source")


def kept_source_tokenizer(recipe: PolicyRecipe, folder: Path) -> Tokenizer | None:
    """The tokenizer of sources that lies in a run, where there is one of their own."""
    return None if recipe.source_tokenizer is None else Tokenizer.load(folder / "source")


def source_notes(recipe: PolicyRecipe, folder: Path) -> dict[str, str]:
    """Files that belong beside the weights."""
    if recipe.source_tokenizer is None:
        return {}
    return {SOURCE_TOKENIZER: (folder / "source" / FILE).read_text(encoding="utf-8")}


def task_of(model: Model, recipe: PolicyRecipe, tokenizer: Tokenizer, source: Tokenizer | None = None) -> Any:
    """The object of the task that a policy is used for; the model's mode stays as it is."""
    use = recipe.of_use()
    kind = fetch(f"langue.tasks.{use.task}.predict:{use.task.capitalize()}")
    with evaluating(model):
        return kind.open(PretrainedModel(model, tokenizer, source_tokenizer=source), tokenizer, use)
