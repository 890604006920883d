"""Rollouts: the texts of each step, drawn by the policy itself, rewarded by an environment, and made into rows.

Which episodes a step plays, and all that is drawn in them, is a function of seed, step and row alone, so that a resumed
training draws the same again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from langue.batch import Batch, Loss
from langue.environments import Episode, TextEnvironment, play, policy_of
from langue.errors import LangueError
from langue.models import Model, evaluating
from langue.objectives.policy import advantages_of
from langue.tasks.play.objective import PlayObjective, PolicyBatch
from langue.tasks.play.settings import PlaySettings
from langue.training import TrainingSettings
from langue.training.device import autocast
from langue.training.prefetch import Pass
from langue.written_text import WrittenText, batch_of


@dataclass(frozen=True)
class RolloutRow:
    """One text that the policy drew, as a row to learn from.

    Attributes:
        text: the prompt, what was drawn, and in a decoder's episode of several turns what the environment said.
        source: what an encoder read: (S,) tokens or (S, features).
        group: number of the step's prompts.
        reward: of the episode.
        cut: it did not end by itself.
    """

    text: WrittenText
    source: Any
    group: int
    reward: float
    cut: bool


class Rollouts:
    """An algorithm of the loop whose rows a policy draws itself.

    Args:
        objective: the loss.
        environment: where episodes take place.
        task: from the model that learns to the object of its task, which writes.
        training: batch_size texts of one pass over all processes, accumulate passes.
        rank: of this process.
        world: how many there are.
        reference: the weights that the training began from, where a divergence from them is part of the loss.

    Raises:
        LangueError: a pass holds no whole number of groups for each process, or several processes are to learn more
            than once from what they draw.
    """

    def __init__(
        self,
        objective: PlayObjective,
        environment: TextEnvironment,
        task: Any,
        training: TrainingSettings,
        rank: int = 0,
        world: int = 1,
        reference: Model | None = None,
    ):
        self.objective, self.environment, self.task, self.training = objective, environment, task, training
        self.settings: PlaySettings = objective.settings
        self.rank, self.world, self.reference = rank, world, reference
        if training.batch_size % (self.settings.group * world):
            raise LangueError(
                f"training.batch_size {training.batch_size} is no multiple of play.group {self.settings.group}"
                + (f" times {world} processes" if world > 1 else "")
            )
        if world > 1 and self.settings.epochs > 1:
            raise LangueError("several processes learn once from what they draw; set play.epochs to 1")
        self._held: tuple[int, list[PolicyBatch], list[int]] | None = None
        self._spent = 0.0

    @property
    def groups_per_pass(self) -> int:
        """Groups of one pass, over all processes."""
        return self.training.batch_size // self.settings.group

    def passes(self, step: int, model: nn.Module) -> Iterator[Pass]:
        """Those of an update; the texts of several steps in a row are the same where `epochs` says so."""
        number = step // self.settings.epochs
        if self._held is None or self._held[0] != number:
            begun = time.perf_counter()
            self._held = (number, *self._roll_out(number, model))
            self._spent += time.perf_counter() - begun
        _, batches, firsts = self._held
        for place, (batch, first) in enumerate(zip(batches, firsts, strict=True)):
            yield Pass(step, first, len(batch.ids), batch, is_last=place == len(batches) - 1)

    def loss(self, model: Any, batch: Batch) -> Loss:
        return self.objective.loss(model, batch)

    def waited(self, seconds: float) -> float:
        """The share of so many seconds, those since the last call, that drawing and judging took."""
        spent, self._spent = self._spent, 0.0
        return min(1.0, spent / max(1e-9, seconds))

    def state(self, step: int) -> dict[str, Tensor]:
        """The rows that the next step learns from as well, which the weights of now would draw otherwise."""
        if step % self.settings.epochs == 0 or self._held is None:
            return {}
        _, batches, firsts = self._held
        tensors = {f"{place}.first": torch.tensor(first) for place, first in enumerate(firsts)}
        for place, batch in enumerate(batches):
            tensors |= {f"{place}.{name}": value for name, value in vars(batch).items() if value is not None}
        return tensors

    def load(self, step: int, state: Mapping[str, Tensor]) -> None:
        self._held, number = None, step // self.settings.epochs
        if step % self.settings.epochs == 0:
            return
        parts: list[dict[str, Tensor]] = [{} for _ in range(self.training.accumulate)]
        try:
            for key, value in state.items():
                place, _, name = key.partition(".")
                parts[int(place)][name] = value
            firsts = [int(part.pop("first")) for part in parts]
            self._held = number, [PolicyBatch(**part) for part in parts], firsts
        except (ValueError, IndexError, KeyError, TypeError):
            raise LangueError(f"the checkpoint of step {step} does not hold the texts of that step") from None

    def _roll_out(self, number: int, model: Any) -> tuple[list[PolicyBatch], list[int]]:
        """The batches of a step, and the number of each one's first row among all that were ever drawn."""
        batches, firsts = [], []
        for place in range(self.training.accumulate):
            first = (number * self.training.accumulate + place) * self.groups_per_pass
            start, end = (first + self.groups_per_pass * rank // self.world for rank in (self.rank, self.rank + 1))
            with evaluating(model), autocast(model.device, self.training.precision):
                episodes = self._episodes(range(start, end), model)
                rows = [row for episode in episodes if not episode.fault for row in rows_of(episode, start)]
                if not rows:
                    raise LangueError(
                        f"none of the episodes {start} to {end - 1} of {self.environment.name} came to an end"
                    )
                failed = sum(bool(episode.fault) for episode in episodes) / len(episodes)
                batches.append(self._batch(rows, end - start, failed, model.device))
            firsts.append(start * self.settings.group)
        return batches, firsts

    def _episodes(self, numbers: range, model: Model) -> list[Episode]:
        """The episodes of some groups, in their order, those whose environment failed among them."""
        settings, seed = self.settings, self.training.seed
        task, temperature, most = self.task(model), settings.temperature, settings.max_tokens
        policy = policy_of(task, within_context=True, temperature=temperature, max_tokens=most, seed=seed, beams=1)
        is_new = self._held is None  # later on, an environment is known to repeat itself
        played = play(self.environment, policy, numbers, seed=seed, samples=settings.group, twice=is_new)
        return sorted(played, key=lambda episode: (episode.number, episode.sample))

    def _batch(self, rows: Sequence[RolloutRow], groups: int, failed: float, device: torch.device) -> PolicyBatch:
        rewards = torch.tensor([row.reward for row in rows], dtype=torch.float64)
        numbers = torch.tensor([row.group for row in rows])
        advantages, idle = advantages_of(self.settings.algorithm, rewards, numbers, groups)
        sources, owners = _shared(rows)
        batch, drawn = batch_of([row.text for row in rows], sources)
        made = PolicyBatch(
            **{field.name: getattr(batch, field.name) for field in fields(batch)},
            drawn=drawn,
            advantages=advantages.float(),
            rewards=rewards.float(),
            groups=numbers,
            owners=owners,
            distinct=_distinct(rows),
            idle=idle,
            cut=torch.tensor([row.cut for row in rows]),
            failed=torch.tensor(failed),
        ).to(device)
        return self._with_reference(made)

    def _with_reference(self, batch: PolicyBatch) -> PolicyBatch:
        if self.reference is None:
            return batch
        with torch.inference_mode():
            logs = self.objective.log_probabilities(self.reference, batch)
        return PolicyBatch(**{**vars(batch), "reference": logs.clone()})


def rows_of(episode: Episode, first: int) -> Iterator[RolloutRow]:
    """The rows to learn from in an episode: all turns of a decoder in one row, and each turn of an
    encoder–decoder in one of its own.

    Args:
        episode: that was played.
        first: the number of the first group's episode.
    """
    turns = [turn.reply for turn in episode.turns if "model" in turn.reply.written.authors]
    if not turns:
        return
    group, end = episode.number - first, len(turns) if len(turns[0].source) else 1
    for number in range(end):
        reply = turns[number]
        separate = len(reply.source) > 0
        text = reply.written if separate else episode.written
        source, cut = reply.source if separate else None, reply.cut or episode.truncated
        yield RolloutRow(text, source, group, episode.reward, cut)


def _shared(rows: Sequence[RolloutRow]) -> tuple[list[Tensor], Tensor | None]:
    """Each source once, and (rows,) which one is whose; nothing and None without any.

    The texts of a group are written about one source, unless it is what an environment answered.
    """
    if not rows or rows[0].source is None:
        return [], None
    places: dict[Any, int] = {}
    sources: list[Tensor] = []
    owners = []
    for row in rows:
        source = torch.as_tensor(row.source)
        key = row.group, None if source.ndim > 1 else tuple(row.source)
        if key not in places:
            places[key] = len(sources)
            sources.append(source)
        owners.append(places[key])
    return sources, torch.tensor(owners)


def _distinct(rows: Sequence[RolloutRow]) -> Tensor:
    """(rows,) bool, False of a text that has come before in its group."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    new = []
    for row in rows:
        key = row.group, row.text.ids
        new.append(key not in seen)
        seen.add(key)
    return torch.tensor(new)
