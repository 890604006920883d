"""Rollouts: the texts of each step, drawn by the policy itself, rewarded by an environment, and made into rows.

Which episodes a step plays, and all that is drawn in them, is a function of seed, step and row alone, so that a resumed
training draws the same again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from langue.batch import Batch, Loss
from langue.environments import Episode, TextEnvironment, play, policy_of
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.objectives.policy import advantages_of
from langue.parallel import Strategy
from langue.tasks.play.objective import PlayObjective, PolicyBatch
from langue.tasks.play.rows import DrawnRows, are_distinct, rows_of, shared_sources
from langue.tasks.play.settings import PlaySettings
from langue.training import TrainingSettings
from langue.training.algorithm import Whole
from langue.training.device import autocast
from langue.training.prefetch import Pass
from langue.written_text import batch_of


class Rollouts:
    """An algorithm of the loop whose rows a policy draws itself.

    Args:
        objective: the loss.
        environment: where episodes take place.
        task: from the model that learns to the object of its task, which writes.
        training: batch_size texts of one pass over all processes, accumulate passes.
        strategy: of the processes, each of which plays its share of the groups.
        reference: the weights that the training began from, where a divergence from them is part of the loss.

    Raises:
        LangueError: a pass holds no whole number of groups for each process.
    """

    def __init__(
        self,
        objective: PlayObjective,
        environment: TextEnvironment,
        task: Any,
        training: TrainingSettings,
        strategy: Strategy,
        reference: Model | None = None,
    ):
        self.objective, self.environment, self.task, self.training = objective, environment, task, training
        self.settings: PlaySettings = objective.settings
        self.strategy, self.reference = strategy, reference
        if training.rows % (self.settings.group * strategy.shares):
            raise LangueError(
                f"training.batch_size {training.rows} is no multiple of play.group {self.settings.group}"
                + (f" times {strategy.shares} processes" if strategy.shares > 1 else "")
            )
        self._held: tuple[int, list[DrawnRows]] | None = None
        self._batches: list[PolicyBatch] = []
        self._spent = 0.0

    @property
    def groups_per_pass(self) -> int:
        """Groups of one pass, over all processes."""
        return self.training.rows // self.settings.group

    @property
    def groups(self) -> range:
        """The numbers of this process's groups in a pass."""
        count = self.groups_per_pass // self.strategy.shares
        return range(count * self.strategy.rank, count * (self.strategy.rank + 1))

    def passes(self, step: int, whole: Whole) -> Iterator[Pass]:
        """Those of an update; the texts of several steps in a row are the same where `epochs` says so."""
        number, begun = step // self.settings.epochs, time.perf_counter()
        if self._held is None or self._held[0] != number:
            with whole() as model:
                self._held, self._batches = (number, self._roll_out(number, model)), []
        if not self._batches:
            self._batches = [self._batch(drawn) for drawn in self._held[1]]
        self._spent += time.perf_counter() - begun
        for place, batch in enumerate(self._batches):
            first = (self._first(number, place) + self.groups.start) * self.settings.group
            yield Pass(step, first, len(batch.ids), batch, is_last=place == len(self._batches) - 1)

    def loss(self, model: Any, batch: Batch) -> Loss:
        return self.objective.loss(model, batch)

    def waited(self, seconds: float) -> float:
        """The share of so many seconds, those since the last call, that drawing and judging took."""
        spent, self._spent = self._spent, 0.0
        return min(1.0, spent / max(1e-9, seconds))

    def state(self, step: int) -> dict[str, Tensor]:
        """The rows of all processes that the next step learns from as well, which the weights of now would draw
        otherwise."""
        if step % self.settings.epochs == 0 or self._held is None:
            return {}
        passes = [DrawnRows.of_all(self.strategy.shares_of_all(drawn)) for drawn in self._held[1]]
        return {f"{place}.{name}": value for place, rows in enumerate(passes) for name, value in rows.packed().items()}

    def load(self, step: int, state: Mapping[str, Tensor]) -> None:
        self._held, self._batches = None, []
        if step % self.settings.epochs == 0:
            return
        parts: list[dict[str, Tensor]] = [{} for _ in range(self.training.accumulate)]
        try:
            for key, value in state.items():
                place, _, name = key.partition(".")
                parts[int(place)][name] = value
            passes = [DrawnRows.unpacked(part).of_groups(self.groups) for part in parts]
        except (ValueError, IndexError, KeyError, TypeError, RuntimeError):
            raise LangueError(f"the checkpoint of step {step} does not hold the texts of that step") from None
        self._held = step // self.settings.epochs, passes

    def _first(self, number: int, place: int) -> int:
        """The first group of a pass among all that were ever drawn."""
        return (number * self.training.accumulate + place) * self.groups_per_pass

    def _roll_out(self, number: int, model: Model) -> list[DrawnRows]:
        """This process's rows of the passes of a step."""
        passes = []
        for place in range(self.training.accumulate):
            first = self._first(number, place)
            numbers = range(first + self.groups.start, first + self.groups.stop)
            with evaluating(model), autocast(self.strategy.device, self.training.precision):
                episodes = self._episodes(numbers, model)
            rows = [row for episode in episodes if not episode.fault for row in rows_of(episode, first)]
            if not rows:
                raise LangueError(
                    f"none of the episodes {numbers.start} to {numbers.stop - 1} of {self.environment.name} came to "
                    "an end"
                )
            passes.append(DrawnRows(rows, sum(bool(episode.fault) for episode in episodes) / len(episodes)))
        return passes

    def _episodes(self, numbers: range, model: Model) -> list[Episode]:
        """The episodes of some groups, in their order, those whose environment failed among them."""
        settings, seed = self.settings, self.training.seed
        task, temperature, most = self.task(model), settings.temperature, settings.max_tokens
        policy = policy_of(task, within_context=True, temperature=temperature, max_tokens=most, seed=seed, beams=1)
        is_new = self._held is None  # later on, an environment is known to repeat itself
        played = play(self.environment, policy, numbers, seed=seed, samples=settings.group, twice=is_new)
        return sorted(played, key=lambda episode: (episode.number, episode.sample))

    def _batch(self, drawn: DrawnRows) -> PolicyBatch:
        rows = drawn.rows
        rewards = torch.tensor([row.reward for row in rows], dtype=torch.float64)
        numbers = torch.tensor([row.group - self.groups.start for row in rows])
        advantages, idle = advantages_of(self.settings.algorithm, rewards, numbers, len(self.groups))
        sources, owners = shared_sources(rows)
        batch, logs = batch_of([row.text for row in rows], sources)
        made = PolicyBatch(
            **{field.name: getattr(batch, field.name) for field in fields(batch)},
            drawn=logs,
            advantages=advantages.float(),
            rewards=rewards.float(),
            groups=numbers,
            owners=owners,
            distinct=are_distinct(rows),
            idle=idle,
            cut=torch.tensor([row.cut for row in rows]),
            failed=torch.tensor(drawn.failed),
        ).to(self.strategy.device)
        return self._with_reference(made)

    def _with_reference(self, batch: PolicyBatch) -> PolicyBatch:
        if self.reference is None:
            return batch
        with torch.inference_mode(), autocast(self.strategy.device, self.training.precision):
            logs = self.objective.log_probabilities(self.reference, batch)
        return PolicyBatch(**{**vars(batch), "reference": logs.clone()})
