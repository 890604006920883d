"""Tensors by a family's table of keys, in both directions: what one way stacks and turns, the other takes apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from langue.console import say, with_article
from langue.errors import LangueError
from langue.hub.family import NOTHING, Family, HeadSettings, Key, pattern
from langue.hub.weights import Weights
from langue.models import Model
from langue.nn.roles import roles


@dataclass(frozen=True)
class ParameterKey:
    """A parameter of ours and its place in theirs.

    Attributes:
        ours: its name.
        theirs: the names of what it is made of.
        key: the table's line.
        rows: of each of theirs in ours.
        head_width: width of an attention head.
    """

    ours: str
    theirs: tuple[str, ...]
    key: Key
    rows: tuple[int, ...]
    head_width: int

    def _view(self, number: int, part: Tensor) -> Tensor:
        """One of theirs as ours, without moving a number: the last dimensions may be split up."""
        part = part.mT if self.key.turned and part.ndim == 2 else part
        part = part[0] if self.key.row else part
        return to_neighbours(part, self.head_width) if number < self.key.rotary else part

    def join(self, parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Our parameter, with zeros for what they have not; where it is just theirs, in their memory."""
        views = [self._view(number, part) for number, part in enumerate(parts)]
        if len(self.theirs) == 1 and views[0] is parts[0] and parts[0].dtype == dtype:
            return parts[0]
        shape = (parts[0].mT if self.key.turned else parts[0]).shape[2 if self.key.row else 1 :]
        joined, rest = torch.zeros((sum(self.rows), *shape), dtype=dtype), iter(views)
        for name, place in zip(self.theirs, joined.split(list(self.rows)), strict=True):
            if name != NOTHING:
                view = next(rest)
                place.view(view.shape).copy_(view)
        return joined

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of those that there are."""
        return tuple(name for name in self.theirs if name != NOTHING)

    def shapes(self, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """The shapes of theirs, from that of ours."""
        rest = tuple(shape[1:])
        first = (1,) if self.key.row else ()
        shapes = {name: (*first, rows, *rest) for name, rows in zip(self.theirs, self.rows, strict=True) if name}
        return {name: size[::-1] if self.key.turned else size for name, size in shapes.items()}

    def split(self, parameter: Tensor) -> dict[str, Tensor]:
        """Theirs, by name."""
        tensors = {}
        for number, (name, part) in enumerate(zip(self.theirs, parameter.split(list(self.rows)), strict=True)):
            if name == NOTHING:
                continue
            if number < self.key.rotary:
                part = to_halves(part, self.head_width)
            part = part[None] if self.key.row else part
            tensors[name] = part.mT if self.key.turned and part.ndim == 2 else part
        return tensors


def to_neighbours(part: Tensor, head_width: int) -> Tensor:
    """Rows (x_i, x_{i + width/2}) of each head beside each other: (heads, width / 2, 2, …)."""
    return part.unflatten(0, (-1, 2, head_width // 2)).transpose(1, 2)


def to_halves(part: Tensor, head_width: int) -> Tensor:
    """The other way round, in the shape it had."""
    return part.unflatten(0, (-1, head_width // 2, 2)).transpose(1, 2).flatten(0, 2)


def parameter_keys(keys: Sequence[Key], model: Model, *, head: bool = True) -> list[ParameterKey]:
    """Places of a model's parameters by a table of keys; without `head` that of the words may have none."""
    places = []
    named = roles(model)
    for name, parameter in model.named_parameters():
        place = _place(keys, name, named[name].blocks, parameter.shape[0], model.config.resolved_head_width)
        if place is not None:
            places.append(place)
        elif head or not name.startswith("head."):
            raise AssertionError(f"the table of keys has no line for {name}")
    return places


def _place(keys: Iterable[Key], name: str, blocks: tuple[int, ...], rows: int, head_width: int) -> ParameterKey | None:
    for key in keys:
        groups = key.match(name)
        if groups is not None:
            theirs = tuple(source.format(**groups) for source in key.sources)
            parts = blocks if len(theirs) > 1 else (rows,)
            if len(parts) == len(theirs):  # else another line knows it in fewer parts
                return ParameterKey(name, theirs, key, parts, head_width)
    return None


def full_names(family: Family, names: Iterable[str], path: Path) -> dict[str, str]:
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


