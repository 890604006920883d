"""Options of the search for a text, which all verbs that write have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from langue.cli.options import Flag, Options, Several


@Parameter(name="*")
@dataclass(frozen=True)
class SearchOptions(Options):
    """Options of the search."""

    max_tokens: int | None = 200
    """New tokens at most."""
    min_tokens: int = 0
    """New tokens before a text may end."""
    samples: int = 1
    """Texts for each, of beams the best."""
    beams: int = 1
    """Hypotheses that are followed at once; 1 draws a token, or takes the likeliest with temperature 0."""
    length_penalty: float = 1.0
    """Above 1 favours long texts, of beams."""
    length_offset: float | None = None
    """The offset of lengths, of beams: 0 compares log-probabilities a token, 5 as GNMT did; by default 0, or what a
    text must begin with."""
    stopping: Literal["early", "likely", "exact"] = "likely"
    """End beams when as many texts have ended, when nothing better is in sight, or when nothing better can come."""
    groups: int = 1
    """Groups of beams that avoid each other's tokens."""
    diversity: float = 0.5
    """The strength of that avoidance."""
    must: Several = ()
    """A word that has to stand in every text, of beams; may be given several times."""
    no_repeat_ngram: int | None = None
    """No so many tokens in a row stand twice in a text."""
    repetition_penalty: float = 1.0
    """Above 1, makes what stands there already less likely."""
    temperature: float = 0.8
    """Below 1 plays safe, above 1 dares; 0 takes the likeliest token."""
    top_k: int | None = None
    """Draw among so many likeliest tokens."""
    top_p: float | None = None
    """Draw among the fewest tokens that hold this share of probability."""
    min_p: float | None = None
    """Draw among tokens at least this share as likely as the likeliest."""
    seed: int = 0
    """The seed of drawing: the same seed gives the same text."""
    batch_rows: int | None = None
    """Hypotheses that are written side by side, at most; fewer need less memory."""
    batch_tokens: int | None = None
    """Tokens that they may have read together."""


@Parameter(name="*")
@dataclass(frozen=True)
class RewriteOptions(SearchOptions):
    """Options of the search for what becomes of a text."""

    max_tokens: int | None = field(default=None)
    """New tokens at most; by default 16 and 1.5 for each that is read."""
    beams: int = 4
    """Hypotheses that are followed at once; 1 takes the likeliest token, or draws with a temperature."""
    temperature: float = 0.0
    """Above 0 and with 1 beam, tokens are drawn."""
    prefix: str = ""
    """The beginning of every text."""
    coverage_penalty: float = 0.0
    """Above 0 favours, of beams, texts that leave nothing out."""
    alignments: Flag = False
    """With --json, tell for each token which token of the source it looked at most."""


@Parameter(name="*")
@dataclass(frozen=True)
class HearOptions(Options):
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
    """For a Whisper: the code of the language that is spoken, such as fr; it finds out if none is given."""
    translate: Flag = False
    """For a Whisper: write English, whatever is spoken."""
    prompt: str = ""
    """For a Whisper: what might have been said before, with names and words as it should spell them."""

    words: Flag = False
    """For a Whisper: with --json or --format vtt, tell of each word when it is said."""
    vad: Literal["none", "energy", "silero"] = "none"
    """Leave out what nobody speaks in: what is as quiet as the recording's pauses, or what Silero's model says."""
