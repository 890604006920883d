"""Options of the search for a text, which all verbs that write have in common: the engine's settings themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field

from langue.cli.options import NO_OPTION, Several
from langue.content import read_json
from langue.engine.settings import GenerationSettings, SamplingSettings
from langue.settings import Settings


@Parameter(name="*", negative="")
class SearchOptions(GenerationSettings):
    """Options of the search of a decoder."""

    temperature: float = Field(default=0.8, ge=0)
    """Sharpens (below 1) or flattens (above 1) the choice; 0 takes the likeliest token."""
    must: Several = ()
    """A word that has to stand in every text, of beams; may be given several times."""
    max_tokens_per_source: Annotated[float, NO_OPTION] = 0.0
    coverage_penalty: Annotated[float, NO_OPTION] = 0.0
    prompt_tokens: Annotated[int | None, NO_OPTION] = None
    prefix_tokens: Annotated[int, NO_OPTION] = 0
    ensemble: Annotated[Literal["probability", "logarithm"], NO_OPTION] = "probability"
    alignments: Annotated[bool, NO_OPTION] = False
    draw_log_probabilities: Annotated[bool, NO_OPTION] = False


@Parameter(name="*", negative="")
class ChatOptions(SamplingSettings):
    """Options of the draw of an answer, and the form that it has."""

    schema_file: Annotated[Path | None, Parameter(name="--schema")] = None
    """A file with a JSON schema that each answer has to match."""
    regex: str | None = None
    """A regular expression that each answer has to match."""
    choice: Several = ()
    """One of the answers that there are; given several times."""
    stop: Several = ()
    """A string that ends an answer; may be given several times."""
    max_tokens: Annotated[int, Parameter(show_default=False)] = Field(default=4096, ge=1)
    """New tokens at most; by default as many as the model's context has room for."""
    temperature: float = Field(default=0.8, ge=0)
    """Sharpens (below 1) or flattens (above 1) the choice; 0 takes the likeliest token."""
    max_tokens_per_source: Annotated[float, NO_OPTION] = 0.0
    samples: Annotated[int, NO_OPTION] = 1
    beams: Annotated[int, NO_OPTION] = 1
    length_penalty: Annotated[float, NO_OPTION] = 1.0
    length_offset: Annotated[float, NO_OPTION] = 0.0
    coverage_penalty: Annotated[float, NO_OPTION] = 0.0
    stopping: Annotated[Literal["early", "likely", "exact"], NO_OPTION] = "likely"
    groups: Annotated[int, NO_OPTION] = 1
    diversity: Annotated[float, NO_OPTION] = 0.5
    alignments: Annotated[bool, NO_OPTION] = False
    draw_log_probabilities: Annotated[bool, NO_OPTION] = False

    def of_answers(self) -> dict[str, Any]:
        """The arguments of `chat` that say the same.

        Raises:
            LangueError: the file of the schema cannot be read.
        """
        schema = None if self.schema_file is None else read_json(self.schema_file)
        forms = {"schema": schema, "regex": self.regex, "choice": self.choice or None}
        output = {name: form for name, form in forms.items() if form is not None}
        drawn = self.model_dump(exclude={"schema_file", "regex", "choice", "stop"}, exclude_unset=True)
        return {"temperature": self.temperature, **drawn, "stop": self.stop, "output": output or None}


@Parameter(name="*", negative="")
class RewriteOptions(GenerationSettings):
    """Options of the search for what becomes of a text, with the defaults of the tasks that rewrite."""

    max_tokens: Annotated[int, Parameter(show_default=False)] = Field(default=16, ge=1)
    """New tokens at most; by default 16 and 1.5 for each that is read."""
    max_tokens_per_source: Annotated[float, Parameter(show_default=False)] = Field(default=1.5, ge=0)
    """Tokens more for each position of the source; with max_tokens, 0 by default."""
    length_offset: Annotated[float, Parameter(show_default=False)] = Field(default=0.0, ge=0)
    """The offset of lengths in it, of beams: 0 divides by the length itself, 5 is GNMT's; by default 0, or what a text
    must begin with."""
    beams: int = Field(default=4, ge=1)
    """Hypotheses that are followed at once; 1 takes the likeliest token, or draws with a temperature."""
    temperature: float = Field(default=0.0, ge=0)
    """Above 0 and with 1 beam, tokens are drawn."""
    prefix: str = ""
    """The beginning of every text."""
    must: Several = ()
    """A word that has to stand in every text, of beams; may be given several times."""
    prompt_tokens: Annotated[int | None, NO_OPTION] = None
    prefix_tokens: Annotated[int, NO_OPTION] = 0
    speculate: Annotated[int, NO_OPTION] = 0
    ensemble: Annotated[Literal["probability", "logarithm"], NO_OPTION] = "probability"
    draw_log_probabilities: Annotated[bool, NO_OPTION] = False


@Parameter(name="*", negative="")
class HearOptions(Settings):
    """Options of hearing."""

    beams: int | None = None
    """Beginnings that are followed at once; 1 takes the likeliest letter of each moment. By default 5 of a Whisper, and
    of others what the training measured by."""
    language_model: Path | None = None
    """For a model that was taught by CTC: a decoder with the same tokenizer, which has a say in what is written."""
    weight: float | None = None
    """Its weight beside what is heard; 0.5 by default."""
    bonus: float | None = None
    """The bonus of each letter, lest short texts win; 1 by default."""
    language: str | None = None
    """The code of the language that is spoken: for a Whisper such as fr, which finds out if none is given; for a model
    with letters and an adapter for each of its languages, such as MMS, one of those, such as fra."""
    translate: bool = False
    """For a Whisper: write English, whatever is spoken."""
    prompt: str = ""
    """For a Whisper: what might have been said before, with names and words as it should spell them."""

    words: bool = False
    """For a Whisper: with --json or --format vtt, tell of each word when it is said."""
    vad: Literal["none", "energy", "silero"] = "none"
    """Leave out what nobody speaks in: what is as quiet as the recording's pauses, or what Silero's model says."""
