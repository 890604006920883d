"""The training task of `play`: a model that writes learns from the rewards of an environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from langue.environments import Episode, TextEnvironment, make, play, policy_of
from langue.errors import LangueError
from langue.files import digest, replacing_listed
from langue.models import Model, evaluating, load_model, write_model
from langue.models.count import flops_per_token
from langue.parallel import Strategy
from langue.tasks.card_words import CardWords
from langue.tasks.play.objective import PlayObjective, by_alignments, by_tokens
from langue.tasks.play.rollouts import Rollouts
from langue.tasks.play.settings import PlayRecipe
from langue.tasks.policies.training import PolicyTraining, first_weights
from langue.tasks.task import suppressed_tokens
from langue.tasks.training_task import training_task, with_vocabulary
from langue.tasks.transcribe.ctc_objective import CTCObjective
from langue.tasks.workload import Load
from langue.text import Tokenizer
from langue.text.whisper_tokens import WhisperTokens, is_whispers
from langue.training import Deciding
from langue.training.device import autocast

REFERENCE = "reference"
"""The folder of a run's data with the weights that the policy is held to."""

SAMPLES = 3
"""Episodes that a report shows."""

DEV_SEED = 1 << 20
"""Added to the seed of the training where the policy is measured in the same environment."""


class PlayTraining(PolicyTraining[PlayRecipe]):
    """Episodes of an environment."""

    def __init__(self, recipe: PlayRecipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        self.environment = environment_of(recipe)

    @classmethod
    def complete(cls, recipe: PlayRecipe, tokenizer: Tokenizer) -> PlayRecipe:
        located = {name: _located(getattr(recipe.play, name)) for name in ("environment", "dev")}
        data = {"train": recipe.data.train or environment_name(recipe.play.environment)}
        return with_vocabulary(recipe.replace(play=recipe.play.replace(**located), data=data), tokenizer)

    @classmethod
    def prepare(cls, recipe: PlayRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        super().prepare(recipe, tokenizer, folder)
        if recipe.play.kl:
            with replacing_listed(folder / REFERENCE) as stage:
                write_model(first_weights(recipe), stage)

    @classmethod
    def load_of(cls, recipe: PlayRecipe) -> Load:
        cls.check_start(recipe)
        config, training, play_ = recipe.architecture(), recipe.training, recipe.play
        # Along a recording, texts are drawn by the one pass that hears it.
        longest = 0 if config.form == "encoder" else play_.max_tokens * (play_.max_turns or 1)
        tokens = training.rows * training.accumulate * recipe.play.max_tokens
        return Load(
            config=config,
            rows=training.rows,
            longest=config.context,
            tokens_per_step=tokens,
            steps_per_epoch=math.inf,
            flops_per_token=flops_per_token(config, recipe.play.max_tokens),
            drawn_rows=training.rows,
            drawn_steps=training.accumulate * longest / play_.epochs,
            uncounted="the environment judges what is drawn",
        )

    def algorithm(self, strategy: Strategy) -> Rollouts:
        recipe, reference = self.recipe, None
        if recipe.play.kl:
            reference = load_model(self.folder / REFERENCE, strategy.device).eval()
        return Rollouts(self.objective(), self.environment, self.task_of, recipe.training, strategy, reference)

    def objective(self) -> PlayObjective:
        settings, model = self.recipe.play, self.recipe.model
        if model.form == "encoder" and model.audio is not None:
            alignments = CTCObjective(model.audio, self.tokenizer.pad)
            return PlayObjective(settings, by_alignments(settings.temperature, alignments))
        never = {*suppressed_tokens(self.tokenizer, model.vocab_size)} - {*self.tokenizer.ends}
        if is_whispers(self.tokenizer):
            never |= {*WhisperTokens(self.tokenizer, model.vocab_size).undrawn()}
        suppressed = torch.tensor(sorted(never), dtype=torch.long)
        return PlayObjective(settings, by_tokens(settings.temperature, suppressed))

    @property
    def steps_per_epoch(self) -> float:
        training, play_ = self.recipe.training, self.recipe.play
        groups = training.rows * training.accumulate / play_.group
        return math.inf if self.environment.size is None else play_.epochs * self.environment.size / groups

    @property
    def fingerprints(self) -> Mapping[str, str]:
        files = {**_files(self.recipe.play.environment), **_files(self.recipe.play.dev)}
        return {name: digest(path) for name, path in files.items()}

    def describe(self) -> str:
        size = self.environment.size
        return f"{self.environment.name}" + ("" if size is None else f", {size:,} episodes")

    @property
    def deciding(self) -> Deciding:
        return Deciding("reward", higher=True)

    @property
    def has_dev(self) -> bool:
        return self.recipe.play.episodes > 0

    @cached_property
    def _dev(self) -> tuple[TextEnvironment, int]:
        """The environment that the policy is measured in, and the seed of its episodes."""
        settings, seed = self.recipe.play, self.recipe.training.seed
        if settings.dev is None:
            return self.environment, seed + DEV_SEED
        return environment_of(self.recipe, settings.dev), seed

    def evaluate(self, model: Model) -> dict[str, float]:
        episodes = self._episodes(model, self.recipe.play.episodes)
        count = len(episodes)
        lengths = [sum(author == "model" for author in episode.written.authors) for episode in episodes]
        return {
            "reward": sum(episode.reward for episode in episodes) / count,
            "length": sum(lengths) / count,
        }

    def test(self, model: Model) -> dict[str, float] | None:
        return None

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0 and self.has_dev

    def sample(self, model: Model) -> str:
        return "\n\n".join(map(transcript, self._episodes(model, SAMPLES)))

    def _episodes(self, model: Model, count: int) -> list[Episode]:
        """The first episodes of the dev environment, by the likeliest tokens, but for those whose environment failed.

        Raises:
            LangueError: it failed in all of them.
        """
        environment, seed = self._dev
        with evaluating(model), autocast(model.device, self.recipe.training.precision):
            policy = policy_of(
                self.task_of(model), temperature=0.0, beams=1, max_tokens=self.recipe.play.max_tokens, seed=seed
            )
            played = sorted(play(environment, policy, range(count), seed=seed), key=lambda episode: episode.number)
        if all(episode.fault for episode in played):
            raise LangueError(f"no episode of {environment.name} came to an end: {played[0].fault}")
        return [episode for episode in played if not episode.fault]

    @classmethod
    def words_of(cls, recipe: PlayRecipe) -> CardWords:
        use = recipe.of_use()
        words = training_task(use).words_of(use)
        name = environment_name(recipe.play.environment)
        return CardWords(**{**vars(words), "purpose": f"{words.purpose}, and by the rewards of {name}"})


def transcript(episode: Episode) -> str:
    """An episode as text, answers behind →."""
    turns = [f"{turn.observation}\n→ {turn.reply.text.strip()}  ({turn.reward:.2f})" for turn in episode.turns]
    return "\n".join(turns)


def environment_name(spec: Any) -> str:
    """The name of an environment as a recipe states it."""
    return str(spec.get("name", "?")) if isinstance(spec, Mapping) else str(spec)


def environment_of(recipe: PlayRecipe, spec: Any = None) -> TextEnvironment:
    """The environment of a recipe, with the reward and the turns that the recipe states beside it.

    Raises:
        LangueError: there is no such environment, or it has no such setting.
    """
    settings, spec = recipe.play, recipe.play.environment if spec is None else spec
    more: dict[str, Any] = {} if settings.max_turns is None else {"max_turns": settings.max_turns}
    if settings.reward is not None:
        more["verifier" if environment_name(spec).startswith("Langue/Write") else "reward"] = settings.reward
    return make(spec, **more)


def _located(spec: Any) -> Any:
    """The same with absolute paths, where a setting names a file that is there."""
    if not isinstance(spec, Mapping):
        return spec
    return {name: str(path.absolute()) if (path := _file(name, value)) else value for name, value in spec.items()}


def _files(spec: Any) -> dict[str, Path]:
    """The files that an environment's settings name, by what they call them."""
    if not isinstance(spec, Mapping):
        return {}
    return {str(value): path for name, value in spec.items() if (path := _file(name, value))}


def _file(name: str, value: Any) -> Path | None:
    return Path(value) if name != "name" and isinstance(value, str) and Path(value).is_file() else None
