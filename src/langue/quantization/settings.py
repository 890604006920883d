"""The settings of low-bit weights: those of a model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from langue.quantization.format import Format
from langue.quantization.formats import FORMATS
from langue.quantization.int8 import Int8
from langue.settings import Settings

WritableName = Literal["int8", "q8_0", "q4_0", "q4_1", "nf4"]
FormatName = Literal["int8", "q8_0", "q4_0", "q4_1", "nf4", "bf16", "q4_k", "q6_k"]


class QuantizationConfig(Settings):
    """The few bits that a model's matrices are held in, but for those that judge a text or tell segments apart.

    A matrix whose rows do not divide into the format's blocks keeps fp32.
    """

    format: WritableName | Literal["bf16"] | None = "int8"
    """Format of the matrices: int8 has one scale a row and multiplies in integers on a CPU; q8_0, q4_0 and q4_1 are
    llama.cpp's blocks of 32; nf4 is bitsandbytes' of 64; bf16 is half of fp32. null takes those alone that
    stand in `kept`."""
    table: WritableName | None = None
    """Format of the embedding and the head, which small models need more precisely; null takes `format`."""
    smoothed: bool = False
    """Each input of a matrix of the trunk has a factor of its own, by which its column was divided before it was
    rounded (AWQ)."""
    one_digit: bool = False
    """int8 rounds inputs to eight bits in place of fifteen: twice as fast for many rows, and near enough for encoders,
    whose inputs have no numbers that are far larger than all others."""
    kept: dict[str, tuple[FormatName, ...]] = Field(default={})
    """By its place in the model, a matrix that has the bits of the file it came from: the format of each of those that
    it stacks."""

    def formats(self, place: str, part: str | None, columns: int) -> tuple[Format, ...]:
        """The format of a matrix, or of each that it stacks; nothing for fp32.

        Args:
            place: of its layer in a model without adapters.
            part: of the model that it belongs to.
            columns: width of its input.
        """
        if place in self.kept:
            return tuple(FORMATS[name] for name in self.kept[place])
        name = self.table or self.format if part in ("embedding", "head") else self.format
        if name is None or part in (None, "segment", "classifier") or not FORMATS[name].fits(columns):
            return ()
        return (Int8(digits=1) if name == "int8" and self.one_digit else FORMATS[name],)
