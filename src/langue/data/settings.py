"""Where data comes from and how it is cut, as data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

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
    """Text to learn from, or a folder that `langue data prepare` made; a benchmark's is its folder."""
    dev: float | str | list[str] | None = 0.1
    """What to watch the training by: sources, or the share that is set aside for it, of a text its end, of a table rows
    from all over it. A benchmark has its own."""
    test: str | list[str] | None = None
    """Text for the last word, looked at once when training is over."""
    temperature: float = Field(default=1.0, gt=0)
    """Sharpens (below 1) or flattens (above 1) the weights of a mix: each is raised to 1/temperature."""
    pack: bool = False
    """Rows of whole documents, as many as fit, instead of windows of one long line of tokens."""
    document_mask: bool = False
    """Positions see their own document only, where a row holds several."""

    benchmark: str | None = None
    """A task of GLUE, SuperGLUE or SQuAD, such as glue/CoLA, in its own files."""
    folder: str | None = None
    """Where the benchmark's files are; hf: fetches Hugging Face's copy."""
    columns: dict[str, str] = Field(default_factory=dict)
    """What a table calls the columns that a task reads, such as {text: review, label: stars}."""

    @model_validator(mode="before")
    @classmethod
    def _benchmarks_folder(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("benchmark"):
            if not given.get("folder"):
                raise ValueError(f"folder must say where the files of {given['benchmark']} are")
            folder = str(given["folder"])
            return {"train": folder, "dev": folder, **given, "folder": folder}
        return given

    @field_validator("dev")
    @classmethod
    def _a_share(cls, dev: float | str | list[str] | None) -> float | str | list[str] | None:
        if isinstance(dev, float | int) and not 0 <= dev < 1:
            raise ValueError("a share of the training text must be at least 0 and below 1")
        return dev or None
