"""Environments of Gymnasium's, told as texts: how an observation reads, and how an answer becomes an action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from pydantic import Field

from langue.environments.environment import EnvironmentSettings, Outcome, Scene, TextEnvironment
from langue.errors import LangueError, hint, reason
from langue.randomness import mix
from langue.settings import Settings


class TextForm(Settings):
    """The text form of an environment with numbers."""

    observation: str = ""
    """The text of an observation, with {0}, {1}, … for its numbers; empty lists them."""
    actions: tuple[str, ...] = ()
    """Names of the actions, by number; none takes the numbers themselves."""
    instruction: str = ""
    """A text before the first observation; {actions} are the names or numbers."""
    unclear: str = "That is none of {actions}."
    """The observation behind an answer without any action's name; nothing happens then."""
    penalty: float = 0.0
    """The reward of such an answer."""


_CHOOSE = "Answer with one of {actions}."

FORMS = {
    "FrozenLake": TextForm(
        observation="You are on field {0}.",
        actions=("left", "down", "right", "up"),
        instruction="Cross the frozen lake to its last field, and keep out of the holes. " + _CHOOSE,
    ),
    "CliffWalking": TextForm(
        observation="You are on field {0}.",
        actions=("up", "right", "down", "left"),
        instruction="Walk along the cliff, 4 rows of 12 fields, from field 36 to field 47. " + _CHOOSE,
    ),
    "Taxi": TextForm(
        observation="State {0}.",
        actions=("south", "north", "east", "west", "pickup", "dropoff"),
        instruction="Drive a taxi: fetch the passenger and bring him where he wants to go. " + _CHOOSE,
    ),
    "Blackjack": TextForm(
        observation="Your sum is {0}, the dealer shows {1}, usable aces: {2}.",
        actions=("stick", "hit"),
        instruction="Come as near to 21 as you can, and not beyond it. " + _CHOOSE,
    ),
}
"""Text forms of Gymnasium's toy texts."""

PLAIN = TextForm(instruction=_CHOOSE)


class GameSettings(EnvironmentSettings):
    """Settings of an environment of Gymnasium's."""

    max_turns: int = Field(default=100, ge=1)
    """Actions of an episode, at most."""
    form: TextForm | None = None
    """Its form as text; null takes the one that is known for it, or else its numbers."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the environment itself, such as {is_slippery: false}."""


class GymText(TextEnvironment):
    """An environment of Gymnasium's as one of texts.

    Args:
        name: what messages call it.
        maker: makes one, of its settings.
        render_mode: as of every environment of texts.
        form: where the settings have none.
        settings: see `GameSettings`.

    Raises:
        LangueError: it cannot be made, or has no text form.
    """

    kind = GameSettings
    settings: GameSettings

    def __init__(
        self,
        name: str,
        maker: Callable[..., Any],
        render_mode: str | None = None,
        usual: TextForm = PLAIN,
        **settings: Any,
    ):
        self.name, self._maker = name, maker
        super().__init__(render_mode, **settings)
        self.form = self.settings.form or usual
        game = self._make()
        self._reads = isinstance(game.observation_space, spaces.Text)
        is_text = isinstance(game.action_space, spaces.Text)
        self.actions = None if is_text else _actions(name, game.action_space, self.form)
        self._check_form(game.observation_space)
        game.close()

    def _check_form(self, space: spaces.Space) -> None:
        if not (self._reads or self.form.observation or _is_discrete(space)):
            raise LangueError(
                f"{self.name} shows a {type(space).__name__}, which has no text form of its own; state one: "
                f'form: {{observation: "The cart is at {{0}}, the pole at {{2}}."}}'
            )
        try:
            self._tell(space.sample())
            self._with_actions(self.form.instruction + self.form.unclear)
        except (LookupError, ValueError) as error:
            raise LangueError(f"{self.name}: the text form does not fit: {reason(error)}") from None

    def _make(self) -> gymnasium.Env:
        try:
            game = self._maker(**self.settings.settings)
        except Exception as error:
            raise LangueError(f"{self.name} cannot be made: {reason(error)}") from error
        if not isinstance(game, gymnasium.Env):
            raise LangueError(f"{self.name} makes {type(game).__name__}, which is no environment of Gymnasium's")
        return game

    def scene(self, seed: int, episode: int) -> Scene:
        game = self._make()
        observation, _ = game.reset(seed=mix(seed, "game", episode) >> 33)
        first = "" if self.actions is None else self._with_actions(self.form.instruction)
        return Scene("\n".join(filter(None, [first, self._tell(observation)])), partial(self._answer, game))

    def _answer(self, game: gymnasium.Env, text: str) -> Outcome:
        action = text if self.actions is None else action_in(text, self.actions)
        if action is None:
            return Outcome(self.form.penalty, self._with_actions(self.form.unclear), ended=False)
        observation, reward, ended, truncated, _ = game.step(action)
        if ended or truncated:
            game.close()
        return Outcome(float(reward), self._tell(observation), bool(ended), bool(truncated))

    def _with_actions(self, template: str) -> str:
        return template.format(actions=", ".join(self.actions or ()))

    def _tell(self, observation: Any) -> str:
        if self._reads:
            return str(observation)
        numbers = list(_numbers(observation))
        return self.form.observation.format(*numbers) if self.form.observation else ", ".join(map(str, numbers))


def named(identifier: str, **settings: Any) -> GymText:
    """An environment that Gymnasium knows by a name.

    Raises:
        LangueError: it knows none.
    """
    if identifier not in gymnasium.registry:
        raise LangueError(f"Gymnasium has no environment {identifier}; {nearest(identifier, gymnasium.registry)}")
    usual = FORMS.get(re.sub(r"(8x8)?(Slippery)?-v\d+$", "", identifier), PLAIN)
    maker = partial(gymnasium.make, identifier, disable_env_checker=True)
    return GymText(f"gym:{identifier}", maker, usual=usual, **settings)


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest of many names as a question; those beyond a few are not listed."""
    hints = hint(name, list(known), cutoff=0.4)
    return hints if hints.startswith("did") else "see its documentation for their names"


def action_in(text: str, actions: Mapping[str, int]) -> int | None:
    """The action that is named last in an answer, whatever the case; None where none is."""
    numbers = {name.lower(): number for name, number in actions.items()}
    names = "|".join(sorted(map(re.escape, numbers), key=len, reverse=True))
    named = re.findall(rf"(?<!\w)({names})(?!\w)", text.lower())
    return numbers[named[-1]] if named else None


def _actions(name: str, space: spaces.Space, form: TextForm) -> dict[str, int]:
    """The number of each action, by its name."""
    if not isinstance(space, spaces.Discrete):
        kind = type(space).__name__
        raise LangueError(f"{name} takes a {kind} for actions, and a text can only choose among some or be one itself")
    numbers = [int(space.start) + number for number in range(int(space.n))]
    names = form.actions or tuple(map(str, numbers))
    if len(names) != len(numbers):
        raise LangueError(f"{name} has {len(numbers)} actions, but form.actions names {len(names)}")
    return dict(zip(names, numbers, strict=True))


def _is_discrete(space: Any) -> bool:
    if isinstance(space, spaces.Tuple):
        return all(map(_is_discrete, space.spaces))
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary)


def _numbers(observation: Any) -> Iterable[Any]:
    """The numbers of an observation in their order, as Python's."""
    if isinstance(observation, tuple):
        for part in observation:
            yield from _numbers(part)
    else:
        yield from np.ravel(observation).tolist()
