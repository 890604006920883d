"""The part of a training task that all have which can be learnt from a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

import torch

from langue.errors import LangueError
from langue.objectives.teacher import Taught, Teacher
from langue.tasks import load
from langue.tasks.distill.settings import DistillSettings, TaughtRecipe
from langue.tasks.fingerprints import of_weights
from langue.tasks.training_task import SupervisedTraining
from langue.training.types import Objective

AnyTaughtRecipe = TypeVar("AnyTaughtRecipe", bound=TaughtRecipe)


class TaughtTraining(SupervisedTraining[AnyTaughtRecipe]):
    """A training task with a teacher, where the recipe names one."""

    def learning(self, device: torch.device) -> Objective:
        settings = self.recipe.distill
        if settings is None:
            return self.objective()
        model = self._teacher.model.to(device).requires_grad_(False)
        return Taught(self.objective(), Teacher(model, settings.softening()))

    @property
    def weights(self) -> Mapping[str, str]:
        settings = self.recipe.distill
        if settings is None:
            return {}
        model = self._teacher.model
        return {str(settings.teacher): of_weights(model.config.model_dump(), dict(model.named_parameters()))}

    @cached_property
    def _teacher(self) -> Any:
        """The teacher's task, as it is used; in the end it is forgotten, and no checkpoint knows it.

        Raises:
            LangueError: it cannot teach what is to be learnt.
        """
        assert self.recipe.distill is not None
        teacher = load_teacher(self.recipe.distill, self.recipe.task)
        limit, context = teacher.model.context_limit, self.recipe.model.context
        if limit is not None and limit < context:
            path = self.recipe.distill.teacher
            raise LangueError(
                f"distill.teacher: {path} reads {limit:,} positions, but the student {context:,}; "
                f"set --model.context {limit}"
            )
        self.check_teacher(teacher)
        return teacher

    def check_teacher(self, teacher: Any) -> None:
        """Refuse a teacher of the task that says other things than the student is to learn.

        Raises:
            LangueError: says what is different.
        """


def load_teacher(settings: DistillSettings, task: str) -> Any:
    """A teacher, on the CPU, ready for use.

    Raises:
        LangueError: there is no such model, or it is for another task.
    """
    try:
        return load(settings.teacher, "cpu", task=task)
    except LangueError as error:
        raise LangueError(f"distill.teacher: {error}") from None
