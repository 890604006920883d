"""Settings of `answer`: answers that stand in a text."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from langue.recipe import TableRecipe
from langue.settings import Settings


class AnswerSettings(Settings):
    """The search for answers in a text."""

    stride: int = Field(default=128, ge=1)
    """Tokens that two windows of a long text share."""
    question_tokens: int = Field(default=64, ge=1)
    """Longer questions are cut."""
    answer_tokens: int = Field(default=30, ge=1)
    """Longer answers are not considered."""
    candidates: int = Field(default=20, ge=1)
    """Likeliest beginnings and ends of each window that are put together."""
    no_answer: bool = False
    """Allow for texts that hold no answer; the model then says so by pointing at the first position."""
    null_threshold: float = 0.0
    """Margin by which no answer must score higher than the best answer to be preferred."""
    metric: str = "f1"
    """The metric on dev data that decides: f1 or exact_match."""


class AnswerRecipe(TableRecipe):
    """A model that learns to find answers in texts."""

    unit: ClassVar[str] = "windows"
    scores: ClassVar[tuple[str, ...]] = ("f1", "exact_match")

    task: Literal["answer"]
    """The task that the model learns."""
    answer: AnswerSettings = AnswerSettings()
    """The search for an answer."""
