"""Rollouts: a policy plays episodes of an environment, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from langue.environments.environment import Conversation, TextEnvironment
from langue.environments.policies import Policy, Reply
from langue.errors import LangueError, reason
from langue.written_text import WrittenText

TOGETHER = 512
"""Episodes under way at once."""

FAILURES = 10
"""Episodes in a row whose environment fails, at which nothing more is tried."""


class Turn(NamedTuple):
    """What a policy read, what it answered, and the reward of that."""

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
        self._conversation = Conversation(self._environment, self.episode.seed, self.episode.number)

    @property
    def observation(self) -> str:
        return self._under_way.observation

    @property
    def info(self) -> dict[str, Any]:
        """What a policy gets to know."""
        return {**self._under_way.info, "sample": self.episode.sample, "history": self.episode.written}

    @property
    def _under_way(self) -> Conversation:
        assert self._conversation is not None
        return self._conversation

    def answer(self, reply: Reply) -> None:
        """Act, and note what came of it."""
        observation = self.observation
        step = self._under_way.step(reply.text)
        turns = (*self.episode.turns, Turn(observation, reply, step.reward))
        self.note(turns=turns, last=step.observation, info=step.info, ended=step.ended, truncated=step.truncated)

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
    together: int = TOGETHER,
    watch: Callable[[Turn, Seat], Any] | None = None,
) -> Iterator[Episode]:
    """Play episodes, which are given out as they end.

    The first is played twice, the second time with the answers of the first.

    Args:
        environment: where.
        policy: who; it answers the observations of all episodes under way at once.
        episodes: numbers of what is played.
        seed: of the episodes.
        samples: how often each is played, by the same policy with other draws.
        together: episodes under way at once; what comes of one does not depend on it.
        watch: called with each turn, and the episode that it belongs to.

    Raises:
        LangueError: a reward is no finite number, the environment answers the same seed differently, or fails too often
            in a row.
    """
    rest = ((number, sample) for number in episodes for sample in range(samples))
    seats: list[Seat] = []
    failures, is_checked = 0, False
    while True:
        seats += _newcomers(environment, seed, rest, together - len(seats))
        if not seats:
            return
        _turn([seat for seat in seats if not seat.is_over], policy, watch)
        for episode in (seat.episode for seat in seats if seat.is_over):
            failures = failures + 1 if episode.fault else 0
            if failures == FAILURES:
                raise LangueError(f"{environment.name} has failed {failures} times in a row, last with {episode.fault}")
            if not episode.fault and not is_checked:
                check_repeats(environment, episode)
                is_checked = True
            yield episode
        seats = [seat for seat in seats if not seat.is_over]


def _newcomers(environment: TextEnvironment, seed: int, rest: Iterator[tuple[int, int]], room: int) -> Iterator[Seat]:
    for _, (number, sample) in zip(range(room), rest, strict=False):
        seat = Seat(environment, seed, number, sample)
        _guarded(seat, seat.begin)
        yield seat


def _turn(seats: list[Seat], policy: Policy, watch: Callable[[Turn, Seat], Any] | None) -> None:
    """One turn of episodes that have not ended."""
    if not seats:
        return
    replies = policy([seat.observation for seat in seats], [seat.info for seat in seats])
    for seat, reply in zip(seats, replies, strict=True):
        _guarded(seat, partial(seat.answer, reply))
        if watch is not None and not seat.episode.fault:
            watch(seat.episode.turns[-1], seat)


def _guarded(seat: Seat, act: Callable[[], None]) -> None:
    """Do something in an environment, whose failure ends this episode alone.

    Raises:
        LangueError: the environment says itself what is to be mended.
    """
    try:
        act()
    except LangueError:
        raise
    except Exception as error:
        seat.note(fault=reason(error))


def check_repeats(environment: TextEnvironment, episode: Episode) -> None:
    """Play an episode again with the same answers.

    Raises:
        LangueError: another one comes of it.
    """
    again = Seat(environment, episode.seed, episode.number, episode.sample)
    _guarded(again, again.begin)
    for turn in episode.turns:
        if again.is_over or again.observation != turn.observation:
            break
        _guarded(again, partial(again.answer, turn.reply))
    if _story(again.episode) != _story(episode):
        raise LangueError(
            f"{environment.name} answers the same seed differently: episode {episode.number} of seed {episode.seed}, "
            f"played twice with the same actions, went two ways; let all that it draws depend on the seed"
        )


def _story(episode: Episode) -> tuple[Any, ...]:
    turns = [(turn.observation, turn.reward) for turn in episode.turns]
    return turns, episode.last, episode.ended, episode.truncated, episode.fault
