"""A place that a model is read from: a folder of Hugging Face's, opened once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from langue.console import say, with_article
from langue.errors import LangueError, hint, reading
from langue.files import check_folder
from langue.hub.families import FAMILIES
from langue.hub.family import Family, HeadSettings, pattern
from langue.hub.folder import (
    BEGINNINGS,
    CONFIG,
    EXTRACTOR,
    EXTRACTOR_ONLY,
    GENERATION,
    GENERATION_ONLY,
    all_weights,
    read_if_there,
    read_json,
    refuse_code,
    refuse_pickles,
    weights_in_language,
)
from langue.hub.keys import ParameterKey
from langue.hub.weights import TensorPlace, Weights
from langue.models import Model
from langue.remote import folder_of


@dataclass(frozen=True)
class Source:
    """A folder of Hugging Face's: its settings, and its tensors, which come from the disk when they are used.

    Attributes:
        path: of the folder.
        config: config.json, and what generation_config.json says of the model.
        generation: generation_config.json.
        weights: all tensors by the name that they have in the files.
        family: that config.json names.
        names: the name in the files of each tensor by its name in full and in today's spelling.
    """

    path: Path
    config: dict[str, Any]
    generation: dict[str, Any]
    weights: Weights
    family: Family
    names: Mapping[str, str]

    @classmethod
    def open(cls, path: Path) -> Source:
        """Read config.json and the headers of all safetensors files.

        Args:
            path: of the folder, or of the file of one of its languages.

        Raises:
            LangueError: a file is missing, damaged, or wants to be executed, or its family is not known.
        """
        place, path = path, folder_of(path)
        refuse_pickles(path)
        check_folder(path)
        config, generation = read_json(path / CONFIG), read_if_there(path / GENERATION)
        refuse_code(config, path / CONFIG)
        names = (*BEGINNINGS, *GENERATION_ONLY)
        config |= {name: generation[name] for name in names if generation.get(name) is not None}
        family = _family(config, path / CONFIG)
        weights = Weights(all_weights(path) if place == path else weights_in_language(place, family.of_language))
        with reading(path / CONFIG):
            config |= _of_extractor(family, path) | ({} if place == path else _of_letters(family, weights))
            return cls(path, config, generation, weights, family, _full_names(family, weights, path))

    @property
    def file(self) -> Path:
        """The file of the settings, which errors about them name."""
        return self.path / CONFIG

    def choose_head(self, heads: Sequence[HeadSettings]) -> HeadSettings:
        """The head all of whose tensors are there; of several the one with most, of none the last."""

        def there(head: HeadSettings) -> bool:
            needed = {s.format(part="weight") for key in head.keys for s in key.sources} - self.family.aliases.keys()
            return needed <= self.names.keys()

        fitting = [head for head in heads if there(head)]
        return max(fitting, key=lambda head: len(head.keys)) if fitting else heads[-1]

    def is_tied(self, head: HeadSettings) -> bool:
        """True if the head is the embedding: there is no matrix for it in the files, or the same one twice."""
        names = self.names
        own, shared = (
            next((names[source] for key in keys if key.ours == ours for source in key.sources if source in names), None)
            for ours, keys in (("head.table.weight", head.keys), ("embedding.table.weight", self.family.keys))
        )
        return own is None or shared is None or self._are_same(own, shared)

    def place(self, head: HeadSettings, table: Sequence[ParameterKey]) -> dict[str, str]:
        """The name in the files of each tensor that a model needs.

        Raises:
            LangueError: one is missing, there is one that no model of this class has, or one that Langue's has once
                is there twice.
        """
        placed: dict[str, str] = {}
        for name in (name for line in table for name in line.sources):
            aliases = (alias for alias, first in self.family.aliases.items() if first == name)
            second = next((alias for alias in aliases if alias in self.names), name)
            if name not in self.names and second not in self.names:
                raise LangueError(f"{self.path} lacks the tensor {name}, which {with_article(head.architecture)} needs")
            counts = second in self.family.untied
            placed[name] = self.names[second if counts or name not in self.names else name]
        self._refuse_strange(head, placed)
        self._refuse_others(head, placed)
        return placed

    def check_shapes(self, table: Sequence[ParameterKey], model: Model, placed: Mapping[str, str]) -> None:
        """Compare the shapes in the files with those of a model that has no content yet.

        Raises:
            LangueError: names the first tensor that does not fit config.json.
        """
        parameters = dict(model.named_parameters())
        for line in table:
            for name, expected in line.shapes(parameters[line.ours].shape).items():
                shape = self.weights[placed[name]].shape
                if expected != shape:
                    raise LangueError(
                        f"{self.path} does not fit its config.json: {placed[name]} should be "
                        f"{'×'.join(map(str, expected))} but is {'×'.join(map(str, shape))}"
                    )

    def parameters(
        self, table: Sequence[ParameterKey], placed: Mapping[str, str], dtype: torch.dtype | None
    ) -> dict[str, Tensor]:
        """All parameters of ours: in the file's memory where they are the same, else copied, one after the other.

        Args:
            table: from `parameter_keys`.
            placed: from `place`.
            dtype: what ours are made of; None keeps theirs.
        """
        state: dict[str, Tensor] = {}
        for line in table:
            parts = [self.weights.tensor(placed[name]) for name in line.sources]
            state[line.ours] = line.join(parts, dtype or parts[0].dtype)
            if state[line.ours] is not parts[0]:
                for name in line.sources:
                    self.weights.release(placed[name])
        return state

    def _are_same(self, one: str, other: str) -> bool:
        """True if two tensors of the files hold the same numbers."""
        if self.weights[one].shape != self.weights[other].shape:
            return False
        first, second = self.weights.tensor(one), self.weights.tensor(other)
        return torch.equal(first, second) if first.dtype == second.dtype else torch.equal(first.float(), second.float())

    def _refuse_strange(self, head: HeadSettings, placed: Mapping[str, str]) -> None:
        """Refuse tensors that no class of the family has, and say which of those of another class are left out."""
        family = self.family
        unplaced = [name for name in self.names if name not in placed and name not in family.aliases]
        rest = [name for name in unplaced if not any(re.fullmatch(ignored, name) for ignored in family.ignored)]
        strange = [name for name in rest if name not in _head_keys(family)]
        if strange:
            raise LangueError(
                f"{self.path} holds the tensor {self.names[strange[0]]}, for which {with_article(head.architecture)} "
                f"by its config.json has no place"
            )
        if rest:
            say(f"{self.path}: {with_article(head.architecture)} has no use for {', '.join(sorted(rest))}, left out")

    def _refuse_others(self, head: HeadSettings, placed: Mapping[str, str]) -> None:
        """Refuse a tensor that is stored a second time under another name and is another one, and which has no place.

        Transformers takes both as they are, so that its model would compute something else.
        """
        own = set() if head.words else _head_keys(self.family)
        for alias, first in self.family.aliases.items():
            second, there = self.names.get(alias), self.names.get(first)
            if second is None or there is None or alias in own or second in placed.values() or first not in placed:
                continue
            if not self._are_same(second, there):
                raise LangueError(
                    f"{self.path} holds {second} and another {there}, which are one in a {head.architecture} of "
                    f"Langue's; it cannot be read"
                )


def _family(config: Mapping[str, Any], file: Path) -> Family:
    name = config.get("model_type")
    if isinstance(name, str) and name in FAMILIES:
        return FAMILIES[name]
    nearest = hint(str(name), FAMILIES, "did its author mean", cutoff=0.7)
    raise LangueError(f"{file}: there is no family {name!r} in Langue; {nearest}")


def _of_extractor(family: Family, path: Path) -> dict[str, Any]:
    """Settings of a folder's feature extractor that say something about a model of a family."""
    known = {name for entry in family.settings for name in entry.fields}
    extractor = read_if_there(path / EXTRACTOR) if known & set(EXTRACTOR_ONLY) else {}
    return {name: extractor[name] for name in EXTRACTOR_ONLY if name in known and name in extractor}


