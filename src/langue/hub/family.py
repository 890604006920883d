"""Families of models: a table of settings and a table of keys, each of which is read in both directions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from langue.errors import LangueError
from langue.models import ModelConfig
from langue.text import Tokenizer

REQUIRED = object()
"""The default of a field that must be given."""


class Entry(Protocol):
    """A line of the table of settings: one or more fields of theirs and what they are in ours."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Theirs, by name."""

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Our fields, from their config.json."""

    def write(self, config: ModelConfig) -> dict[str, Any]:
        """The fields of theirs; those without a counterpart are left out, which reading them back brings to light."""


def value_of(config: ModelConfig, name: str) -> Any:
    """A field of ours, with nothing left open."""
    return getattr(config, f"resolved_{name}", getattr(config, name))


@dataclass(frozen=True)
class _One:
    """The base of entries about a single field of theirs, which is written and not read unless they say otherwise."""

    theirs: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.theirs,)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Same(_One):
    """The same value under another name; an `optional` field is left out where ours is null."""

    ours: str
    default: Any = REQUIRED
    optional: bool = False

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {self.ours: _get(config, self.theirs, self.default)}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        value = value_of(config, self.ours)
        return {} if value is None and self.optional else {self.theirs: value}


@dataclass(frozen=True)
class Named(_One):
    """A choice whose values have other names; of several of theirs for one of ours, the first is written."""

    ours: str
    names: Mapping[Any, Any]
    default: Any = REQUIRED

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        value = _get(config, self.theirs, self.default)
        if not isinstance(value, str | bool | int) or value not in self.names:
            raise refusal(self.theirs, value, f"known: {', '.join(map(str, self.names))}")
        return {self.ours: self.names[value]}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        ours = value_of(config, self.ours)
        return next(({self.theirs: name} for name, value in self.names.items() if value == ours), {})


@dataclass(frozen=True)
class Only(_One):
    """A switch that may stand one way alone, because we have no other; where it is rare it is not written."""

    value: Any
    written: bool = True

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        value = config.get(self.theirs, self.value)
        if value != self.value:
            raise refusal(self.theirs, value, f"Langue has only {self.value!r}")
        return {}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {self.theirs: self.value} if self.written else {}


@dataclass(frozen=True)
class Also(_One):
    """A second field of theirs for one of ours: dropout has many names, and matters to training alone."""

    ours: str

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {self.theirs: getattr(config, self.ours)}


@dataclass(frozen=True)
class Off(_One):
    """A switch that is off, or not there."""

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        if config.get(self.theirs):
            raise refusal(self.theirs, config[self.theirs], "Langue has it not")
        return {}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {}


class Unused:
    """Fields of theirs that change nothing of what a model computes, and are not written."""

    def __init__(self, *fields: str):
        self.fields = fields

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class FirstOf:
    """The same value, under whichever of several names it stands first; the first of the names is written."""

    fields: tuple[str, ...]
    ours: str
    default: Any = None

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        values = (config.get(name) for name in self.fields)
        return {self.ours: next((value for value in values if value is not None), self.default)}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        value = getattr(config, self.ours)
        return {} if value is None else {self.fields[0]: value}


@dataclass(frozen=True)
class Side:
    """A field that an encoder–decoder has for each of its sides.

    Attributes:
        encoder: theirs, of the encoder.
        decoder: theirs, of the decoder; where it is null, the encoder's counts.
        ours: ours, of either.
        default: what both are where nothing is said.
    """

    encoder: str
    decoder: str
    ours: str
    default: Any


@dataclass(frozen=True)
class SideSettings:
    """Settings that encoder and decoder have each for itself; ours has of the encoder what differs from the decoder."""

    sides: tuple[Side, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(name for side in self.sides for name in (side.encoder, side.decoder))

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        encoder = {side.ours: config.get(side.encoder, side.default) for side in self.sides}
        decoder = {side.ours: config.get(side.decoder) for side in self.sides}
        decoder = {name: encoder[name] if value is None else value for name, value in decoder.items()}
        own = {name: value for name, value in encoder.items() if value != decoder[name]}
        return {**decoder, "encoder": own or None}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        if config.form != "seq2seq":
            return {}
        encoder = config.encoder_config()
        return {
            **{side.encoder: value_of(encoder, side.ours) for side in self.sides},
            **{side.decoder: value_of(config, side.ours) for side in self.sides},
        }


NOTHING = ""
"""In place of a tensor that theirs does without."""


@dataclass(frozen=True)
class Key:
    """A line of the table of keys: where a parameter of ours is in theirs.

    `{layer}` stands for a number, `{part}` for "weight" or "bias".

    Attributes:
        ours: the parameter.
        theirs: the tensor, or the tensors whose rows ours stacks; `NOTHING` among them for rows that theirs has not,
            because they change nothing, and that ours has as zeros.
        turned: they keep the matrix the other way round.
        rotary: of how many of theirs, from the first, the rows of each head are pairs (x_i, x_{i + width/2}) and not
            neighbours.
        row: theirs is a matrix of one row, ours a vector.
        whole: theirs is one matrix of all that ours stacks: block after block ("blocks"), or the blocks' rows of one
            head, and then those of the next ("heads"); or it is one of several.
    """

    ours: str
    theirs: str | tuple[str, ...]
    turned: bool = False
    rotary: int = 0
    row: bool = False
    whole: Literal["blocks", "heads"] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.theirs,) if isinstance(self.theirs, str) else self.theirs

    def match(self, parameter: str) -> dict[str, str] | None:
        """The values of the placeholders in a parameter's name, or None when the line is about another."""
        match = re.fullmatch(pattern(self.ours), parameter)
        return None if match is None else match.groupdict()


