"""Settings of `classify`: one judgement for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from langue.nn.heads import DenseKind, Pooling
from langue.recipe import TableRecipe
from langue.settings import Settings
from langue.tasks.distill.settings import TaughtRecipe

AnswerKind = Literal["label", "labels", "number", "choice"]


PROBLEMS: Mapping[AnswerKind, str] = {
    "label": "single_label_classification",
    "labels": "multi_label_classification",
    "number": "regression",
}
"""Transformers' words for the kinds of answers that it knows."""


class ClassifySettings(Settings):
    """The judgement of a text, or of two."""

    kind: AnswerKind = "label"
    """One label for each text, any number of labels, a number, or which of several choices goes with it."""
    labels: tuple[str, ...] = ()
    """All labels, in the order of the model's outputs; none learns them from the training data, in sorted order."""
    pooling: Pooling | None = None
    """The vector of a text: its first position's ([CLS]), its last one's, or the mean of all; null takes that of the
    weights it begins with or of their family, else an encoder's mean and a decoder's last, which has seen all."""
    dense: DenseKind | None = None
    """Activation of a dense layer before the outputs; null takes that of the weights it begins with or of their
    family, else none."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """Weight of each label in the loss: balanced lets rare ones count for as much as frequent ones."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which on a text has a label, where it may have several."""
    metric: str | None = None
    """The metric on dev data that decides; null takes the benchmark's, else accuracy, f1_micro or pearson."""


class ClassifyRecipe(TableRecipe, TaughtRecipe):
    """A model that learns to judge texts."""

    scores: ClassVar[tuple[str, ...]] = (
        "accuracy", "f1", "f1_macro", "f1_micro", "matthews", "pearson", "spearman", "exact_match",
    )  # fmt: skip

    task: Literal["classify"]
    """The task that the model learns."""
    classify: ClassifySettings = ClassifySettings()
    """The judgement."""

    @property
    def published(self) -> Mapping[str, Any]:
        kind = self.classify.kind
        return {"problem_type": PROBLEMS[kind]} if kind in PROBLEMS else {}
