"""Recipes: one YAML file says everything about a training. Each task has a class of its own, beside its settings.

Three bases say by what data a task is learnt: texts, tables or pairs; `langue.tasks.recipes` reads the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml
from pydantic import Field, model_validator

from langue.adapters.settings import AdaptSettings
from langue.data.settings import DataSettings, PairDataSettings, TableDataSettings, TextDataSettings
from langue.errors import LangueError
from langue.files import replacing_listed
from langue.models import ModelConfig
from langue.models.presets import preset
from langue.quantization.settings import QuantizationConfig
from langue.settings import Settings
from langue.text import TokenizerSettings
from langue.training import TrainingSettings

_BASES: Mapping[str, QuantizationConfig | None] = {
    "fp32": None,
    "bf16": QuantizationConfig(format="bf16"),
    "int8": QuantizationConfig(format="int8"),
    "nf4": QuantizationConfig(format="nf4", table="int8"),
    "q4": QuantizationConfig(format="q4_0", table="int8"),
}
"""The bits that adapters' base is held in, by `adapt.base`."""

PATHS: Mapping[str, tuple[str, ...]] = {
    "data": ("train", "dev", "test", "folder"),
    "tokenizer": ("path",),
    "source_tokenizer": ("path",),
    "model": ("path",),
}
"""The fields of a recipe that name files, by section."""


class ModelSettings(ModelConfig):
    """A recipe's model: a preset and what differs from it, every field by name, or a trained model to go on from."""

    preset: str | None = None
    """The preset that fills in what is not given."""
    path: Path | None = None
    """A run, a checkpoint, a model's folder (Hugging Face's too), hf:OWNER/NAME or package:NAME, whose weights to begin
    with, and whose architecture comes with them."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, fields: Any) -> Any:
        name = fields.get("preset") if isinstance(fields, dict) else None
        if name is None:
            return fields
        try:
            return {**preset(name), **fields}
        except LangueError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _refuse_adapter(self) -> ModelSettings:
        if self.adapter is not None:
            raise ValueError("adapters stand in a section of their own, adapt: {kind: lora, rank: 16}")
        return self

    def encoder_config(self) -> ModelConfig:
        return self.architecture().encoder_config()

    def architecture(self) -> ModelConfig:
        """The configuration that a model is built from."""
        return ModelConfig(**self.model_dump(exclude={"preset", "path"}))


class SampleSettings(Settings):
    """The sample that the model writes each time it is evaluated, so that a report shows it learning."""

    prompt: str = ""
    """The beginning that it goes on from; nothing means the beginning of a document."""
    max_tokens: int = Field(default=200, ge=0)
    """Tokens that it writes; 0 for no samples."""
    temperature: float = Field(default=0.8, ge=0)
    """0 takes the likeliest token each time."""
    top_p: float = Field(default=0.95, gt=0, le=1)
    """Choose among the likeliest tokens that hold this share of probability."""
    seed: int = 0
    """The same seed at each evaluation lets samples be compared."""


class CardSettings(Settings):
    """The words of the model card that nobody but the author knows."""

    license: str | None = None
    """Licence of the model as Hugging Face's hub calls it, such as apache-2.0 or cc-by-sa-4.0."""
    language: str | list[str] | None = None
    """Codes of the languages that it knows, such as en or [en, de]."""


class Measure(NamedTuple):
    """A number that a training measures, in words for those who read its report.

    Attributes:
        title: its name.
        meaning: one line.
    """

    title: str
    meaning: str


class Recipe(Settings):
    """Everything that decides what a training does, whatever its task.

    Attributes:
        paths: fields that name files, by section.
        unit: the unit that its losses are counted by.
        measures: the numbers that say how it goes, by name, the first one first; nothing of tasks whose loss says it.
        scores: metrics on dev data that judge its answers, the most telling first; they say more than a loss.
    """

    task: str
    """The task that the model learns."""
    tokenizer: TokenizerSettings = TokenizerSettings()
    """The tokenizer that makes tokens of text."""
    model: ModelSettings = ModelSettings()
    """The model that is trained."""
    data: DataSettings
    """The data that it is trained, watched and tested on."""
    adapt: AdaptSettings | None = None
    """The adapters that learn in place of the model's own weights, which `model.path` names; null trains the model."""
    training: TrainingSettings = TrainingSettings()
    """Settings of the training: its budget, batches and optimizer."""
    samples: SampleSettings = SampleSettings()
    """Texts that it writes for the report."""
    card: CardSettings = CardSettings()
    """Words of its model card."""

    paths: ClassVar[Mapping[str, tuple[str, ...]]] = PATHS
    unit: ClassVar[str] = "tokens"
    measures: ClassVar[Mapping[str, Measure]] = {}
    scores: ClassVar[tuple[str, ...]] = ()

    def architecture(self) -> ModelConfig:
        """The configuration that the model is built from, adapters included."""
        config = self.model.architecture()
        if self.adapt is None:
            return config
        return config.replace(adapter=self.adapt.adapter(), quantization=_BASES[self.adapt.base])

    @property
    def published(self) -> Mapping[str, Any]:
        """The fields of Transformers' config.json that tell how to use a model which was trained by it."""
        return {}

    def of_use(self) -> Recipe:
        """The recipe of the task that the trained model is for, where that is another."""
        return self


class TextRecipe(Recipe):
    """A recipe for running text."""

    data: TextDataSettings
    """The text that it is trained, watched and tested on."""


class TableRecipe(Recipe):
    """A recipe for labelled rows."""

    unit: ClassVar[str] = "examples"

    data: TableDataSettings
    """The rows that it is trained, watched and tested on."""


class PairRecipe(Recipe):
    """A recipe for pairs of texts."""

    data: PairDataSettings
    """The pairs that it is trained, watched and tested on."""
    source_tokenizer: TokenizerSettings | None = None
    """The tokenizer of the sources, where their language has a vocabulary of its own; null takes the targets'."""


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with every field, which `read_recipe` reads as the same value."""
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with replacing_listed(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")


def changes_between(old: Settings, new: Settings, before: str = "") -> dict[str, tuple[Any, Any]]:
    """Fields that differ, by dotted name: `{"training.steps": (100, 200)}`."""
    changes: dict[str, tuple[Any, Any]] = {}
    for name in (field for field in type(new).model_fields if field in type(old).model_fields):
        was, now = getattr(old, name), getattr(new, name)
        if isinstance(was, Settings) and isinstance(now, Settings):
            changes |= changes_between(was, now, f"{before}{name}.")
        elif was != now:
            changes[before + name] = (was, now)
    return changes
