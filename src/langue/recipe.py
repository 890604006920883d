"""Recipes: one YAML file says everything about a training; the rooms own the settings of their own things."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from langue.content import read_yaml
from langue.data import DataSettings
from langue.data.sources import EMBEDDED
from langue.errors import LangueError, reading
from langue.files import replacing_listed
from langue.models import ModelConfig
from langue.models.presets import preset
from langue.objectives import (
    AnswerSettings,
    ClassifySettings,
    DenoiseSettings,
    EmbedSettings,
    MaskingSettings,
    TagSettings,
    TranscribeSettings,
)
from langue.recipes import find_recipe
from langue.remote import is_remote
from langue.settings import Settings, override, parse
from langue.text import TokenizerSettings
from langue.train import TrainingSettings


class ModelSettings(ModelConfig):
    """A recipe's model: a preset and what differs from it, every field by name, or a trained model to go on from."""

    preset: str | None = None
    """The preset that fills in what is not given."""
    path: Path | None = None
    """A run, a checkpoint, a model's folder (Hugging Face's too) or hf:OWNER/NAME, whose weights to begin with, and
    whose architecture comes with them."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        name = given.get("preset") if isinstance(given, dict) else None
        if name is None:
            return given
        try:
            return {**preset(name), **given}
        except LangueError as error:
            raise ValueError(str(error)) from None

    def encoder_config(self) -> ModelConfig:
        return self.architecture().encoder_config()

    def architecture(self) -> ModelConfig:
        """What a model is built from."""
        return ModelConfig(**self.model_dump(exclude={"preset", "path"}))


class SampleSettings(Settings):
    """What the model is asked to write each time it is evaluated, so that a report shows it learning."""

    prompt: str = ""
    """What it goes on from; nothing means the beginning of a document."""
    max_tokens: int = Field(default=200, ge=0)
    """How many tokens it writes; 0 for no samples."""
    temperature: float = Field(default=0.8, ge=0)
    """0 takes the likeliest token each time."""
    top_p: float = Field(default=0.95, gt=0, le=1)
    """Choose among the likeliest tokens that hold this share of probability."""
    seed: int = 0
    """The same seed at each evaluation lets samples be compared."""


class Recipe(Settings):
    """Everything that decides what a training does."""

    task: Literal[
        "generate", "fill", "classify", "answer", "tag", "translate", "summarize", "transcribe", "denoise", "embed"
    ]
    """What the model learns to do."""
    tokenizer: TokenizerSettings = TokenizerSettings()
    """How text becomes tokens."""
    source_tokenizer: TokenizerSettings | None = None
    """How a source becomes tokens, where the task is translate and its language has a vocabulary of its own."""
    model: ModelSettings = ModelSettings()
    """What is trained."""
    data: DataSettings
    """What it is trained and evaluated on."""
    training: TrainingSettings = TrainingSettings()
    """How it is trained."""
    masking: MaskingSettings = MaskingSettings()
    """What is hidden, where the task is fill."""
    denoise: DenoiseSettings = DenoiseSettings()
    """What is amiss with a text, where the task is denoise."""
    classify: ClassifySettings = ClassifySettings()
    """What is asked of a text, where the task is classify."""
    answer: AnswerSettings = AnswerSettings()
    """How answers are found, where the task is answer."""
    tag: TagSettings = TagSettings()
    """What is said of each word, where the task is tag."""
    transcribe: TranscribeSettings = TranscribeSettings()
    """How recordings are learnt from, where the task is transcribe."""
    embed: EmbedSettings = EmbedSettings()
    """How vectors of texts are learnt, where the task is embed."""
    samples: SampleSettings = SampleSettings()
    """What it writes for the report."""


def read_recipe(source: Path | str | Mapping[str, Any], changes: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        source: its YAML file, the name of a recipe that comes with Langue, or what would stand in such a file.
        changes: `{"training.steps": "200"}`, values as in YAML, which come before the file's.

    A relative path in the recipe is looked for from the working directory and then from the recipe's folder.

    Raises:
        LangueError: names the file or the option, the key, and the nearest right key or what should stand there.
    """
    if isinstance(source, Mapping):
        content, folder, where = dict(source), Path(), "the recipe"
    else:
        file = find_recipe(source)
        content, folder, where = read_yaml(file), file.parent, str(source)
    with reading(where):
        if "model.preset" in (changes or {}):
            content = _without_preset(content)
        content = _located(override(content, changes or {}), folder)
    return parse(Recipe, content, where, changed=list(changes or {}))


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with every field, which `read_recipe` reads as the same value."""
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with replacing_listed(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")


def changes_between(old: Settings, new: Settings, before: str = "") -> dict[str, tuple[Any, Any]]:
    """Fields that differ, by dotted name: `{"training.steps": (100, 200)}`."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in type(new).model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if isinstance(was, Settings) and isinstance(now, Settings):
            found |= changes_between(was, now, f"{before}{name}.")
        elif was != now:
            found[before + name] = (was, now)
    return found


def _without_preset(content: dict[str, Any]) -> dict[str, Any]:
    """Take out what a preset or a default filled in, so that another preset can fill it; keep what was chosen.

    A run's own recipe.yaml names the preset and every field, and those fields would hide the new preset's.
    """
    given = content.get("model")
    if not isinstance(given, dict) or "preset" not in given:
        return content
    filled = {**ModelSettings().model_dump(mode="json"), **preset(given["preset"])}
    chosen = {key: value for key, value in given.items() if key not in filled or filled[key] != value}
    return {**content, "model": {key: value for key, value in chosen.items() if key != "preset"}}


# Where a recipe names files, by section.
_PATHS = {
    "data": ("train", "dev", "test", "folder"),
    "tokenizer": ("path",),
    "source_tokenizer": ("path",),
    "model": ("path",),
    "embed": ("teacher",),
}


def _located(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same content with absolute paths, where they lead to something."""
    located = dict(content)
    for section, names in _PATHS.items():
        given = content.get(section)
        if isinstance(given, dict):
            located[section] = {
                name: _locate(value, folder)
                if name in names and (section == "data" or not (isinstance(value, str) and is_remote(value)))
                else value
                for name, value in given.items()
            }
    return located


def _locate(value: Any, folder: Path) -> Any:
    """A path or glob, a list of them, or a table of them with weights; names of other sources stay as they are."""
    if isinstance(value, list):
        return [_locate(part, folder) for part in value]
    if isinstance(value, dict) and value.keys() == {"source", "target"}:
        return {side: _locate(path, folder) for side, path in value.items()}
    if isinstance(value, dict):
        return {_locate(name, folder): weight for name, weight in value.items()}
    if not isinstance(value, str) or value == EMBEDDED:
        return value
    for start in (Path.cwd(), folder.absolute()):
        hub = "hf:" if value.startswith("hf:") else ""
        name, colon, split = value.removeprefix(hub).partition(":") if hub else (value, "", "")
        place = str(start / Path(name).expanduser())
        if name and (Path(place).exists() or glob.glob(place, recursive=True)):
            return f"{hub}{place}{colon}{split}"
    return value
