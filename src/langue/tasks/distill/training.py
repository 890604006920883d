"""The part of a training task that all have which can be learnt from a teacher."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from langue.content import read_json
from langue.errors import LangueError
from langue.metrics.significance import Score
from langue.models import Model, ModelConfig
from langue.objectives.layers import Projections, TaughtByLayers, spread
from langue.objectives.teacher import Taught, Teacher
from langue.tasks import load
from langue.tasks.distill.settings import DistillSettings, TaughtRecipe
from langue.tasks.fingerprints import of_weights
from langue.tasks.training_task import SupervisedTraining
from langue.training.types import Objective

AnyTaughtRecipe = TypeVar("AnyTaughtRecipe", bound=TaughtRecipe)


TAUGHT = "taught.json"
"""In a run's data: the teacher of its texts, the fingerprint of its weights, and how it wrote them."""


class Standing(NamedTuple):
    """The measure of a model on some rows.

    Attributes:
        metric: its name.
        counts: (rows, k), whose sum makes the score.
        score: from sums to the score.
        unit: the rows' name, of several.
    """

    metric: str
    counts: np.ndarray
    score: Score
    unit: str


class TaughtTraining(SupervisedTraining[AnyTaughtRecipe]):
    """A training task with a teacher, where the recipe names one."""

    @property
    def distill(self) -> DistillSettings | None:
        """The recipe's section, of a task whose recipes have one."""
        return self.recipe.distill if isinstance(self.recipe, TaughtRecipe) else None

    def learning(self, device: torch.device) -> Objective:
        settings = self.distill
        if settings is None or not self.has_teacher:
            return self.objective()
        model = self._teacher.model.to(device).requires_grad_(False)
        if self.companion is None:
            return Taught(self.objective(), Teacher(model, settings.softening()))
        return TaughtByLayers(self.objective(), model, settings.weight, self._layers(), self.companion.to(device))

    @cached_property
    def companion(self) -> Projections | None:
        """Projections to the teacher's width, of hidden vectors."""
        if self.distill is None or self.distill.what != "hidden":
            return None
        if self.recipe.training.compile:
            raise LangueError("distill.what: hidden looks into a model while it runs; set training.compile off")
        widths = zip(self._widths(self.recipe.model), self._widths(self._teacher.model.config), strict=True)
        return Projections(list(widths), self.recipe.training.seed)

    @staticmethod
    def _widths(config: ModelConfig) -> list[int]:
        """The widths of a model's stacks, in their order."""
        return [side.width for side in reversed(config.sides)]

    def _layers(self) -> list[dict[int, int]]:
        """The teacher's layer for each of the student's that learns from one, of each stack.

        Raises:
            LangueError: one of them has no such layer.
        """
        assert self.distill is not None
        chosen, student, teacher = self.distill.layers, self.recipe.model, self._teacher.model.config
        layers = []
        for own, theirs in zip(reversed(student.sides), reversed(teacher.sides), strict=True):
            layers.append(chosen or spread(own.layer_count, theirs.layer_count))
            for numbers, side, name in ((layers[-1].keys(), own, "student"), (layers[-1].values(), theirs, "teacher")):
                beyond = [number for number in numbers if not 1 <= number <= side.layer_count]
                if beyond:
                    raise LangueError(f"distill.layers: the {name} has {side.layer_count} layers, and no {beyond[0]}")
        return layers

    @property
    def weights(self) -> Mapping[str, str]:
        settings = self.distill
        if settings is None:
            return {}
        written = None if self.has_teacher else read_json(self.folder / TAUGHT)["weights"]
        return {str(settings.teacher): written or weights_of(self._teacher.model)}

    @property
    def has_teacher(self) -> bool:
        """True if a teacher has a share in the loss, whose unit is no longer that of the data alone."""
        return self.distill is not None and self.distill.what != "texts"

    @cached_property
    def _teacher(self) -> Any:
        """The teacher's task, as it is used; in the end it is forgotten, and no checkpoint knows it.

        Raises:
            LangueError: it cannot teach what is to be learnt.
        """
        assert self.distill is not None
        teacher = load_teacher(self.distill, self.recipe.task)
        limit, context = teacher.model.context_limit, self.recipe.model.context
        if limit is not None and limit < context:
            path = self.distill.teacher
            raise LangueError(
                f"distill.teacher: {path} reads {limit:,} positions, but the student {context:,}; "
                f"set --model.context {limit}"
            )
        self.check_teacher(teacher)
        return teacher

    @abstractmethod
    def judged(self, task: Any, rows: int) -> Standing:
        """The measure of a task object, a student's or a teacher's, on the first rows of test data, or of dev data."""

    def can_be_compared(self, teacher: Any) -> bool:
        """True if a teacher is measured in the same units as the student."""
        return True

    def check_teacher(self, teacher: Any) -> None:
        """Refuse a teacher of the task that says other things than the student is to learn.

        Raises:
            LangueError: says what is different.
        """


class WrittenTraining(TaughtTraining[AnyTaughtRecipe]):
    """A training task whose data a teacher may write."""

    @classmethod
    @abstractmethod
    def inputs_for(cls, recipe: AnyTaughtRecipe, teacher: Any) -> list[Any]:
        """The inputs that a teacher is asked about."""

    @classmethod
    @abstractmethod
    def rows_by(cls, recipe: AnyTaughtRecipe, teacher: Any, inputs: list[Any]) -> list[dict[str, Any]]:
        """Rows of a table with what a teacher writes of some inputs, under the recipe's names of columns."""

    @classmethod
    @abstractmethod
    def held_out(cls, recipe: AnyTaughtRecipe) -> list[dict[str, Any]] | None:
        """The rows to evaluate by, where they would be taken from the data that the teacher's take the place of."""

    @classmethod
    def with_texts(cls, recipe: AnyTaughtRecipe, teacher: Any, data: Mapping[str, Any]) -> AnyTaughtRecipe:
        """The recipe with changed sources of data, and with all that the former ones said beside."""
        return recipe.replace(data=data)

    @classmethod
    def with_kept_texts(cls, recipe: AnyTaughtRecipe, old: AnyTaughtRecipe) -> AnyTaughtRecipe:
        """A recipe by which a run goes on, with what its teacher's texts decided when it began."""
        return recipe.replace(data=old.data)


def load_teacher(settings: DistillSettings, task: str, device: str = "cpu") -> Any:
    """A teacher, ready for use.

    Raises:
        LangueError: there is no such model, or it is for another task.
    """
    try:
        return load(settings.teacher, device, task=task)
    except LangueError as error:
        raise LangueError(f"distill.teacher: {error}") from None


def weights_of(model: Model) -> str:
    """The fingerprint of a teacher's weights."""
    return of_weights(model.config.model_dump(), dict(model.named_parameters()))
