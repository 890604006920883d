"""Settings of `embed`: vectors of texts."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from langue.recipe import PATHS, TableRecipe
from langue.text.reading import Reading

SimilarityLoss = Literal["contrastive", "cosent", "cosine", "margin", "divergence", "vectors"]


class EmbedSettings(Reading):
    """Settings of vectors of texts, and of the way in which texts are given to the model."""

    loss: SimilarityLoss | None = None
    """The loss. Of an anchor and its positive: contrastive, among all others of the batch. Of two sentences and
    a score: cosent, or cosine for the squared error. Of a teacher: margin or divergence of its scores for an anchor's
    texts, or vectors for its vectors. null takes contrastive, or cosent where there are scores."""
    similarity: Literal["cosine", "dot"] = "cosine"
    """The measure of likeness of two vectors."""
    temperature: float = Field(default=0.05, gt=0)
    """The divisor of similarities, but for a squared error against scores."""
    symmetric: bool = False
    """Let each positive find its anchor as well (contrastive)."""
    sizes: tuple[int, ...] = ()
    """Numbers of first components of a vector that are to be good by themselves (Kusupati et al. 2022, "Matryoshka
    Representation Learning"), such as 384, 192 and 96; the loss is the sum over them. None takes all numbers."""
    cached: bool = False
    """Keep nothing of a batch's forward pass but the vectors, and read each piece of it again on the way back
    (GradCache, Gao et al. 2021): the same gradient in the memory of one piece, for a third more time."""
    piece_tokens: int | None = Field(default=None, ge=1)
    """Tokens of one piece, padding included; null takes what is fastest on most machines."""
    teacher: Path | None = None
    """A trained model: one that judges pairs (task classify) where scores are learnt, else one that embeds. Without one
    the column scores says what it would."""
    metric: str | None = None
    """The metric on dev data that decides; null takes mrr@10 of pairs, spearman of graded ones, else the loss."""

    @model_validator(mode="after")
    def _sizes(self) -> EmbedSettings:
        if any(size < 1 for size in self.sizes):
            raise ValueError("sizes are numbers of at least 1")
        if self.symmetric and self.loss not in (None, "contrastive"):
            raise ValueError(f"symmetric is for the loss contrastive, not {self.loss}")
        return self

    def reading(self) -> Reading:
        """The part of the settings that belongs to the model that comes out."""
        return Reading(**{name: getattr(self, name) for name in Reading.model_fields})


class EmbedRecipe(TableRecipe):
    """A model that learns to represent texts by vectors."""

    scores: ClassVar[tuple[str, ...]] = ("mrr@10", "accuracy", "spearman", "pearson")

    task: Literal["embed"]
    """The task that the model learns."""
    embed: EmbedSettings = EmbedSettings()
    """The likeness that vectors learn."""

    paths: ClassVar = {**PATHS, "embed": ("teacher",)}
