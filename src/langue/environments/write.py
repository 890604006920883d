"""`Langue/Write-v0`: go on from a prompt, and be judged by a verifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from langue.data import DataSettings
from langue.data.labelled import read_labelled, text_of
from langue.data.lines import valid_lines
from langue.data.sources import TABLES
from langue.environments.environment import EnvironmentSettings, JudgedEnvironment, Outcome, Rows, Scene, row_of
from langue.environments.verifiers import Row, verifier_of
from langue.errors import LangueError


class WriteEnvironmentSettings(EnvironmentSettings):
    """Settings of `Langue/Write-v0`."""

    prompts: Rows
    """Texts or rows, a text file with one on each line, or a table with a column prompt and what a verifier reads."""
    verifier: Any
    """The judge of a text; see `langue.environments.verifiers`."""
    column: str = "prompt"
    """A table's name of the column with the prompts."""
    reply: str = "Try again."
    """With several turns, what the environment says to a text with a reward below `enough`."""
    enough: float = 1.0
    """The reward that ends an episode of several turns."""


class WriteEnvironment(JudgedEnvironment):
    """A prompt is the first observation, the text that goes on from it the action, and a verifier's number the reward.

    With several turns, each text has its reward, until one has `enough`.
    """

    name, kind = "Langue/Write-v0", WriteEnvironmentSettings
    settings: WriteEnvironmentSettings

    def __init__(self, render_mode: str | None = None, **settings: Any):
        super().__init__(render_mode, **settings)
        self.rows = list(_prompts(self.settings))
        if not self.rows:
            raise LangueError(f"{self.name}: there are no prompts in {self.settings.prompts!r:.60}")
        self.verifier, self.size = verifier_of(self.settings.verifier), len(self.rows)
        for row in self.rows:
            self.verifier.check(row)

    def scene(self, seed: int, episode: int) -> Scene:
        row = self.rows[row_of(len(self.rows), seed, episode)]
        return self.judged(row["prompt"], row)

    def outcomes(self, subjects: Sequence[Row], texts: Sequence[str]) -> list[Outcome]:
        return list(map(self._reply, self.verifier.judge_all(subjects, texts)))

    def _reply(self, outcome: Outcome) -> Outcome:
        """The environment's word on a text that might be better."""
        settings = self.settings
        if settings.max_turns == 1:
            return replace(outcome, ended=True)
        if outcome.ended and not outcome.observation and outcome.reward < settings.enough:
            return replace(outcome, observation=settings.reply, ended=False)
        return outcome


def _prompts(settings: WriteEnvironmentSettings) -> Iterator[Row]:
    source = settings.prompts
    if isinstance(source, str | Path) and not str(source).endswith(TABLES) and not str(source).startswith("hf:"):
        yield from ({"prompt": line.text} for line in valid_lines(Path(source)))
    elif isinstance(source, Sequence) and all(isinstance(text, str) for text in source) and not isinstance(source, str):
        yield from ({"prompt": text} for text in source)
    else:
        data = DataSettings(train="", columns={} if settings.column == "prompt" else {"prompt": settings.column})
        for row in read_labelled(source, data):
            yield {**row.values, "prompt": text_of(row, "prompt")}
