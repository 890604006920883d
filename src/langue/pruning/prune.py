"""A smaller model: which blocks, heads and channels stay, and the model that is made of them alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from langue.errors import LangueError
from langue.models import Model, ModelConfig
from langue.models.build import empty, plain
from langue.models.stack import Stack
from langue.nn.attention import Attention
from langue.nn.block import Block
from langue.nn.feedforward import Feedforward
from langue.nn.position import RelativePosition
from langue.pruning.importance import Run, block_importance, unit_importance
from langue.pruning.keep import Keep, channel_step, count_of
from langue.pruning.units import UnitLayer, unit_layers


@dataclass(frozen=True)
class KeptBlock:
    """A block that stays.

    Attributes:
        number: its place in the whole model, from 0.
        units: places of the units that its layers keep, ascending, by the layer's name in it; the others keep all.
    """

    number: int
    units: Mapping[str, Tensor] = field(default_factory=dict)


Choice = tuple[tuple[KeptBlock, ...], ...]
"""The blocks that stay, for each of a configuration's `sides`."""


def prune(model: Model, keep: Keep, run: Run) -> Model:
    """A model without those parts that add least.

    Blocks go first, so that heads and channels are judged by what they do in the blocks that stay.

    Args:
        model: stays as it is.
        keep: how much of it stays.
        run: runs a model on the calibration text, row by row and without padding.

    Raises:
        LangueError: the model has no such parts, or not as many, or they do not go together without the others.
    """
    model = plain(model)
    if keep.layers is not None:
        model = cut(model, choose_blocks(model, keep, run))
    if keep.heads is not None or keep.feedforward is not None:
        model = cut(model, choose_units(model, keep, run))
    return model


def stacks_of(model: Model) -> list[Stack]:
    """The stacks of a model in the order of its configuration's `sides`."""
    return list(reversed(model.stacks))


def choose_blocks(model: Model, keep: Keep, run: Run) -> Choice:
    """The blocks of most influence, of each stack as many as are to be kept.

    Raises:
        LangueError: no stack has so many.
    """
    assert keep.layers is not None
    stacks = stacks_of(model)
    most = max(len(stack.blocks) for stack in stacks)
    if keep.layers > most:
        raise LangueError(f"keep: layers:{keep.layers} cannot be, since the model has {most}; keep fewer")
    blocks = {
        f"{side}.{number}": block for side, stack in enumerate(stacks) for number, block in enumerate(stack.blocks)
    }
    influence = block_importance(model, blocks, run)
    choice = []
    for side, stack in enumerate(stacks):
        fixed = _fixed(stack)
        count = max(len(fixed), count_of(keep.layers, len(stack.blocks)))
        scores = [math.inf if n in fixed else influence[f"{side}.{n}"] for n in range(len(stack.blocks))]
        choice.append(tuple(KeptBlock(number) for number in _best(torch.tensor(scores), count).tolist()))
    return tuple(choice)


def _fixed(stack: Stack) -> set[int]:
    """The blocks that have to stay: the first where it changes the width by itself, and the last where layers differ in
    whether they norm what comes out."""
    specs, config = stack.config.layer_specs, stack.config
    widens = config.resolved_embedding_width != config.width and not all(spec.residual for spec in specs)
    differs = len({spec.is_normed for spec in specs}) > 1
    return ({0} if widens else set()) | ({len(specs) - 1} if differs else set())


def choose_units(model: Model, keep: Keep, run: Run) -> Choice:
    """The heads and channels that add most, of each layer as many as are to be kept.

    Heads that queries share keys and values with stay or go together, and layers that share relative positions keep the
    same heads.

    Raises:
        LangueError: the model has no layer with such units, or none with so many.
    """
    stacks = stacks_of(model)
    layers = {
        f"{side}.{number}.{name}": layer
        for side, stack in enumerate(stacks)
        for number, block in enumerate(stack.blocks)
        for name, layer in unit_layers(block)
        if getattr(keep, layer.kind) is not None
    }
    _check(keep, list(layers.values()), model.config)
    importance = unit_importance(model, layers, run)
    kept: dict[str, Tensor] = {}
    for names, step in _together(stacks, layers):
        kept |= _best_units({name: layers[name] for name in names}, importance, keep, step)
    return tuple(
        tuple(KeptBlock(number, _inside(kept, f"{side}.{number}.")) for number in range(len(stack.blocks)))
        for side, stack in enumerate(stacks)
    )


