"""The part of a training task that all policies share: they begin from weights of a task that writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from langue.errors import LangueError
from langue.files import make_folders
from langue.hub import PretrainedModel
from langue.hub.checkpoint import SOURCE_TOKENIZER
from langue.lazy import fetch
from langue.models import Model, ModelConfig, evaluating
from langue.models.build import plain
from langue.models.quantize import quantize
from langue.recipe import PairRecipe
from langue.tasks.folders import read_model
from langue.tasks.policies.settings import PolicyRecipe, PolicySettings, PolicyTask
from langue.tasks.training_task import TrainingTask, WeightsOrigin, with_vocabulary
from langue.tasks.transcribe.settings import TranscribeRecipe
from langue.text import Tokenizer
from langue.text.tokenizer import FILE

AnyPolicyRecipe = TypeVar("AnyPolicyRecipe", bound=PolicyRecipe)

WRITERS = get_args(PolicyTask)
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


class PolicyTraining(TrainingTask[AnyPolicyRecipe]):
    """A training task whose model writes already, and is used for the task that it began from.

    Attributes:
        source_tokenizer: of what it reads, where that has a vocabulary of its own.
    """

    def __init__(self, recipe: AnyPolicyRecipe, tokenizer: Tokenizer, folder: Path):
        self.source_tokenizer = source_tokenizer_in(recipe, folder)
        super().__init__(recipe, tokenizer, folder)

    @classmethod
    def start_config(cls, config: ModelConfig) -> ModelConfig:
        """Nothing is dropped out, unless the recipe says so: likelihoods under noise are not those that it draws by."""
        return config.replace(dropout=0.0)

    @classmethod
    def begun_from(cls, recipe: AnyPolicyRecipe, origin: WeightsOrigin) -> AnyPolicyRecipe:
        return with_policy(recipe, origin)

    @classmethod
    def texts(cls, recipe: AnyPolicyRecipe) -> Iterator[str]:
        """Nothing to learn a tokenizer from, which comes with the weights.

        Raises:
            LangueError: there are no weights.
        """
        cls.check_start(recipe)
        return iter(())

    @classmethod
    def check_start(cls, recipe: AnyPolicyRecipe) -> None:
        """Refuse a recipe that has nothing to begin from.

        Raises:
            LangueError: there are no weights.
        """
        if recipe.model.path is None:
            raise LangueError(
                f"task: {recipe.task} goes on with a model that writes already; name it: --start-from RUN"
            )

    @classmethod
    def complete(cls, recipe: AnyPolicyRecipe, tokenizer: Tokenizer) -> AnyPolicyRecipe:
        return with_vocabulary(recipe, tokenizer)

    @classmethod
    def prepare(cls, recipe: AnyPolicyRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        """Put the tokenizer of sources, where there is one of their own, into the run."""
        if recipe.source_tokenizer is not None and recipe.source_tokenizer.path is not None:
            make_folders(folder)
            Tokenizer.load(recipe.source_tokenizer.path).save(folder / "source")

    @property
    def notes(self) -> Mapping[str, str]:
        if self.source_tokenizer is None:
            return {}
        return {SOURCE_TOKENIZER: (self.folder / "source" / FILE).read_text(encoding="utf-8")}

    @property
    def from_start(self) -> bool:
        """The weights write already, and are what others have to be better than."""
        return True

    def task_of(self, model: Model) -> Any:
        """The object of the task that the policy is used for; the model's mode stays as it is."""
        use = self.recipe.of_use()
        kind = fetch(f"langue.tasks.{use.task}.predict:{use.task.capitalize()}")
        with evaluating(model):
            pretrained = PretrainedModel(model, self.tokenizer, source_tokenizer=self.source_tokenizer)
            return kind.open(pretrained, self.tokenizer, use)


def source_tokenizer_in(recipe: PolicyRecipe, folder: Path) -> Tokenizer | None:
    """The tokenizer of sources that lies in a run, where there is one of their own."""
    return None if recipe.source_tokenizer is None else Tokenizer.load(folder / "source")


def first_weights(recipe: PolicyRecipe) -> Model:
    """The weights that a training begins with, in the bits that it holds them in; adapters change nothing as yet."""
    assert recipe.model.path is not None
    start = plain(read_model(recipe.model.path, averaged=recipe.adapt is not None)[0].model)
    bits = recipe.architecture().quantization
    return start if bits is None else quantize(start, bits)