def pattern(template: str) -> str:
    """The regular expression of a name with placeholders."""
    escaped = re.escape(template)
    return escaped.replace(r"\{layer\}", "(?P<layer>[0-9]+)").replace(r"\{part\}", "(?P<part>weight|bias)")


@dataclass(frozen=True)
class Like:
    """The value that another of our fields has."""

    field: str


@dataclass(frozen=True)
class Theirs:
    """The value that config.json gives a field of a classifier.

    Attributes:
        field: theirs.
        names: ours by theirs.
        default: theirs where it says nothing.
    """

    field: str
    names: Mapping[str, Any]
    default: str

    def read(self, config: Mapping[str, Any]) -> Any:
        """Our value, from their config.json."""
        value = config.get(self.field, self.default)
        if not isinstance(value, str) or value not in self.names:
            raise refusal(self.field, value, f"known: {', '.join(self.names)}")
        return self.names[value]

    def write(self, value: Any) -> dict[str, Any]:
        """Their field, of our value."""
        return next(({self.field: name} for name, ours in self.names.items() if ours == value), {})


LABELS = object()
"""As many outputs as there are labels."""


@dataclass(frozen=True)
class HeadSettings:
    """A line of the table of heads: what stands on the trunk in one of their classes.

    Attributes:
        architecture: the class.
        keys: where our parameters of the head are.
        classifier: our second head, or None where there is none.
        fields: our other fields that the head decides.
        words: True if it gives logits of tokens.
        bare: True if it is the trunk itself, whose keys have no prefix.
    """

    architecture: str
    keys: tuple[Key, ...] = ()
    classifier: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    words: bool = False
    bare: bool = False

    @property
    def labelled(self) -> bool:
        return self.classifier is not None and self.classifier["outputs"] is LABELS


@dataclass(frozen=True)
class Family:
    """A family: two tables and what surrounds them.

    Attributes:
        model_type: what config.json calls it.
        fixed: our fields that all its members share.
        settings: the table of settings.
        prefix: before the trunk's keys in classes with a head.
        keys: the table of keys of the trunk, with their prefix.
        heads: the table of heads, those that are likelier meant first.
        aliases: second names under which a tensor may be stored again, each with the first.
        untied: those of them that count where both are there, and are written where the head has a matrix of its own.
        ignored: regular expressions of tensors that are no weights.
        spellings: ends of keys that older files spell otherwise.
        head_by_file: a head without a matrix in the files is tied even where config.json says that it is not. One with
            a matrix that is not the embedding's is never tied, as Transformers has it.
        files: from a tokenizer, a configuration and an origin (`PretrainedModel.origin`) to what else its members'
            folders hold: JSON by the file's name.
        of_language: the regular expression of tensors that a folder may have for each of several languages, in files
            of their own.
    """

    model_type: str
    fixed: Mapping[str, Any]
    settings: tuple[Entry, ...]
    prefix: str
    keys: tuple[Key, ...]
    heads: tuple[HeadSettings, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    untied: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    head_by_file: bool = False
    files: Callable[[Tokenizer, ModelConfig, Mapping[str, Any]], Mapping[str, Mapping[str, Any]]] = (
        lambda tokenizer, config, origin: {}
    )
    of_language: str = NOTHING

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Our fields, from their config.json."""
        fields = dict(self.fixed)
        for entry in self.settings:
            fields |= entry.read(config)
        return fields

    def write(self, config: ModelConfig) -> dict[str, Any]:
        """Their fields, of the trunk."""
        fields: dict[str, Any] = {}
        for entry in self.settings:
            fields |= entry.write(config)
        return fields


def refusal(name: str, value: Any, hint: str) -> LangueError:
    """The sentence about a setting that we cannot follow."""
    return LangueError(f"config.json: {name} {value!r} is not supported; {hint}")


def _get(config: Mapping[str, Any], name: str, default: Any) -> Any:
    value = config.get(name, default)
    if value is REQUIRED:
        raise LangueError(f"config.json is damaged: {name} is missing")
    return value
