"""A course: what a task makes of a recipe, from its data to the words of its model card.

Everything else about a training is the same for all tasks, and knows a course by this interface alone.
"""

from __future__ import annotations

import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from langue.errors import LangueError
from langue.experiment.fit import Shape
from langue.hub.checkpoint import LABELS
from langue.models import Model
from langue.models.count import flops_per_token
from langue.recipe import Recipe
from langue.text import Tokenizer
from langue.train import Deciding
from langue.train.types import Batches, Objective

# Imported when they are asked for: module and class of each task's course.
COURSES = {
    "generate": ("langue.experiment.writing", "Writing"),
    "fill": ("langue.experiment.filling", "Filling"),
    "classify": ("langue.experiment.classifying", "Classifying"),
    "answer": ("langue.experiment.answering", "Answering"),
    "tag": ("langue.experiment.tagging", "Tagging"),
    "translate": ("langue.experiment.translating", "Translating"),
    "denoise": ("langue.experiment.denoising", "Denoising"),
    "summarize": ("langue.experiment.summarizing", "Summarizing"),
    "transcribe": ("langue.experiment.transcribing", "Transcribing"),
    "embed": ("langue.experiment.embedding", "EmbeddingCourse"),
}


@dataclass(frozen=True)
class CardWords:
    """What a model card says about a task. `{name}` is the run's name and `{prompt}` a text to try it by.

    Attributes:
        purpose: completes "trained by Langue …".
        pipeline: what Hugging Face calls the task.
        command: how it is used from a shell.
        call: the same from Python, of `model`.
        limits: what not to expect.
        prompt: the text, where the recipe has none; `{mask}` is the tokenizer's name of a gap.
    """

    purpose: str
    pipeline: str
    command: str
    call: str
    limits: str
    prompt: str = "…"

    def in_shell(self, name: str, prompt: str) -> str:
        """The command, as it can be pasted into a shell."""
        name = f"./{name}" if name.startswith("-") else name
        quoted = shlex.quote(prompt) if set('"$`\\!') & set(prompt) else f'"{prompt}"'
        text = f"-- {quoted}" if prompt.startswith("-") else quoted if prompt else ""
        return self.command.format(name=shlex.quote(name), prompt=text).rstrip()

    def in_python(self, prompt: str) -> str:
        """The call, as it can be pasted into Python."""
        return self.call.format(prompt=json.dumps(prompt, ensure_ascii=False))

    def example(self, recipe: Recipe, tokenizer: Tokenizer) -> str:
        """A text to try the model by: the first line of the recipe's, or one that any model of the task takes."""
        mask = "" if tokenizer.mask is None else str(tokenizer.engine.id_to_token(tokenizer.mask))
        return recipe.samples.prompt.strip().partition("\n")[0].strip() or self.prompt.format(mask=mask)


class Course(ABC):
    """The data, objective and measures of one run.

    Args:
        recipe: as `complete` gives it.
        tokenizer: the run's.
        folder: where `prepare` has put what it made.

    Raises:
        LangueError: the data are missing or damaged, or not what the recipe says.
    """

    words: ClassVar[CardWords]

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, folder: Path):
        self.recipe, self.tokenizer, self.folder = recipe, tokenizer, folder

    @classmethod
    @abstractmethod
    def texts(cls, recipe: Recipe) -> Iterator[str]:
        """The training text, for a tokenizer to learn from."""

    @classmethod
    @abstractmethod
    def complete(cls, recipe: Recipe, tokenizer: Tokenizer) -> Recipe:
        """The recipe with all that follows from the data and from the weights that the training begins with.

        Raises:
            LangueError: the model cannot do what the task asks.
        """

    @classmethod
    def known_shape(cls, recipe: Recipe) -> Shape | None:
        """The forward pass over all processes, where the recipe alone says how large it is."""
        return None

    @classmethod
    def prepare(cls, recipe: Recipe, tokenizer: Tokenizer, folder: Path) -> None:
        """Write what takes long to make and is needed again; nothing unless a task says otherwise."""
        return

    @abstractmethod
    def objective(self) -> Objective:
        """What is learnt."""

    @abstractmethod
    def batches(self, rank: int, world: int) -> Batches:
        """The rows of any step, for one of several processes."""

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
        """What there is to learn from, such as "1.2M tokens"."""

    @property
    def deciding(self) -> Deciding:
        """The metric that decides which weights are kept."""
        return Deciding()

    @property
    @abstractmethod
    def has_dev(self) -> bool:
        """Whether there is something to watch the training by."""

    @abstractmethod
    def evaluate(self, model: Model) -> dict[str, float]:
        """Metrics on dev data, the deciding one and "loss" among them."""

    @abstractmethod
    def test(self, model: Model) -> dict[str, float] | None:
        """The same on test data; None where there are none."""

    def sample(self, model: Model) -> str | None:
        """A text that shows what the model can do; None where a task has none to show."""
        return None

    @property
    def has_samples(self) -> bool:
        """Whether `sample` shows something."""
        return False

    @property
    def bytes_per_target(self) -> float | None:
        """Turns nats per target into bits per byte, where that means something."""
        return None

    @property
    def flops_per_target(self) -> float:
        """Floating-point operations of training on one target."""
        return flops_per_token(self.recipe.model.architecture())

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the model's outputs, in their order, where they have names."""
        return ()

    @property
    def notes(self) -> Mapping[str, str]:
        """Files that belong beside the model's configuration, by name."""
        return {LABELS: json.dumps(list(self.labels), ensure_ascii=False) + "\n"} if self.labels else {}


def course_of(recipe: Recipe) -> type[Course]:
    """The course of a recipe's task."""
    module, name = COURSES[recipe.task]
    return getattr(import_module(module), name)


def with_vocabulary(recipe: Recipe, tokenizer: Tokenizer) -> Recipe:
    """The recipe with the size of its vocabulary.

    Raises:
        LangueError: the model has fewer tokens than the tokenizer.
    """
    model = recipe.model
    size = model.vocab_size or tokenizer.vocab_size
    if size < tokenizer.vocab_size:
        raise LangueError(
            f"the tokenizer has {tokenizer.vocab_size:,} tokens but model.vocab_size is {size:,}; "
            f"make it at least as large, or leave it out"
        )
    return recipe.model_copy(update={"model": model.model_copy(update={"vocab_size": size})})