def _check(keep: Keep, layers: Sequence[UnitLayer], config: ModelConfig) -> None:
    """Refuse amounts of units that no layer has.

    Raises:
        LangueError: names the kind of unit.
    """
    for kind in ("heads", "feedforward"):
        amount = getattr(keep, kind)
        most = max((layer.count * layer.size for layer in layers if layer.kind == kind), default=0)
        if amount is not None and not most:
            raise LangueError(f"keep: {kind}:{amount} cannot be, since no layer of this {_name(config)} has {kind}")
        if amount is not None and amount > most:
            raise LangueError(f"keep: {kind}:{amount} cannot be, since no layer has more than {most}; keep fewer")


def _name(config: ModelConfig) -> str:
    return f"{config.form} of {' and '.join(dict.fromkeys(m for side in config.sides for m in side.mixers))}"


def _together(stacks: Sequence[Stack], layers: Mapping[str, UnitLayer]) -> list[tuple[list[str], int]]:
    """Layers that keep the same units, by name, and the heads that stay or go together; most layers are by themselves.

    Attention to a source keeps as many heads as that of the same block to itself.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name, layer in layers.items():
        groups[_group(stacks, name, layer)].append(name)
    steps = {group: math.lcm(*(layers[name].size for name in names)) for group, names in groups.items()}
    of_block = {
        name.rpartition(".")[0]: steps[group]
        for group, names in groups.items()
        for name in names
        if isinstance(layers[name].layer, Attention)
    }
    return [
        (names, of_block.get(names[0].rpartition(".")[0], 1) if layers[names[0]].kind == "heads" else 1)
        for names in groups.values()
    ]


def _group(stacks: Sequence[Stack], name: str, layer: UnitLayer) -> str:
    """The name of the relative positions that a layer shares with others, or its own."""
    side, attention = name.partition(".")[0], layer.layer
    if not isinstance(attention, Attention) or attention.position is None:
        return name
    guide = stacks[int(side)].attention_positions[attention.position]
    if isinstance(guide, RelativePosition):
        return f"{side} {attention.position}"
    return name


def _best_units(
    layers: Mapping[str, UnitLayer], importance: Mapping[str, Tensor], keep: Keep, step: int
) -> dict[str, Tensor]:
    """The units that each of some layers keeps, the same of all, by the layer's name.

    Args:
        layers: with as many heads or channels each.
        importance: of the units of each.
        keep: how many stay.
        step: heads or channels that stay or go together.
    """
    first = next(iter(layers.values()))
    whole = first.count * first.size
    least = channel_step(whole) if first.kind == "feedforward" else step
    count = count_of(getattr(keep, first.kind), whole, least) // step
    # Of layers that choose together each has the same say, however large its numbers are.
    shares = [importance[name].view(whole // step, -1).sum(1) for name in layers]
    votes = torch.stack([share / share.sum().clamp(min=1e-300) for share in shares]).sum(0)
    best = _best(votes, count)
    return {name: _spread(best, step // layer.size) for name, layer in layers.items()}


def _spread(places: Tensor, size: int) -> Tensor:
    """Places of units, `size` of which make one of those that are chosen."""
    return (places[:, None] * size + torch.arange(size, device=places.device)).flatten()


def _best(scores: Tensor, count: int) -> Tensor:
    """Places of the `count` highest scores, ascending; of equal ones the first."""
    return scores.argsort(descending=True, stable=True)[:count].sort().values


def _inside(units: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those under names with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): kept for name, kept in units.items() if name.startswith(prefix)}


def cut(model: Model, choice: Choice) -> Model:
    """A model of the blocks and units of a choice alone, with the parameters of a whole one, which stays as it is.

    Raises:
        LangueError: what is left does not go together.
    """
    config = _config_of(model, choice)
    names = {id(module): name for name, module in model.named_modules()}
    stacks = stacks_of(model)
    inner = tuple(f"{names[id(stack)]}.{part}." for stack in stacks for part in ("blocks", "attention_positions"))
    weights: dict[str, Tensor] = {
        name: parameter for name, parameter in model.named_parameters() if not name.startswith(inner)
    }
    for side, stack, blocks in zip(config.sides, stacks, choice, strict=True):
        parts = _blocks_of(stack, blocks) | _positions_of(side, stack, blocks)
        weights |= {f"{names[id(stack)]}.{name}": value for name, value in parts.items()}
    kept = {name: value.detach().clone() for name, value in weights.items()}
    return empty(config).to(model.dtype).assign(kept).to(model.device).train(model.training)


def _blocks_of(stack: Stack, blocks: Sequence[KeptBlock]) -> dict[str, Tensor]:
    """Parameters of the blocks that stay, without the units that go."""
    parameters: dict[str, Tensor] = {}
    for number, kept in enumerate(blocks):
        block = stack.blocks[kept.number]
        own: dict[str, Tensor] = dict(block.named_parameters())
        for name, layer in unit_layers(block):
            if name in kept.units:
                own |= {f"{name}.{part}": value for part, value in layer.cut(kept.units[name]).items()}
        parameters |= {f"blocks.{number}.{name}": value for name, value in own.items()}
    return parameters


def _positions_of(config: ModelConfig, stack: Stack, blocks: Sequence[KeptBlock]) -> dict[str, Tensor]:
    """Parameters of the positions that guide the attention of a stack, whose new configuration is given.

    Raises:
        LangueError: layers whose positions differ would come to share them.
    """
    parameters: dict[str, Tensor] = {}
    origins: dict[str, int] = {}
    for kept, spec in zip(blocks, config.layer_specs, strict=True):
        block = stack.blocks[kept.number]
        assert isinstance(block, Block)
        if spec.position is None or not isinstance(block.mixer, Attention) or block.mixer.position is None:
            continue
        place = block.mixer.position
        prefix = f"attention_positions.{config.attention_positions.index(spec.position)}."
        own = dict(stack.attention_positions[place].named_parameters())
        if own and origins.setdefault(prefix, place) != place:
            raise LangueError("keep: layers of unlike relative positions would keep as many heads; keep other numbers")
        if own and "mixer" in kept.units and isinstance(stack.attention_positions[place], RelativePosition):
            heads = _spread(kept.units["mixer"], block.mixer.heads // block.mixer.key_heads)
            own = {name: value[:, heads] for name, value in own.items()}
        parameters |= {prefix + name: value for name, value in own.items()}
    return parameters


def _config_of(model: Model, choice: Choice) -> ModelConfig:
    """The configuration of a choice."""
    config = model.config
    items = [_items_of(stack, blocks) for stack, blocks in zip(stacks_of(model), choice, strict=True)]
    if config.audio is None:
        return config.with_layers(*items)
    heads = tuple(_aligned(config.audio.alignment_heads, choice[0]))
    return config.replace(audio={"alignment_heads": ()}).with_layers(*items).replace(audio={"alignment_heads": heads})


def _items_of(stack: Stack, blocks: Sequence[KeptBlock]) -> list[dict[str, Any]]:
    """The fields in which each block that stays differs from those beside `layers`."""
    items = stack.config.layer_items
    return [{**items[kept.number], **_changes(stack.blocks[kept.number], kept)} for kept in blocks]


def _changes(block: nn.Module, kept: KeptBlock) -> dict[str, Any]:
    """The fields of a layer that change with its units."""
    changes: dict[str, Any] = {}
    for name, unit_layer in unit_layers(block):
        if name not in kept.units:
            continue
        units, layer = len(kept.units[name]), unit_layer.layer
        if isinstance(layer, Feedforward):
            changes["feedforward_width"] = units
            continue
        changes |= {"heads": units * unit_layer.size, "head_width": layer.head_width}
        if isinstance(layer, Attention):
            changes["key_heads"] = None if unit_layer.size == 1 else units
    return changes


def _aligned(heads: Sequence[tuple[int, int]], blocks: Sequence[KeptBlock]) -> Iterator[tuple[int, int]]:
    """Blocks and heads of attention to a source that stay, by their new numbers."""
    numbers = {kept.number: number for number, kept in enumerate(blocks)}
    for block, head in heads:
        if block not in numbers:
            continue
        units = blocks[numbers[block]].units.get("cross")
        left = list(range(head + 1)) if units is None else units.tolist()
        if head in left:
            yield numbers[block], left.index(head)
