"""Settings of data: its sources, and the way it is read and split."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from langue.errors import as_option
from langue.settings import Settings

Unit = Literal["file", "line", "paragraph"]


class Aligned(Settings):
    """Two text files, line by line each other's translation."""

    source: str
    """The file that is read."""
    target: str
    """The file of what is to be written."""


Source = str | list[str] | dict[str, float] | Aligned
"""A path, glob, folder, `hf:` or `package:` name or "embedded"; a list of them; a table of them with weights; or
aligned files."""


class ReadSettings(Settings):
    """The way in which text is read from files."""

    documents: Unit = "file"
    """The unit of a text file that makes one document."""
    text: str = "text"
    """The column or key of a table that holds the text."""
    max_line_bytes: int = Field(default=1 << 20, ge=1, lt=1 << 31)
    """Longer lines are left out, and where labels or recordings stand in them refused."""
    max_dropped: float = Field(default=0.05, ge=0, le=1)
    """The share of records, or of their bytes, that may be left out because they cannot be used; beyond it nothing is
    done. What is empty, and what a setting asks to leave out, does not count."""

    def option(self, name: str) -> str:
        """The option of the command line for one of these settings."""
        return as_option(name)


class PairSettings(Settings):
    """The choice of pairs to learn from, and the tags and prefixes that go with them. Lengths are in tokens."""

    max_source: int | None = Field(default=None, ge=1)
    """Longest source; null takes what the model's context has room for."""
    max_target: int | None = Field(default=None, ge=1)
    """Longest target; null takes what the model's context has room for."""
    too_long: Literal["drop", "cut"] | None = None
    """The fate of longer training pairs; null drops translations, and cuts texts to be summarized."""
    min_tokens: int = Field(default=1, ge=1)
    """Pairs with a shorter side are dropped."""
    max_ratio: float | None = Field(default=None, gt=1)
    """Pairs one of whose sides is so many times as long as the other are dropped."""
    duplicates: bool = True
    """Keep pairs that are there already."""
    instruction: str = ""
    """A text before every source, such as T5's "summarize: "."""
    tag: str | None = None
    """The language, or any other name, that is told the model with each row that does not name its own."""
    language: str | None = None
    """Code of the language that targets are written in, such as zh, by which BLEU, TER and ROUGE split them; null goes
    by the tags, and else by the script."""
    tags: tuple[str, ...] = ()
    """All languages and names that the model is told; none learns them from the columns target_language and tag."""
    tagged: bool = False
    """True where the model always gets a tag, and so has to be given one; learnt together with `tags`."""


class DataSettings(ReadSettings):
    """The data that a model is trained, watched and tested on."""

    train: Source
    """Text to learn from, or a folder that `langue data prepare` made; a benchmark's is its folder."""
    dev: float | str | list[str] | Aligned | None = 0.1
    """Data to evaluate by in training: sources, or the share that is set aside for it, of a text its end, of a table
    rows from all over it. A benchmark has its own."""
    test: str | list[str] | Aligned | None = None
    """Data for the last word, looked at once when training is over."""
    columns: dict[str, str] = Field(default_factory=dict)
    """A table's names of the columns that a task reads, such as {text: review, label: stars}."""

    def option(self, name: str) -> str:
        return f"--data.{name}"

    @model_validator(mode="before")
    @classmethod
    def _text_column(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("columns"), dict) and "text" in content["columns"]:
            return {"text": content["columns"]["text"], **content}  # for those who read running text
        return content

    @field_validator("dev")
    @classmethod
    def _a_share(cls, dev: float | str | list[str] | Aligned | None) -> float | str | list[str] | Aligned | None:
        if isinstance(dev, float | int) and not 0 <= dev < 1:
            raise ValueError("a share of the training text must be at least 0 and below 1")
        return dev or None


class TextDataSettings(DataSettings):
    """Running text."""

    temperature: float = Field(default=1.0, gt=0)
    """Sharpens (below 1) or flattens (above 1) the weights of a mix: each is raised to 1/temperature."""
    pack: bool = False
    """Rows of whole documents, as many as fit, instead of windows of one long line of tokens."""
    document_mask: bool = False
    """Positions see their own document only, where a row holds several."""


def _needs_no_train(schema: dict[str, Any]) -> None:
    """Let a schema take a benchmark alone, whose folder stands for the training data."""
    schema["required"].remove("train")


class TableDataSettings(DataSettings):
    """Labelled rows."""

    model_config = ConfigDict(json_schema_extra=_needs_no_train)

    benchmark: str | None = None
    """A task of GLUE, SuperGLUE or SQuAD, such as glue/CoLA, in its own files."""
    folder: str | None = None
    """Folder of the benchmark's files; hf: fetches Hugging Face's copy, hf:DIR reads one that lies in a folder."""

    @model_validator(mode="before")
    @classmethod
    def _benchmarks_folder(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("benchmark"):
            if not content.get("folder"):
                raise ValueError(f"folder must say where the files of {content['benchmark']} are")
            folder = str(content["folder"])
            return {"train": folder, "dev": folder, **content, "folder": folder}
        return content


class PairDataSettings(DataSettings):
    """Pairs of texts."""

    temperature: float = Field(default=1.0, gt=0)
    """Sharpens (below 1) or flattens (above 1) the weights of a mix: each is raised to 1/temperature."""
    pairs: PairSettings = PairSettings()
    """The pairs that are learnt from."""
