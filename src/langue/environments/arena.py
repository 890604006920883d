"""`textarena:GAME`: games of words for one player (Guertler et al. 2025)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from langue.environments.environment import EnvironmentSettings, Outcome, Scene, TextEnvironment
from langue.environments.games import nearest
from langue.errors import LangueError, reason
from langue.extra import need_package
from langue.randomness import mix


class ArenaSettings(EnvironmentSettings):
    """Settings of a game of TextArena's."""

    max_turns: int = Field(default=100, ge=1)
    """Actions of an episode, at most."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The game's own."""


class Arena(TextEnvironment):
    """A game of words with one player.

    Args:
        game: its name, such as GuessTheNumber-v0.
        render_mode: as of every environment of texts.
        settings: see `ArenaSettings`.

    Raises:
        LangueError: TextArena is not installed, or has no such game.
    """

    kind = ArenaSettings
    settings: ArenaSettings

    def __init__(self, game: str, render_mode: str | None = None, **settings: Any):
        self.name, self.game = f"textarena:{game}", game
        self.library = need_package("textarena", "textarena", self.name)
        super().__init__(render_mode, **settings)
        known = self.library.envs.registration.ENV_REGISTRY
        if game not in known:
            raise LangueError(f"TextArena has no game {game}; {nearest(game, known)}")

    def scene(self, seed: int, episode: int) -> Scene:
        game = _Game(self, mix(seed, "arena", episode) >> 33)
        return Scene(game.observation, game.answer)


class _Game:
    """A game under way, with a state of Python's global generator of its own: TextArena draws from that."""

    def __init__(self, arena: Arena, seed: int):
        self._state = random.Random(seed).getstate()
        try:
            with self._own_randomness():
                self._game = arena.library.make(arena.game, **arena.settings.settings)
                self._game.reset(num_players=1, seed=seed)
                self.observation = self._observe()
        except Exception as error:
            raise LangueError(f"{arena.name} cannot be played: {reason(error)}") from error

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        others = random.getstate()
        random.setstate(self._state)
        try:
            yield
        finally:
            self._state = random.getstate()
            random.setstate(others)

    def _observe(self) -> str:
        _, observation = self._game.get_observation()
        return observation if isinstance(observation, str) else "\n".join(message for _, message, *_ in observation)

    def answer(self, text: str) -> Outcome:
        with self._own_randomness():
            ended, _ = self._game.step(action=text)
            if not ended:
                return Outcome(0.0, self._observe(), ended=False)
            rewards, _ = self._game.close()
        return Outcome(float(rewards[0]))
