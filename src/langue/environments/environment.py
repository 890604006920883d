"""The base of all environments of texts: episodes by key, turns, and what is wrong with a reward.

An environment is data and rules; what happens in an episode is a `Conversation`, so that many of one environment can
be under way at once. Episode n is a pure function of (seed, n).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import gymnasium
from pydantic import AfterValidator, Field, model_validator

from langue.data.order import Permutation
from langue.environments.limit import within
from langue.environments.spaces import UnicodeText
from langue.errors import LangueError
from langue.settings import Settings, parse
from langue.text import Tokenizer
from langue.written_text import WrittenText


def _is_data(value: Any) -> Any:
    if not isinstance(value, str | Path | Iterable):
        raise ValueError("it should be a file or rows")
    return value


Rows = Annotated[Any, AfterValidator(_is_data)]
"""A file, a folder, a name, or rows from Python."""


class EnvironmentSettings(Settings):
    """Settings that all environments of texts have in common."""

    max_turns: int = Field(default=1, ge=1)
    """Actions of an episode, at most; one that has not ended by then is truncated."""
    step_seconds: float = Field(default=600.0, gt=0)
    """Seconds that the environment may take to begin an episode, or to answer one action; what takes longer never ends,
    as far as anybody can tell, and stops all."""
    tokenizer: Any = None
    """A tokenizer or its folder, by which `info["written"]` has the tokens of each observation."""
    worker: tuple[int, int] = (0, 1)
    """The number of this environment among so many of a vector: number i of k plays the episodes i, i + k, i + 2k, …"""

    def loaded_tokenizer(self) -> Any:
        """The tokenizer itself, or None."""
        return Tokenizer.load(self.tokenizer) if isinstance(self.tokenizer, str | Path) else self.tokenizer

    @model_validator(mode="after")
    def _worker_exists(self) -> EnvironmentSettings:
        if not 0 <= self.worker[0] < self.worker[1]:
            raise ValueError(f"there is no worker {self.worker[0]} of {self.worker[1]}; they are counted from 0")
        return self


@dataclass(frozen=True)
class Outcome:
    """The outcome of an action.

    Attributes:
        reward: of this action.
        observation: what the environment answers.
        ended: nothing can follow.
        truncated: the environment's own patience has ended.
        info: what else there is to know.
    """

    reward: float
    observation: str = ""
    ended: bool = True
    truncated: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """An episode as its environment prepares it.

    Attributes:
        observation: what the policy reads first.
        answer: from an action to what comes of it.
        info: what else there is to know at the beginning.
        value: the reward that an action would have, where asking changes nothing; None where there is no telling.
        subject: what a `JudgedEnvironment` judges texts by.
    """

    observation: str
    answer: Callable[[str], Outcome]
    info: Mapping[str, Any] = field(default_factory=dict)
    value: Callable[[str], float] | None = None
    subject: Any = None


class TimeStep(NamedTuple):
    """Results of Gymnasium's `step`."""

    observation: str
    reward: float
    ended: bool
    truncated: bool
    info: dict[str, Any]


class Conversation:
    """An episode under way.

    Args:
        environment: the one that it takes place in.
        seed: of the episodes.
        episode: its number among those of the seed.

    Attributes:
        observation: what the policy is to answer.
        info: what else there is to know about it.
        turn: actions so far.
    """

    def __init__(self, environment: TextEnvironment, seed: int, episode: int):
        self.environment, self.seed, self.episode, self.turn = environment, seed, episode, 0
        self.scene = environment.scene(seed, episode)
        self.observation = self.scene.observation
        self.info = self._info(self.observation, self.scene.info)

    def step(self, action: str) -> TimeStep:
        """Act; see `take`."""
        return self.take(self.scene.answer(action))

    def take(self, outcome: Outcome) -> TimeStep:
        """Go on with what comes of an action.

        Raises:
            LangueError: the reward is no finite number.
        """
        self.turn += 1
        if not math.isfinite(outcome.reward):
            raise LangueError(
                f"{self.environment.name}, episode {self.episode} of seed {self.seed}: the reward is {outcome.reward}; "
                f"a reward has to be a finite number"
            )
        truncated = outcome.truncated or (not outcome.ended and self.turn >= self.environment.settings.max_turns)
        self.observation, self.info = outcome.observation, self._info(outcome.observation, outcome.info)
        return TimeStep(outcome.observation, float(outcome.reward), outcome.ended, truncated, self.info)

    def _info(self, observation: str, more: Mapping[str, Any]) -> dict[str, Any]:
        # Wrappers of Gymnasium's put their statistics under "episode".
        info = {"seed": self.seed, "episode_number": self.episode, "turn": self.turn, **more}
        tokenizer = self.environment.tokenizer
        if tokenizer is not None:
            ids = tokenizer.encode(observation) if self.turn else tokenizer.prompt(observation)
            info["written"] = WrittenText().extended(ids, "environment" if self.turn else "prompt")
        return info