def choose_by_keys(family: Family, heads: Sequence[HeadSettings], names: Mapping[str, str]) -> HeadSettings:
    """The head all of whose tensors are there; of several the one with most, of none the last."""

    def there(head: HeadSettings) -> bool:
        needed = {s.format(part="weight") for key in head.keys for s in key.sources} - family.aliases.keys()
        return needed <= names.keys()

    fitting = [head for head in heads if there(head)]
    return max(fitting, key=lambda head: len(head.keys)) if fitting else heads[-1]


def is_tied(family: Family, head: HeadSettings, weights: Weights, names: Mapping[str, str]) -> bool:
    """True if a family's head is the embedding: there is no matrix for it in the files, or the same one twice."""
    own, shared = (
        next((names[source] for key in keys if key.ours == ours for source in key.sources if source in names), None)
        for ours, keys in (("head.table.weight", head.keys), ("embedding.table.weight", family.keys))
    )
    if own is None or shared is None:
        return True
    return _are_same(weights, own, shared)


def _are_same(weights: Weights, one: str, other: str) -> bool:
    """True if two tensors of the files hold the same numbers."""
    if weights[one].shape != weights[other].shape:
        return False
    first, second = weights.tensor(one), weights.tensor(other)
    return torch.equal(first, second) if first.dtype == second.dtype else torch.equal(first.float(), second.float())


def refuse_others(
    family: Family, head: HeadSettings, weights: Weights, names: Mapping[str, str], used: Mapping[str, str], path: Path
) -> None:
    """Refuse a tensor that is stored a second time under another name and is another one, and which has no place.

    Transformers takes both as they are, so that its model would compute something else.

    Raises:
        LangueError: names the two.
    """
    own = set() if head.words else _head_keys(family)
    for alias, first in family.aliases.items():
        second, there = names.get(alias), names.get(first)
        if second is None or there is None or alias in own or second in used.values() or first not in used:
            continue
        if not _are_same(weights, second, there):
            raise LangueError(
                f"{path} holds {second} and another {there}, which are one in a {head.architecture} of Langue's; "
                f"it cannot be read"
            )


def place_all(
    family: Family, head: HeadSettings, table: Sequence[ParameterKey], names: Mapping[str, str], path: Path
) -> dict[str, str]:
    """The name in the file of each tensor that a model needs.

    Raises:
        LangueError: one is missing, or there is one that no model of this class has.
    """
    needed = [name for line in table for name in line.sources]
    placed: dict[str, str] = {}
    for name in needed:
        second = next((alias for alias, first in family.aliases.items() if first == name and alias in names), name)
        if name not in names and second not in names:
            raise LangueError(f"{path} lacks the tensor {name}, which {with_article(head.architecture)} needs")
        counts = second in family.untied
        placed[name] = names[second if counts or name not in names else name]
    rest = [
        name
        for name in names
        if name not in placed and name not in family.aliases and not any(re.fullmatch(x, name) for x in family.ignored)
    ]
    strange = [name for name in rest if name not in _head_keys(family)]
    if strange:
        raise LangueError(
            f"{path} holds the tensor {names[strange[0]]}, for which {with_article(head.architecture)} by its "
            f"config.json has no place"
        )
    if rest:
        say(f"{path}: {with_article(head.architecture)} has no use for {', '.join(sorted(rest))}, left out")
    return placed


def check_shapes(
    table: Sequence[ParameterKey], model: Model, weights: Weights, placed: Mapping[str, str], path: Path
) -> None:
    """Compare the shapes in the files with those of a model that has no content yet.

    Raises:
        LangueError: names the first tensor that does not fit config.json.
    """
    parameters = dict(model.named_parameters())
    for line in table:
        for name, expected in line.shapes(parameters[line.ours].shape).items():
            shape = weights[placed[name]].shape
            if expected != shape:
                raise LangueError(
                    f"{path} does not fit its config.json: {placed[name]} should be "
                    f"{'×'.join(map(str, expected))} but is {'×'.join(map(str, shape))}"
                )


def read_parameters(
    table: Sequence[ParameterKey], weights: Weights, placed: Mapping[str, str], dtype: torch.dtype | None
) -> dict[str, Tensor]:
    """All parameters of ours: in the file's memory where they are the same, else copied, one source after the other.

    Args:
        table: from `parameter_keys`.
        weights: the files' tensors.
        placed: their name in the files by their full name.
        dtype: what ours are made of; None keeps theirs.
    """
    state: dict[str, Tensor] = {}
    for line in table:
        parts = [weights.tensor(placed[name]) for name in line.sources]
        state[line.ours] = line.join(parts, dtype or parts[0].dtype)
        if state[line.ours] is not parts[0]:
            for name in line.sources:
                weights.release(placed[name])
    return state
