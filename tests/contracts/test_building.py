"""A model's first weights are a pure function of its configuration and the seed, and its folder gives it back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from variants import ALL, batch_of, config_of, model_of, more_layers, random_ids

from langue.errors import LangueError
from langue.models import Model, build, load_model, save_model


def values(model: Model) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("variant", ALL)
def test_building_is_a_pure_function_of_configuration_and_seed(variant: str) -> None:
    config = config_of(variant)
    torch.manual_seed(1)
    first = values(build(config, seed=5))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = values(build(config, seed=5))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = values(build(config, seed=6))
    drawn = [name for name in first if len(first[name].unique()) > 2]
    assert drawn
    assert all(not torch.equal(first[name], other[name]) for name in drawn)


@pytest.mark.parametrize("variant", ALL)
def test_more_layers_leave_the_first_ones_as_they_were(variant: str) -> None:
    config = config_of(variant)
    shallow, deep = values(build(config)), values(build(config_of(variant, layers=more_layers(config))))
    more = config_of(variant, layers=more_layers(config)).layer_count / config.layer_count
    assert shallow.keys() < deep.keys()
    for name, value in shallow.items():
        # The last matrix of a sublayer is the smaller, the more layers add theirs to the sum.
        is_scaled = name.endswith("output.weight") and "stack" in name
        scaled = deep[name] * math.sqrt(more) if is_scaled else deep[name]
        if name.startswith("encoder.") and name.endswith("output.weight"):
            continue  # its encoder may have a number of layers of its own
        torch.testing.assert_close(value, scaled, atol=0, rtol=1e-6 if is_scaled else 0)


def test_parameters_of_one_shape_differ_from_each_other() -> None:
    first = values(build(config_of("decoder:attention")))
    matrices = [value for name, value in first.items() if name.endswith("query_key_value.weight")]
    assert len(matrices) == 2
    assert not torch.equal(*matrices)


def test_first_values_are_those_of_the_table() -> None:
    model = build(config_of("decoder:attention-learned", width=64, tie_embeddings=False, head_bias=True, layers=8))
    first = values(model)
    for name, deviation in {
        "embedding.table.weight": 0.02,
        "stack.position.weight": 0.02,
        "head.table.weight": 64**-0.5,
        "stack.blocks.0.mixer.query_key_value.weight": 64**-0.5,
        "stack.blocks.0.mixer.output.weight": 64**-0.5 / 4,
        "stack.blocks.0.feedforward.output.weight": 24**-0.5 / 4,
    }.items():
        assert float(first[name].std()) == pytest.approx(deviation, rel=0.1), name
    for name, value in first.items():
        if name.endswith("bias"):
            assert not value.any(), name
        elif "norm" in name:
            assert (value == 1).all(), name


def test_first_values_follow_their_settings() -> None:
    first = values(build(config_of("decoder:attention", initializer_range=0.5, zero_output=True, tie_embeddings=False)))
    assert float(first["embedding.table.weight"].std()) == pytest.approx(0.5, rel=0.1)
    assert float(first["stack.blocks.0.mixer.query_key_value.weight"].std()) == pytest.approx(0.5, rel=0.1)
    for name in ("head.table.weight", "stack.blocks.0.mixer.output.weight", "stack.blocks.1.feedforward.output.weight"):
        assert not first[name].any()
    encoder = {"zero_output": True, "initializer_range": 2.0}
    both = values(build(config_of("seq2seq:attention", encoder=encoder)))
    assert not both["encoder.blocks.0.mixer.output.weight"].any()
    assert both["stack.blocks.0.mixer.output.weight"].any()
    assert float(both["encoder.blocks.0.mixer.query_key_value.weight"].std()) == pytest.approx(2.0, rel=0.1)


def test_recurrent_first_values_are_torchs_with_an_open_forget_gate() -> None:
    first = values(build(config_of("decoder:lstm")))
    matrix, bias = (first[f"stack.blocks.0.mixer.forwards.{name}"] for name in ("hidden.weight", "input.bias"))
    assert 0.2 < float(matrix.abs().max()) <= 16**-0.5
    assert (bias[16:32] == 1).all()
    assert float(bias[:16].abs().max()) <= 16**-0.5


@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_a_saved_model_comes_back_bit_for_bit(variant: str, tmp_path: Path) -> None:
    model = model_of(variant)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path).eval()
    assert loaded.config == model.config
    assert values(loaded).keys() == values(model).keys()
    assert all(torch.equal(value, values(model)[name]) for name, value in values(loaded).items())
    batch = batch_of(model, random_ids(2, 5))
    assert torch.equal(loaded(batch), model(batch))
    assert (loaded.head.output.weight is loaded.embedding.table.weight) == model.config.tie_embeddings


def test_tied_weights_are_written_once_and_trained_together(tmp_path: Path) -> None:
    model = model_of("decoder:attention")
    save_model(model, tmp_path)
    assert "head.table.weight" not in load_file(tmp_path / "model.safetensors")
    loaded = load_model(tmp_path)
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    with torch.no_grad():
        loaded.embedding.table.weight.add_(1)
    assert torch.equal(loaded.head.output.weight, model.embedding.table.weight + 1)


def test_a_loaded_model_can_be_changed_and_saved_over_its_own_files(tmp_path: Path) -> None:
    save_model(model_of("decoder:lstm"), tmp_path)
    loaded = load_model(tmp_path)
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.mul_(2)
    expected = {name: value.clone() for name, value in values(loaded).items()}
    save_model(loaded, tmp_path)
    again = values(load_model(tmp_path))
    assert all(torch.equal(again[name], value) for name, value in expected.items())


def damage(folder: Path, how: str) -> None:
    """Spoil a model in one way that was put together by hand, so that nobody knows its bytes."""
    (folder / "manifest.json").unlink()
    weights, config = folder / "model.safetensors", folder / "config.json"
    tensors, settings = load_file(weights), json.loads(config.read_text())
    name = "stack.blocks.0.mixer.output.weight"
    if how == "no weights":
        weights.unlink()
    elif how == "no config":
        config.unlink()
    elif how == "config is a folder":
        config.unlink()
        config.mkdir()
    elif how == "config is no JSON":
        config.write_text("{")
    elif how == "config is a list":
        config.write_text("[]")
    elif how == "config has an unknown key":
        config.write_text(json.dumps({**settings, "widht": 3}))
    elif how == "config has no vocabulary":
        config.write_text(json.dumps({**settings, "vocab_size": 0}))
    elif how == "cut short":
        weights.write_bytes(weights.read_bytes()[:-10])
    elif how == "garbage":
        weights.write_bytes(b"\xff" * 100)
    elif how == "empty":
        weights.write_bytes(b"")
    elif how == "a weight is missing":
        del tensors[name]
    elif how == "a weight too many":
        tensors["extra.weight"] = torch.zeros(2, 3)
    elif how == "a weight of another shape":
        tensors[name] = torch.zeros(16, 15)
    elif how == "a weight of whole numbers":
        tensors[name] = tensors[name].long()
    if how.startswith("a weight"):
        save_file(tensors, weights)


@pytest.mark.parametrize(
    ("how", "sentence"),
    {
        "no weights": "holds no model: model.safetensors is missing",
        "no config": "holds no model: config.json is missing",
        "config is a folder": "config.json cannot be read: ",
        "config is no JSON": "config.json is damaged: it is not valid JSON",
        "config is a list": "config.json is damaged: it holds no settings",
        "config has an unknown key": "config.json: unknown key widht; did you mean width?",
        "config has no vocabulary": "a model needs a vocab_size of at least 1",
        "cut short": "model.safetensors is damaged: ",
        "garbage": "model.safetensors is damaged: ",
        "empty": "model.safetensors is damaged: ",
        "a weight is missing": "stack.blocks.0.mixer.output.weight should be 16×16 but is absent",
        "a weight too many": "extra.weight should be absent but is 2×3",
        "a weight of another shape": "stack.blocks.0.mixer.output.weight should be 16×16 but is 16×15",
        "a weight of whole numbers": "stack.blocks.0.mixer.output.weight holds torch.int64",
    }.items(),
)
def test_a_damaged_folder_is_refused_in_one_sentence(how: str, sentence: str, tmp_path: Path) -> None:
    save_model(model_of("decoder:attention"), tmp_path)
    damage(tmp_path, how)
    with pytest.raises(LangueError) as caught:
        load_model(tmp_path)
    assert sentence in str(caught.value)
    assert str(tmp_path) in str(caught.value) or how == "config has no vocabulary"
    assert "\n" not in str(caught.value)
