"""Settings of `tag`: one label for each word."""

from __future__ import annotations

from typing import ClassVar, Literal

from langue.recipe import TableRecipe
from langue.settings import Settings


class TagSettings(Settings):
    """The labels of the words of a text."""

    labels: tuple[str, ...] = ()
    """All labels, in the order of the model's outputs; none learns them from the training data, in sorted order."""
    metric: str | None = None
    """The metric on dev data that decides: f1 of whole entities, which takes labels O, B-KIND and I-KIND, or accuracy;
    null takes f1 where the labels are such."""


class TagRecipe(TableRecipe):
    """A model that learns to label words."""

    unit: ClassVar[str] = "words"
    scores: ClassVar[tuple[str, ...]] = ("f1", "accuracy")

    task: Literal["tag"]
    """The task that the model learns."""
    tag: TagSettings = TagSettings()
    """The labels."""