def _of_letters(family: Family, weights: Mapping[str, TensorPlace]) -> dict[str, Any]:
    """Settings of a model in one of its languages, which has as many letters as its own head has rows."""
    keys = (key for head in family.heads if head.words for key in head.keys if key.ours == "head.table.weight")
    heads = [weights[name] for key in keys for name in key.sources if name in weights]
    return {"vocab_size": heads[0].shape[0]} if heads and heads[0].shape else {}


def _full_names(family: Family, names: Iterable[str], path: Path) -> dict[str, str]:
    """Each name in full and in today's spelling, with the one it has in the file.

    Raises:
        LangueError: two tensors have one name.
    """
    trunk = [re.compile(pattern(source.removeprefix(family.prefix))) for key in family.keys for source in key.sources]
    known: dict[str, str] = {}
    for name in names:
        full = name.removeprefix("module.")
        for old, new in family.spellings.items():
            full = full.removesuffix(old) + new if full.endswith(old) else full
        second = f"{family.prefix}{full}"
        if any(key.fullmatch(full) for key in trunk) or second in _head_keys(family) or second in family.aliases:
            full = family.prefix + full
        if full in known:
            raise LangueError(f"{path} holds {full} twice, as {known[full]} and as {name}")
        known[full] = name
    return known


def _head_keys(family: Family) -> set[str]:
    """The names of all heads' tensors."""
    sources = [source for head in family.heads for key in head.keys for source in key.sources]
    return {source.format(part=part, layer="") for source in sources for part in ("weight", "bias")}
