"""`reasoning-gym:TASK`: questions without end that a program makes and judges (Stojanovski et al. 2025)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import Field, field_validator

from langue.environments.environment import EnvironmentSettings, JudgedEnvironment, Outcome, Scene
from langue.environments.games import nearest
from langue.errors import LangueError, reason
from langue.extra import need_package
from langue.randomness import mix


class ExerciseSettings(EnvironmentSettings):
    """Settings of a task of reasoning-gym."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """The task's own, such as {min_digits: 1, max_digits: 1}."""
    instruction: str = ""
    """A text behind each question."""
    extract: str | None = None
    """A regular expression whose group is the answer within a text, such as <answer>(.*?)</answer>; the last counts."""

    @field_validator("extract")
    @classmethod
    def _has_a_group(cls, extract: str | None) -> str | None:
        try:
            groups = 1 if extract is None else re.compile(extract).groups
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        if groups != 1:
            raise ValueError("it needs one group, in parentheses, which is the answer")
        return extract


class Exercises(JudgedEnvironment):
    """A question is the observation, its answer the action, and the task's own score the reward.

    Args:
        task: its name, such as chain_sum.
        render_mode: as of every environment of texts.
        settings: see `ExerciseSettings`.

    Raises:
        LangueError: reasoning-gym is not installed, or has no such task or setting.
    """

    kind = ExerciseSettings
    settings: ExerciseSettings

    def __init__(self, task: str, render_mode: str | None = None, **settings: Any):
        self.name, self.task = f"reasoning-gym:{task}", task
        self._library = need_package("reasoning_gym", "reasoning-gym", self.name)
        super().__init__(render_mode, **settings)
        known = self._library.factory.DATASETS
        if task not in known:
            raise LangueError(f"reasoning-gym has no task {task}; {nearest(task, known)}")
        self._dataset = lru_cache(4)(self._of_seed)
        self._dataset(0)

    def _of_seed(self, seed: int) -> Any:
        # A question is drawn by the sum of seed and number, and two seeds should not share their questions.
        settings = {"size": 1 << 31, **self.settings.settings, "seed": mix(seed, "exercises") >> 24}
        try:
            return self._library.create_dataset(self.task, **settings)
        except Exception as error:
            raise LangueError(f"{self.name} cannot be made: {reason(error)}") from error

    def scene(self, seed: int, episode: int) -> Scene:
        dataset = self._dataset(seed)
        entry = dataset[episode % len(dataset)]
        return self.judged(entry["question"] + self.settings.instruction, (dataset, entry))

    def outcomes(self, subjects: Sequence[Any], texts: Sequence[str]) -> list[Outcome]:
        return [
            Outcome(float(dataset.score_answer(self._extract(text), entry)), info={"reference": entry["answer"]})
            for (dataset, entry), text in zip(subjects, texts, strict=True)
        ]

    def _extract(self, text: str) -> str | None:
        if self.settings.extract is None:
            return text.strip()
        answers = re.findall(self.settings.extract, text, re.DOTALL)
        return answers[-1].strip() if answers else None
