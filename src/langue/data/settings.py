"""Where data comes from and how it is cut, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from langue.settings import Settings

Unit = Literal["file", "line", "paragraph"]

Source = str | list[str] | dict[str, float]
"""A path, glob, folder, `hf:` name or "embedded"; a list of them; or a table of them with weights."""


class ReadSettings(Settings):
    """How text is read from files."""

    documents: Unit = "file"
    """What one document of a text file is."""
    text: str = "text"
    """The column or key of a table that holds the text."""
    max_line_bytes: int = Field(default=1 << 20, ge=1, lt=1 << 31)
    """Longer lines are quarantined."""


class DataSettings(ReadSettings):
    """What a model is trained, watched and tested on."""

    train: Source
    """Text to learn from, or a folder that `langue data prepare` made."""
    dev: float | str | list[str] | None = 0.1
    """Text to watch the training by: sources, or the share of the training text's end that is set aside for it."""
    test: str | list[str] | None = None
    """Text for the last word, looked at once when training is over."""
    temperature: float = Field(default=1.0, gt=0)
    """Sharpens (below 1) or flattens (above 1) the weights of a mix: each is raised to 1/temperature."""
    pack: bool = False
    """Rows of whole documents, as many as fit, instead of windows of one long line of tokens."""
    document_mask: bool = False
    """Positions see their own document only, where a row holds several."""

    @field_validator("dev")
    @classmethod
    def _a_share(cls, dev: float | str | list[str] | None) -> float | str | list[str] | None:
        if isinstance(dev, float | int) and not 0 <= dev < 1:
            raise ValueError("a share of the training text must be at least 0 and below 1")
        return dev or None