class TextEnvironment(gymnasium.Env[str, str], ABC):
    """An environment whose observations and actions are texts.

    `reset(seed=s)` begins episode 0 of seed s, each further `reset()` the next, and
    `reset(options={"episode": n})` the one of that number. Without a seed, it is 0.

    Args:
        render_mode: "ansi" lets `render` tell the episode so far.
        settings: those of its kind, by name.

    Attributes:
        name: what messages call it.
        kind: the class of its settings.
        settings: of that class.
        size: how many different episodes there are; None where there is no end.
        together: episodes that a rollout has under way at once.

    Raises:
        LangueError: a setting has no such name or value, or the data cannot be read.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 1}  # type: ignore[misc]
    kind: ClassVar[type[EnvironmentSettings]] = EnvironmentSettings
    name: str = "an environment"
    settings: Any
    size: int | None = None
    together: ClassVar[int] = 512

    def __init__(self, render_mode: str | None = None, **settings: Any):
        self.render_mode, self.settings = render_mode, parse(self.kind, settings, self.name)
        self.tokenizer = self.settings.loaded_tokenizer()
        self.observation_space, self.action_space = UnicodeText(), UnicodeText()
        self._seed, self._next = 0, self.settings.worker[0]
        self._conversation: Conversation | None = None
        self._transcript: list[str] = []

    @abstractmethod
    def scene(self, seed: int, episode: int) -> Scene:
        """An episode, which is a pure function of both numbers.

        Raises:
            LangueError: it cannot be made.
        """

    def answers(self, scenes: Sequence[Scene], actions: Sequence[str]) -> list[Outcome | Exception]:
        """The outcome of an action in each of several scenes, or the error that came instead.

        Raises:
            LangueError: there is something to mend.
        """
        seconds = self.settings.step_seconds
        return [attempt(scene.answer, action, seconds=seconds) for scene, action in zip(scenes, actions, strict=True)]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._next = seed, self.settings.worker[0]
        episode = (options or {}).get("episode", self._next)
        self._next = episode + self.settings.worker[1]
        self._conversation = Conversation(self, self._seed, episode)
        self._transcript = [self._conversation.observation]
        return self._conversation.observation, self._conversation.info

    def step(self, action: str) -> TimeStep:
        if self._conversation is None:
            raise gymnasium.error.ResetNeeded(f"{self.name}: reset comes before step")
        step = self._conversation.step(action)
        self._transcript += [f"> {action}", step.observation]
        return step

    def render(self) -> str:
        """The episode so far, actions behind >."""
        return "\n".join(self._transcript)


class JudgedEnvironment(TextEnvironment):
    """Base of environments whose answer depends on a text and a row of data alone.

    So the texts of many episodes are judged at once, as models do best, and unfinished texts can be judged as well.
    """

    @abstractmethod
    def outcomes(self, subjects: Sequence[Any], texts: Sequence[str]) -> list[Outcome]:
        """The outcome of each text, by the subject of its episode."""

    def judged(self, observation: str, subject: Any, info: Mapping[str, Any] | None = None) -> Scene:
        """An episode whose texts are judged by a subject."""

        def answer(text: str) -> Outcome:
            return self.outcomes([subject], [text])[0]

        return Scene(observation, answer, info or {}, lambda text: answer(text).reward, subject)

    def answers(self, scenes: Sequence[Scene], actions: Sequence[str]) -> list[Outcome | Exception]:
        subjects = [scene.subject for scene in scenes]
        outcomes = attempt(self.outcomes, subjects, actions, seconds=self.settings.step_seconds)
        return super().answers(scenes, actions) if isinstance(outcomes, Exception) else outcomes


def attempt(act: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
    """The result of a function, or the error that it raises: `OutOfTime` where it takes longer than so many seconds.

    Raises:
        LangueError: the function raises one, which says what to mend.
    """
    try:
        with within(seconds):
            return act(*arguments)
    except LangueError:
        raise
    except Exception as error:
        return error


def row_of(count: int, seed: int, episode: int) -> int:
    """The row of a table that an episode is about: all rows in a keyed order, then all in another."""
    epoch, place = divmod(episode, count)
    return Permutation(count, seed, "episodes", epoch)[place]
