"""Rollouts: a policy plays episodes of an environment, many at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langue.environments.environment import Conversation, Outcome, Scene, TextEnvironment, attempt
from langue.environments.limit import OutOfTime
from langue.errors import LangueError, reason
from langue.policies import Policy, Reply
from langue.written_text import WrittenText

FAILURES = 10
"""Episodes in a row whose environment fails, at which nothing more is tried."""

NEAR = 1e-3
"""The largest distance of one action's rewards: a model that judges many texts at once rounds otherwise."""


class Turn(NamedTuple):
    """An observation, a policy's reply to it, and the reward of that."""

    observation: str
    reply: Reply
    reward: float


@dataclass(frozen=True)
class Episode:
    """An episode that was played.

    Attributes:
        number: among those of its seed.
        seed: of the episodes.
        sample: which of several times that the same one was played.
        turns: in their order.
        last: what the environment said at the end.
        info: of the last step.
        ended: by itself.
        truncated: by `max_turns`, or by the environment's patience.
        fault: why the environment failed, if it did.
    """

    number: int
    seed: int
    sample: int = 0
    turns: tuple[Turn, ...] = ()
    last: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    truncated: bool = False
    fault: str = ""

    @property
    def reward(self) -> float:
        """The sum over turns."""
        return sum(turn.reward for turn in self.turns)

    @property
    def written(self) -> WrittenText:
        """The tokens of all turns, with who wrote each."""
        return sum((turn.reply.written for turn in self.turns), WrittenText())


class Seat:
    """An episode under way.

    Args:
        environment: where it takes place.
        seed: of the episodes.
        number: its own.
        sample: which of several times.
    """

    def __init__(self, environment: TextEnvironment, seed: int, number: int, sample: int):
        self.episode = Episode(number, seed, sample)
        self._conversation: Conversation | None = None
        self._environment = environment

    def begin(self) -> None:
        """Let the environment prepare the episode."""
        place, seed, number = self._environment, self.episode.seed, self.episode.number
        begun = attempt(Conversation, place, seed, number, seconds=place.settings.step_seconds)
        if isinstance(begun, Exception):
            self._fail(begun)
        else:
            self._conversation = begun

    @property
    def observation(self) -> str:
        return self._under_way.observation

    @property
    def info(self) -> dict[str, Any]:
        """The information that a policy gets."""
        return {**self._under_way.info, "sample": self.episode.sample, "history": self.episode.written}

    @property
    def scene(self) -> Scene:
        """The scene that the environment has prepared."""
        return self._under_way.scene

    @property
    def _under_way(self) -> Conversation:
        assert self._conversation is not None
        return self._conversation

    def take(self, reply: Reply, outcome: Outcome | Exception) -> None:
        """Go on with what came of a reply."""
        if isinstance(outcome, Exception):
            self._fail(outcome)
            return
        observation = self.observation
        step = self._under_way.take(outcome)
        turns = (*self.episode.turns, Turn(observation, reply, step.reward))
        self.note(turns=turns, last=step.observation, info=step.info, ended=step.ended, truncated=step.truncated)

    def _fail(self, error: Exception) -> None:
        """End with an error of the environment's.

        Raises:
            LangueError: it has not come back in time, which others are not to wait for again.
        """
        if isinstance(error, OutOfTime):
            raise LangueError(
                f"{self._environment.name}, episode {self.episode.number} of seed {self.episode.seed}, turn "
                f"{len(self.episode.turns)}: {error}; if it only takes long, set its step_seconds higher"
            )
        self.note(fault=reason(error))

    def note(self, **changes: Any) -> None:
        self.episode = Episode(**{**vars(self.episode), **changes})

    @property
    def is_over(self) -> bool:
        episode = self.episode
        return episode.ended or episode.truncated or bool(episode.fault)


def play(
    environment: TextEnvironment,
    policy: Policy,
    episodes: Iterable[int],
    *,
    seed: int = 0,
    samples: int = 1,
    together: int | None = None,
    twice: bool = True,
) -> Iterator[Episode]:
    """Play episodes, which are given out as they end.

    Args:
        environment: where.
        policy: who; it answers the observations of all episodes under way at once.
        episodes: numbers of what is played.
        seed: of the episodes.
        samples: how often each is played, by the same policy with other draws.
        together: episodes under way at once, None as many as the environment says; what comes of one does not depend
            on it.
        twice: play the first one again, with the same answers, to see whether the same comes of them.

    Raises:
        LangueError: a reward is no finite number, the environment answers the same seed differently, or fails too often
            in a row.
    """
    rest = ((number, sample) for number in episodes for sample in range(samples))
    seats: list[Seat] = []
    failures = 0
    while True:
        seats += _newcomers(environment, seed, rest, (together or environment.together) - len(seats))
        if not seats:
            return
        _turn(environment, [seat for seat in seats if not seat.is_over], policy)
        for episode in (seat.episode for seat in seats if seat.is_over):
            failures = failures + 1 if episode.fault else 0
            if failures == FAILURES:
                raise LangueError(f"{environment.name} has failed {failures} times in a row, last with {episode.fault}")
            if twice and not episode.fault:
                check_repeats(environment, episode)
                twice = False
            yield episode
        seats = [seat for seat in seats if not seat.is_over]


def _newcomers(environment: TextEnvironment, seed: int, rest: Iterator[tuple[int, int]], room: int) -> Iterator[Seat]:
    for _, (number, sample) in zip(range(room), rest, strict=False):
        seat = Seat(environment, seed, number, sample)
        seat.begin()
        yield seat


def _turn(environment: TextEnvironment, seats: list[Seat], policy: Policy) -> None:
    """One turn of episodes that have not ended."""
    if not seats:
        return
    replies = policy([seat.observation for seat in seats], [seat.info for seat in seats])
    outcomes = environment.answers([seat.scene for seat in seats], [reply.text for reply in replies])
    for seat, reply, outcome in zip(seats, replies, outcomes, strict=True):
        seat.take(reply, outcome)


def check_repeats(environment: TextEnvironment, episode: Episode) -> None:
    """Play an episode again with the same answers.

    Raises:
        LangueError: another one comes of it.
    """
    again = Seat(environment, episode.seed, episode.number, episode.sample)
    again.begin()
    for turn in episode.turns:
        if again.is_over or again.observation != turn.observation:
            break
        again.take(turn.reply, environment.answers([again.scene], [turn.reply.text])[0])
    rewards = [
        math.isclose(*pair, rel_tol=NEAR, abs_tol=NEAR)
        for pair in zip(*map(_rewards, (again.episode, episode)), strict=False)
    ]
    if _story(again.episode) != _story(episode) or not all(rewards):
        raise LangueError(
            f"{environment.name} answers the same seed differently: episode {episode.number} of seed {episode.seed}, "
            f"played twice with the same actions, went two ways; let all that it draws depend on the seed"
        )


def _story(episode: Episode) -> tuple[Any, ...]:
    observations = [turn.observation for turn in episode.turns]
    return observations, episode.last, episode.ended, episode.truncated, episode.fault


def _rewards(episode: Episode) -> list[float]:
    return [turn.reward for turn in episode.turns]
