"""Importance: what adds nothing goes first, and what is measured is what a part adds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from langue.batch import Batch
from langue.errors import LangueError
from langue.models import Model, ModelConfig, build
from langue.nn.attention import Attention
from langue.pruning import Keep, prune, read_keep
from langue.pruning.importance import block_importance, unit_importance
from langue.pruning.keep import count_of
from langue.pruning.prune import choose_blocks, choose_units, cut, stacks_of
from langue.pruning.units import unit_layers

SMALL: dict[str, Any] = {
    "vocab_size": 19, "width": 16, "layers": 3, "heads": 4, "key_heads": 2, "context": 16, "feedforward_width": 24,
    "feedforward": "swiglu",
}  # fmt: skip


def model_of(**fields: Any) -> Model:
    return build(ModelConfig(**{**SMALL, **fields}), seed=1).double().eval()


def ids(seed: int, rows: int = 1) -> torch.Tensor:
    return torch.randint(19, (rows, 9), generator=torch.Generator().manual_seed(seed))


def run(model: Model) -> None:
    for seed in range(4):
        model(Batch(ids(seed)))


@torch.no_grad()
def test_importance_is_the_squared_norm_of_what_a_unit_adds():
    model = model_of()
    block = stacks_of(model)[0].blocks[1]
    for name, layer in unit_layers(block):
        inputs: list[torch.Tensor] = []
        handle = layer.output.register_forward_pre_hook(lambda module, args, seen=inputs: seen.append(args[0]))
        run(model)
        handle.remove()
        x = torch.cat([rows.flatten(0, 1) for rows in inputs])
        columns = layer.output.matrix().shape[1] // layer.count
        expected = [
            (x[:, place : place + columns] @ layer.output.matrix()[:, place : place + columns].T).square().sum()
            for place in range(0, x.shape[1], columns)
        ]
        torch.testing.assert_close(unit_importance(model, {name: layer}, run)[name], torch.stack(expected))


@torch.no_grad()
def test_units_that_add_nothing_go_first_and_change_nothing():
    model = model_of()
    for block in stacks_of(model)[0].blocks:
        for _, layer in unit_layers(block):
            gone = layer.places(layer.output.in_features, torch.arange(layer.count)[: layer.count // 2])
            layer.output.matrix()[:, gone] = 0.0
    smaller = prune(model, Keep(heads=0.5, feedforward=0.5), run)
    [spec] = smaller.config.layer_pattern
    assert (spec.mixer.heads, spec.mixer.key_heads, spec.feedforward.width) == (2, 1, 12)
    torch.testing.assert_close(smaller(Batch(ids(9, 3))), model(Batch(ids(9, 3))))


@torch.no_grad()
def test_a_block_that_does_nothing_goes_first_and_changes_nothing():
    model = model_of()
    for layer in (layer for _, layer in unit_layers(stacks_of(model)[0].blocks[1])):
        layer.output.matrix().zero_()
    influence = block_importance(model, dict(stacks_of(model)[0].blocks.named_children()), run)
    assert influence["1"] == pytest.approx(0.0, abs=1e-12)
    assert min(influence["0"], influence["2"]) > 0.01
    torch.testing.assert_close(prune(model, Keep(layers=2), run)(Batch(ids(9))), model(Batch(ids(9))))


@torch.no_grad()
def test_layers_that_share_relative_positions_keep_the_same_heads():
    model = model_of(position="relative", relative_buckets=4, relative_reach=9)
    choice = choose_units(model, Keep(heads=0.5), run)
    kept = {tuple(block.units["mixer"].tolist()) for block in choice[0]}
    assert len(kept) == 1
    assert cut(model, choice).get_parameter("stack.attention_positions.0.weight").shape == (4, 2)
    free = choose_units(model_of(), Keep(heads=0.5), run)
    assert len({tuple(block.units["mixer"].tolist()) for block in free[0]}) > 1


@torch.no_grad()
def test_the_whole_model_stays_as_it_was():
    model = model_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    smaller = prune(model, Keep(heads=0.5, feedforward=0.5, layers=2), run)
    for parameter in smaller.parameters():
        parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@torch.no_grad()
def test_alignment_heads_are_those_that_stay():
    audio = {"features": "whisper", "bins": 8, "alignment_heads": [[0, 1], [1, 0], [1, 3], [2, 2]]}
    model = model_of(form="seq2seq", audio=audio, feedforward="gelu", key_heads=None)
    sound = torch.randn(1, 12, 8, generator=torch.Generator().manual_seed(0)).double()

    def hear(model: Model) -> None:
        model(Batch(ids(0), source=sound))

    blocks = choose_blocks(model, Keep(layers=2), hear)
    left = [block.number for block in blocks[0]]
    fewer = cut(model, blocks)
    known = [(left.index(block), head) for block, head in ((0, 1), (1, 0), (1, 3), (2, 2)) if block in left]
    assert list(fewer.config.audio.alignment_heads) == known
    choice = choose_units(fewer, Keep(heads=0.5), hear)
    cross = [block.units["cross"].tolist() for block in choice[0]]
    expected = [(block, cross[block].index(head)) for block, head in known if head in cross[block]]
    assert list(cut(fewer, choice).config.audio.alignment_heads) == expected


def test_shares_and_numbers():
    assert [count_of(amount, 12) for amount in (0.5, 0.01, 1.0, 4, 99)] == [6, 1, 12, 4, 12]
    assert [count_of(amount, 12, 4) for amount in (0.5, 0.4, 0.1, 5, 1)] == [8, 4, 4, 4, 4]
    assert read_keep("heads:1, layers:0.5") == read_keep({"heads": 1, "layers": 0.5}) == Keep(heads=1, layers=0.5)
    assert Keep(heads=1, layers=0.5).in_words() == "heads:1,layers:0.5"
    assert isinstance(read_keep("heads:1").heads, int)


@pytest.mark.parametrize("mixer", ["lstm", "gru"])
def test_models_without_heads_keep_layers(mixer: str):
    model = model_of(mixer=mixer, position="none", key_heads=None)
    assert prune(model, Keep(layers=1), run).config.layer_count == 1
    with pytest.raises(LangueError, match=f"heads:0.5 cannot be, since no layer of this decoder of {mixer} has heads"):
        prune(model, Keep(heads=0.5), run)


def test_attention_is_cut_by_whole_groups():
    layer = next(layer for _, layer in unit_layers(stacks_of(model_of())[0].blocks[0]))
    assert isinstance(layer.layer, Attention)
    parameters = layer.cut(torch.tensor([1]))
    whole = layer.layer.query_key_value.matrix()
    torch.testing.assert_close(parameters["query_key_value.weight"], torch.cat([whole[8:16], whole[20:24], whole[28:]]))
    torch.testing.assert_close(parameters["output.weight"], layer.output.matrix()[:, 8:])
