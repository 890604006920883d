"""The settings of adapters: those of a model, and those of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from langue.errors import LangueError
from langue.nn.roles import Part
from langue.settings import Settings

Kind = Literal["lora", "rslora", "dora"]
Target = Literal[Part, "all"]
"""A part of a model, or all but its two ends."""


class AdapterConfig(Settings):
    """The adapters of a model: a small matrix beside each of its large ones, which alone learns."""

    kind: Kind = "lora"
    """The way in which the small matrix changes the large one: lora adds it, rslora adds more of it where the rank is
    high, dora turns the rows of the large one by it and learns their lengths apart."""
    rank: int = Field(default=16, ge=1)
    """Rank of the small matrix: how many numbers an input is boiled down to."""
    alpha: float = Field(default=32, gt=0)
    """Strength: the small matrix is multiplied by alpha / rank, or by alpha / √rank for rslora."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropping a number of what goes into the small matrix."""
    on: tuple[Target, ...] = ("attention", "recurrent", "feedforward")
    """Parts of the model that get adapters, of those that it has; all is every part but embedding and head."""

    @property
    def scale(self) -> float:
        """Factor of the small matrix (Hu et al. 2021, section 4.1; Kalajdzievski 2023, "rsLoRA", equation 4)."""
        return self.alpha / (self.rank**0.5 if self.kind == "rslora" else self.rank)

    @property
    def described(self) -> str:
        """The adapters in words: "lora of rank 16 on attention and feedforward"."""
        *before, last = self.on
        return f"{self.kind} of rank {self.rank} on {' and '.join([', '.join(before), last] if before else [last])}"

    def covers(self, part: str | None) -> bool:
        """True if a part of a model gets adapters."""
        outside = (None, "embedding", "segment", "head", "classifier")
        return part in self.on or ("all" in self.on and part not in outside)

    def check_rank(self, rows: int, columns: int, part: str | None) -> None:
        """Refuse a rank that is no saving.

        Raises:
            LangueError: the rank is above the smaller side of a matrix.
        """
        if self.rank > min(rows, columns):
            raise LangueError(
                f"adapt.rank {self.rank} is above {min(rows, columns)}, the smaller side of a matrix of {part} "
                f"({rows}×{columns}); take a lower rank"
            )


class AdaptSettings(AdapterConfig):
    """A recipe's adapters, and the form in which the weights beside them are kept."""

    base: Literal["fp32", "bf16", "int8", "nf4", "q4"] = "fp32"
    """The numbers that the weights beside them are held in, which do not learn: nf4 and q4 take an eighth of fp32's
    memory (Dettmers et al. 2023, "QLoRA"), embedding and head the quarter of int8."""

    @field_validator("on")
    @classmethod
    def _refuse_classifier(cls, on: tuple[Target, ...]) -> tuple[Target, ...]:
        if "classifier" in on:
            raise ValueError("a head that judges learns whole beside the adapters; leave classifier out")
        return on

    def adapter(self) -> AdapterConfig:
        """The model's part of it."""
        return AdapterConfig(**self.model_dump(exclude={"base"}))
