"""Training tasks: a task's data, objective, measures and words of the model card, made from a recipe.

Everything else about a training is the same for all tasks, and knows a task by this interface alone.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import nn

from langue.data.tally import left_out
from langue.errors import LangueError
from langue.files import scratch_folder
from langue.hub.checkpoint import LABELS
from langue.lazy import fetch
from langue.models import Model, ModelConfig
from langue.models.config import ClassifierConfig
from langue.models.count import flops_per_token
from langue.models.heads import Level
from langue.parallel import Strategy
from langue.recipe import Recipe
from langue.tasks.card_words import CardWords
from langue.tasks.workload import Load, Shape
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.reading import Reading
from langue.training import Deciding, Supervised
from langue.training.algorithm import Algorithm
from langue.training.types import Batches, Objective

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


@dataclass(frozen=True)
class WeightsOrigin:
    """The origin of trained weights that a training begins from.

    Attributes:
        task: what they are for.
        recipe: by which they were trained, where they come from a run.
        source_tokenizer: the tokenizer of their sources, where it is one of its own.
        reading: how texts are given to them, where they make vectors.
    """

    task: str
    recipe: Recipe | None = None
    source_tokenizer: TokenizerSettings | None = None
    reading: Reading | None = None


class LearntRow(NamedTuple):
    """A row as a model learns it: tokens as strings, and of each whether it is to be foretold or only read."""

    tokens: list[str]
    is_learnt: list[bool]


class TrainingTask(ABC, Generic[AnyRecipe]):
    """The data, objective and measures of one run.

    Args:
        recipe: as `complete` gives it.
        tokenizer: the run's.
        folder: where `prepare` has put what it made.

    Raises:
        LangueError: the data are missing or damaged, or not what the recipe says.
    """

    words: ClassVar[CardWords]
    judges: ClassVar[Level | None] = None
    """The owner of each judgement that the model learns to give: a text or a position; None where it judges nothing."""

    def __init__(self, recipe: AnyRecipe, tokenizer: Tokenizer, folder: Path):
        self.recipe, self.tokenizer, self.folder = recipe, tokenizer, folder

    @classmethod
    @abstractmethod
    def texts(cls, recipe: AnyRecipe) -> Iterator[str]:
        """The training text, for a tokenizer to learn from."""

    @classmethod
    @abstractmethod
    def complete(cls, recipe: AnyRecipe, tokenizer: Tokenizer) -> AnyRecipe:
        """The recipe with all that follows from the data and from the weights that the training begins with.

        Raises:
            LangueError: the model cannot do what the task asks.
        """

    @classmethod
    def finished_tokenizer(cls, recipe: AnyRecipe, tokenizer: Tokenizer) -> Tokenizer:
        """The tokenizer as the trained model has it, with what the recipe adds."""
        return tokenizer

    @classmethod
    def start_config(cls, config: ModelConfig) -> ModelConfig:
        """The architecture of trained weights to begin from, for this task.

        Of weights that represent texts by vectors, the vector was trained last, and not BERT's way to make one.
        """
        if config.embedder is None:
            return config
        head = ClassifierConfig(pooling=config.embedder.pooling)
        return config.replace(classifier=head, embedder=None)

    @classmethod
    def begun_from(cls, recipe: AnyRecipe, origin: WeightsOrigin) -> AnyRecipe:
        """The recipe with what trained weights to begin from bring along and it does not say itself."""
        return recipe

    @classmethod
    def words_of(cls, recipe: AnyRecipe) -> CardWords:
        """The model card's words about a run."""
        return cls.words

    @classmethod
    def reading_of(cls, recipe: AnyRecipe) -> Reading | None:
        """The way that texts are given to a model that makes vectors; None of other models."""
        return None

    @classmethod
    def known_shape(cls, recipe: AnyRecipe) -> Shape | None:
        """The forward pass over all processes, where the recipe alone says how large it is."""
        return None

    @classmethod
    @abstractmethod
    def load_of(cls, recipe: AnyRecipe) -> Load:
        """The rows of a training, worked out before it runs.

        Raises:
            LangueError: the training would refuse the data.
        """

    @classmethod
    def prepare(cls, recipe: AnyRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        """Write what takes long to make and is needed again; nothing unless a task says otherwise."""
        return

    @abstractmethod
    def algorithm(self, strategy: Strategy) -> Algorithm:
        """The passes of each update and their loss, in one of several processes."""

    @property
    @abstractmethod
    def steps_per_epoch(self) -> float:
        """Steps of one pass through the training data."""

    @property
    def largest(self) -> Shape | None:
        """The largest forward pass over all processes; None where nobody worked it out."""
        return self.known_shape(self.recipe)

    @property
    @abstractmethod
    def fingerprints(self) -> Mapping[str, str]:
        """SHA-256 of what was read of each source outside the run, by the source's name; a resumed run reads it again
        and must find the same."""

    @abstractmethod
    def describe(self) -> str:
        """The size of the training data, such as "1.2M tokens"."""

    def learnt_rows(self, count: int) -> list[LearntRow]:
        """The first few rows with what of them is learnt, to be looked at before the first step; none where all is."""
        return []

    @property
    def deciding(self) -> Deciding:
        """The metric that decides which weights are kept."""
        return Deciding()

    @property
    @abstractmethod
    def has_dev(self) -> bool:
        """True if there are dev data to watch the training by."""

    @property
    def companion(self) -> nn.Module | None:
        """A module that learns beside the model and goes with the training; None of most."""
        return None

    @property
    def weights(self) -> Mapping[str, str]:
        """SHA-256 of trained weights beside the model's own that every part of a training reads, by their name."""
        return {}

    @abstractmethod
    def evaluate(self, model: Model) -> dict[str, float]:
        """Metrics on dev data, the deciding one among them."""

    @abstractmethod
    def test(self, model: Model) -> dict[str, float] | None:
        """The same on test data; None where there are none."""

    def sample(self, model: Model) -> str | None:
        """A text that shows what the model can do; None where a task has none to show."""
        return None

    @property
    def has_samples(self) -> bool:
        """True if `sample` shows something."""
        return False

    @property
    def from_start(self) -> bool:
        """True if the weights that a training begins from are measured as well, before its first step."""
        return False

    @property
    def bytes_per_target(self) -> float | None:
        """Turns nats per target into bits per byte, where that means something."""
        return None

    @property
    def flops_per_target(self) -> float:
        """Floating-point operations of training on one target."""
        return flops_per_token(self.recipe.architecture())

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the model's outputs, in their order, where they have names."""
        return ()

    @property
    def notes(self) -> Mapping[str, str]:
        """Files that belong beside the model's configuration, by name."""
        return {LABELS: json.dumps(list(self.labels), ensure_ascii=False) + "\n"} if self.labels else {}


class SupervisedTraining(TrainingTask[AnyRecipe]):
    """A training task whose rows are there beforehand."""

    def algorithm(self, strategy: Strategy) -> Supervised:
        batches, is_cpu = self.batches(strategy.rank, strategy.shares), strategy.device.type == "cpu"
        return Supervised(self.learning(strategy.device), batches, self.recipe.training.seed, alone=is_cpu)

    @abstractmethod
    def objective(self) -> Objective:
        """The objective that the model learns by."""

    def learning(self, device: torch.device) -> Objective:
        """The objective as it is learnt by on a device; another one where a teacher has a say as well."""
        return self.objective()

    @abstractmethod
    def batches(self, rank: int, world: int) -> Batches:
        """The rows of any step, for one of several processes."""


AnyTask = TypeVar("AnyTask", bound=TrainingTask[Any])


def training_task(recipe: AnyRecipe) -> type[TrainingTask[AnyRecipe]]:
    """The training task of a recipe."""
    return fetch(f"langue.tasks.{recipe.task}.training:{recipe.task.capitalize()}Training")


def with_vocabulary(recipe: AnyRecipe, tokenizer: Tokenizer) -> AnyRecipe:
    """The recipe with the size of its vocabulary.

    Raises:
        LangueError: the model has fewer tokens than the tokenizer.
    """
    size = recipe.model.vocab_size or tokenizer.vocab_size
    if size < tokenizer.vocab_size:
        raise LangueError(
            f"the tokenizer has {tokenizer.vocab_size:,} tokens but model.vocab_size is {size:,}; "
            f"make it at least as large, or leave it out"
        )
    return recipe.replace(model={"vocab_size": size})


@contextmanager
def set_up(kind: type[AnyTask], recipe: AnyRecipe) -> Iterator[tuple[AnyTask, Mapping[str, int]]]:
    """A training task with all its data, as a training would have it but for the model, in a folder that goes away;
    and how many records it leaves out, by reason."""
    tokenizer = kind.finished_tokenizer(recipe, train_tokenizer(recipe.tokenizer, kind.texts(recipe)))
    recipe = kind.complete(recipe, tokenizer)
    with scratch_folder() as folder:
        kind.prepare(recipe, tokenizer, folder)
        task = kind(recipe, tokenizer, folder)
        yield task, left_out(folder)
