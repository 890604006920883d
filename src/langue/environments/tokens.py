"""`Langue/Tokens-v0`: an environment of texts, one token at a time, for whatever library trains policies on numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from pydantic import Field

from langue.environments.environment import Conversation, EnvironmentSettings
from langue.environments.names import TOKENS, make
from langue.errors import LangueError
from langue.settings import parse
from langue.text import Tokenizer
from langue.written_text import Author, WrittenText


class TokensSettings(EnvironmentSettings):
    """Settings of `Langue/Tokens-v0`."""

    environment: Any
    """The environment of texts: a name, a mapping of its name and settings, or itself."""
    context: int = Field(default=32, ge=1)
    """Positions that an observation shows, the last ones."""
    max_tokens: int = Field(default=64, ge=1)
    """Tokens of an action of the environment, at most; a text that is longer is handed over as it is."""
    reward: Literal["end", "shaped"] = "end"
    """Reward where a text ends, or with each token the reward that the text gains by it, which adds up to the same."""


class Tokens(gymnasium.Env[np.ndarray, np.int64]):
    """An action is a token; a text goes to the environment when a token ends it, or when it is long enough.

    The observation is the last `context` tokens of all that is there, behind the tokenizer's size, which stands where
    nothing is.

    Args:
        render_mode: "ansi" lets `render` tell the text so far.
        settings: see `TokensSettings`; `tokenizer` is needed.

    Raises:
        LangueError: a setting has no such name or value, or the environment cannot be made or shaped.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 1}  # type: ignore[misc]
    name = TOKENS

    def __init__(self, render_mode: str | None = None, **settings: Any):
        self.render_mode, self.settings = render_mode, parse(TokensSettings, settings, self.name)
        self.tokenizer: Tokenizer = self.settings.loaded_tokenizer()
        if self.tokenizer is None:
            raise LangueError(f"{self.name}: tokenizer is missing; give a tokenizer, or its folder")
        self.environment = make(self.settings.environment)
        self.nothing = self.tokenizer.vocab_size
        self.action_space = Discrete(self.tokenizer.vocab_size)
        self.observation_space = MultiDiscrete([self.nothing + 1] * self.settings.context)
        self._seed, self._next = 0, self.settings.worker[0]
        self._conversation: Conversation | None = None
        self._written = WrittenText()
        self._text: list[int] = []
        self._value = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._next = seed, self.settings.worker[0]
        episode = (options or {}).get("episode", self._next)
        self._next = episode + self.settings.worker[1]
        self._conversation = conversation = Conversation(self.environment, self._seed, episode)
        if self.settings.reward == "shaped" and conversation.scene.value is None:
            raise LangueError(f"{self.environment.name} cannot judge an unfinished text; leave out reward: shaped")
        self._written = WrittenText()
        self._read(conversation.observation, "prompt")
        return self._observation(), self._info(conversation.info)

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, SupportsFloat, bool, bool, dict[str, Any]]:
        if self._conversation is None:
            raise gymnasium.error.ResetNeeded(f"{self.name}: reset comes before step")
        token = int(action)
        # The log-probability is for the policy to know, which has drawn it.
        self._written = self._written.extended([token], "model", [0.0])
        if token not in self.tokenizer.ends:
            self._text.append(token)
            if len(self._text) < self.settings.max_tokens:
                return self._observation(), self._gain(self._conversation), False, False, self._info({})
        return self._hand_over(self._conversation)

    def _hand_over(self, conversation: Conversation) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Let the environment answer the text."""
        observation, reward, ended, truncated, info = conversation.step(self._written_so_far())
        reward -= self._value
        if not (ended or truncated):
            self._read(observation, "environment")
        return self._observation(), reward, ended, truncated, self._info(info)

    def _read(self, observation: str, author: Author) -> None:
        """Let an observation stand behind all that was written, and begin a text."""
        ids = self.tokenizer.prompt(observation) if author == "prompt" else self.tokenizer.encode(observation)
        self._written = self._written.extended(ids, author)
        self._text, self._value = [], 0.0

    def _gain(self, conversation: Conversation) -> float:
        """The reward that the text has gained by its last token."""
        if self.settings.reward == "end" or conversation.scene.value is None:
            return 0.0
        before, self._value = self._value, conversation.scene.value(self._written_so_far())
        return self._value - before

    def _written_so_far(self) -> str:
        before = self._written.ids[: len(self._written.ids) - len(self._text)]
        return self.tokenizer.follow(before, self._text)

    def _observation(self) -> np.ndarray:
        ids = self._written.ids[-self.settings.context :]
        return np.array([self.nothing] * (self.settings.context - len(ids)) + list(ids), dtype=np.int64)

    def _info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        return {**info, "written": self._written}

    def render(self) -> str:
        """All that was written so far."""
        return self.tokenizer.decode(self._written.ids)
