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
from langue.models import Model, ModelConfig
from langue.nn.roles import roles


@dataclass(frozen=True)
class ParameterKey:
    """A parameter of ours and where it is in theirs.

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

    def views(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Theirs as ours, part by part, without moving a number: the last dimensions may be split up."""
        found = []
        for number, part in enumerate(parts):
            part = part.mT if self.key.turned and part.ndim == 2 else part
            part = part[0] if self.key.row else part
            found.append(_neighbours(part, self.head_width) if number < self.key.rotary else part)
        return found

    def join(self, parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Our parameter; where it is just theirs, in their memory."""
        if NOTHING in self.theirs:
            return self._fill_in(parts, dtype)
        views = self.views(parts)
        if len(parts) == 1 and views[0] is parts[0] and parts[0].dtype == dtype:
            return parts[0]
        shape = (parts[0].mT if self.key.turned else parts[0]).shape[2 if self.key.row else 1 :]
        joined = torch.empty((sum(self.rows), *shape), dtype=dtype)
        for place, view in zip(joined.split(list(self.rows)), views, strict=True):
            place.view(view.shape).copy_(view)
        return joined

    def _fill_in(self, parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Their vectors one behind the other, with zeros for those that they have not."""
        given = iter(parts)
        pieces = [
            next(given).to(dtype) if name else torch.zeros(rows, dtype=dtype)
            for name, rows in zip(self.theirs, self.rows, strict=True)
        ]
        return torch.cat(pieces)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of those that there are."""
        return tuple(name for name in self.theirs if name != NOTHING)

    def shapes(self, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """The shapes of theirs, from that of ours."""
        rest = tuple(shape[1:])
        first = (1,) if self.key.row else ()
        found = {name: (*first, rows, *rest) for name, rows in zip(self.theirs, self.rows, strict=True) if name}
        return {name: each[::-1] if self.key.turned else each for name, each in found.items()}

    def split(self, parameter: Tensor) -> dict[str, Tensor]:
        """Theirs, by name."""
        found = {}
        for number, (name, part) in enumerate(zip(self.theirs, parameter.split(list(self.rows)), strict=True)):
            if name == NOTHING:
                continue
            if number < self.key.rotary:
                part = _halves(part, self.head_width)
            part = part[None] if self.key.row else part
            found[name] = part.mT if self.key.turned and part.ndim == 2 else part
        return found


def _neighbours(part: Tensor, head_width: int) -> Tensor:
    """Rows (x_i, x_{i + width/2}) of each head beside each other: (heads, width / 2, 2, …)."""
    return part.unflatten(0, (-1, 2, head_width // 2)).transpose(1, 2)


def _halves(part: Tensor, head_width: int) -> Tensor:
    """The other way round, in the shape it had."""
    return part.unflatten(0, (-1, head_width // 2, 2)).transpose(1, 2).flatten(0, 2)


def lines(family: Family, head: HeadSettings, model: Model) -> list[ParameterKey]:
    """Where each parameter of a model is; the words' head is left out where theirs has none."""
    found = []
    named = roles(model)
    for name, parameter in model.named_parameters():
        rows = (parameter.shape[0],)
        line = _line((*family.keys, *head.keys), name, named[name].blocks or rows, rows, model.config)
        if line is not None:
            found.append(line)
        elif head.words or not name.startswith("head."):
            raise AssertionError(f"{family.model_type}'s table has no line for {name}")
    return found


def _line(
    keys: Iterable[Key], name: str, blocks: tuple[int, ...], rows: tuple[int], config: ModelConfig
) -> ParameterKey | None:
    for key in keys:
        groups = key.match(name)
        if groups is not None:
            theirs = tuple(source.format(**groups) for source in key.sources)
            parts = blocks if len(theirs) > 1 else rows
            if len(parts) != len(theirs):  # another line knows it in fewer parts
                continue
            return ParameterKey(name, theirs, key, parts, config.resolved_head_width)
    return None


def full_names(family: Family, names: Iterable[str], path: Path) -> dict[str, str]:
    """Each name in full and in today's spelling, with the one it has in the file.

    Raises:
        LangueError: two tensors have one name.
    """
    trunk = [re.compile(pattern(source.removeprefix(family.prefix))) for key in family.keys for source in key.sources]
    found: dict[str, str] = {}
    for name in names:
        full = name.removeprefix("module.")
        for old, new in family.spellings.items():
            full = full.removesuffix(old) + new if full.endswith(old) else full
        second = f"{family.prefix}{full}"
        if any(each.fullmatch(full) for each in trunk) or second in _head_keys(family) or second in family.aliases:
            full = family.prefix + full
        if full in found:
            raise LangueError(f"{path} holds {full} twice, as {found[full]} and as {name}")
        found[full] = name
    return found


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
    """Whether a family's head is the embedding: there is no matrix for it in the files, or the same one twice."""
    own, shared = (
        next((names[source] for key in keys if key.ours == ours for source in key.sources if source in names), None)
        for ours, keys in (("head.weight", head.keys), ("embedding.weight", family.keys))
    )
    if own is None or shared is None:
        return True
    return _same(weights, own, shared)


def _same(weights: Weights, one: str, other: str) -> bool:
    """Whether two tensors of the files hold the same numbers."""
    if weights[one].shape != weights[other].shape:
        return False
    first, second = weights.tensor(one), weights.tensor(other)
    return torch.equal(first, second) if first.dtype == second.dtype else torch.equal(first.float(), second.float())


def refuse_others(
    family: Family, head: HeadSettings, weights: Weights, names: Mapping[str, str], found: Mapping[str, str], path: Path
) -> None:
    """Refuse a tensor that is stored a second time under another name and is another one, and which has no place.

    Transformers takes both as they are, so that its model would compute something else.

    Raises:
        LangueError: names the two.
    """
    own = set() if head.words else _head_keys(family)
    for alias, first in family.aliases.items():
        second, there = names.get(alias), names.get(first)
        if second is None or there is None or alias in own or second in found.values() or first not in found:
            continue
        if not _same(weights, second, there):
            raise LangueError(
                f"{path} holds {second} and another {there}, which are one in a {head.architecture} of Langue's; "
                f"it cannot be read"
            )


def place_all(family: Family, head: HeadSettings, model: Model, names: Mapping[str, str], path: Path) -> dict[str, str]:
    """The name in the file of each tensor that a model needs.

    Raises:
        LangueError: one is missing, or there is one that no model of this class has.
    """
    needed = [name for line in lines(family, head, model) for name in line.sources]
    found: dict[str, str] = {}
    for name in needed:
        second = next((alias for alias, first in family.aliases.items() if first == name and alias in names), name)
        if name not in names and second not in names:
            raise LangueError(f"{path} lacks the tensor {name}, which {with_article(head.architecture)} needs")
        counts = second in family.untied
        found[name] = names[second if counts or name not in names else name]
    ignored = [re.compile(each) for each in family.ignored]
    rest = [
        name
        for name in names
        if name not in found and name not in family.aliases and not any(each.fullmatch(name) for each in ignored)
    ]
    strange = [name for name in rest if name not in _head_keys(family)]
    if strange:
        raise LangueError(
            f"{path} holds the tensor {names[strange[0]]}, for which {with_article(head.architecture)} by its "
            f"config.json has no place"
        )
    if rest:
        say(f"{path}: {with_article(head.architecture)} has no use for {', '.join(sorted(rest))}, left out")
    return found


def check_shapes(
    table: Sequence[ParameterKey], model: Model, weights: Weights, found: Mapping[str, str], path: Path
) -> None:
    """Compare the shapes in the files with those of a model that has no content yet.

    Raises:
        LangueError: names the first tensor that does not fit config.json.
    """
    parameters = dict(model.named_parameters())
    for line in table:
        for name, expected in line.shapes(parameters[line.ours].shape).items():
            shape = weights[found[name]].shape
            if expected != shape:
                raise LangueError(
                    f"{path} does not fit its config.json: {found[name]} should be "
                    f"{'×'.join(map(str, expected))} but is {'×'.join(map(str, shape))}"
                )


def read_parameters(
    table: Sequence[ParameterKey], weights: Weights, found: Mapping[str, str], dtype: torch.dtype | None
) -> dict[str, Tensor]:
    """All parameters of ours: in the file's memory where they are the same, else copied, one source after the other.

    Args:
        table: from `lines`.
        weights: the files' tensors.
        found: their name in the files by their full name.
        dtype: what ours are made of; None keeps theirs.
    """
    state: dict[str, Tensor] = {}
    for line in table:
        parts = [weights.tensor(found[name]) for name in line.sources]
        state[line.ours] = line.join(parts, dtype or parts[0].dtype)
        if state[line.ours] is not parts[0]:
            for name in line.sources:
                weights.release(found[name])
    return state
