"""Linear layers may be made of something else: an adapter is seen by all who ask for roles, and by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from variants import ALL, assert_close, batch_of, config_of, random_ids

from langue.batch import Batch
from langue.errors import LangueError
from langue.experiment.start import Start, copy_weights
from langue.hub.checkpoint import PretrainedModel
from langue.hub.onnx import export_onnx
from langue.hub.read import read_published
from langue.hub.write import write_published
from langue.models import Model, ModelConfig, build, load_model, save_model
from langue.models.build import plain
from langue.models.count import flops_per_token, memory, parameters
from langue.nn.linear import linear_factory
from langue.nn.roles import roles
from langue.objectives import Causal
from langue.training import TrainingSettings, build_optimizer, freeze
from lora import RANK, Adapted, of_trunk

LLAMA = ModelConfig(preset="llama-nano", vocab_size=29, width=16, heads=4, layers=2, feedforward_width=24, context=16)


def adapted(config: ModelConfig) -> Model:
    with linear_factory(Adapted):
        return build(config, seed=1)


def stirred(model: Model) -> Model:
    """The model with an effect of each of its adapters."""
    draws = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".up"):
                parameter.normal_(std=0.2, generator=draws)
    return model.eval()


@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_a_new_adapter_changes_nothing_and_becomes_a_plain_matrix(variant: str) -> None:
    model = adapted(config_of(variant)).double().eval()
    batch = batch_of(model, random_ids(2, 5))
    assert_close(model(batch), build(model.config, seed=1).double().eval()(batch))
    merged = plain(stirred(model))
    assert merged.state_dict().keys() == build(model.config).state_dict().keys()
    assert_close(merged(batch), model(batch))
    assert plain(merged) is merged
    if any(name.endswith(".up") for name, _ in model.named_parameters()):
        assert not torch.equal(model(batch), build(model.config, seed=1).double().eval()(batch))


@pytest.mark.parametrize("variant", ALL)
def test_every_parameter_has_a_role(variant: str) -> None:
    for model in (build(config_of(variant)), adapted(config_of(variant))):
        named = roles(model)
        assert named.keys() == dict(model.named_parameters()).keys()
        for name, parameter in model.named_parameters():
            assert named[name].decays == (parameter.ndim > 1), name
            assert sum(named[name].blocks) in (0, parameter.shape[0]), name


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_only_adapters_and_what_is_no_linear_layer_learn(optimizer: str) -> None:
    model = adapted(LLAMA)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizers = build_optimizer(model, TrainingSettings(optimizer=optimizer, learning_rate=0.1))
    for _ in range(2):  # since the first step leaves alone what is multiplied with zeros
        ids = random_ids(2, 6)
        Causal().loss(model, Batch(ids, targets=ids)).total.backward()
        optimizers.step(1.0)
    named = roles(model)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == (named[name].kind == "matrix"), name
    assert len(optimizers.parts) == 1  # no matrix is left for Muon
    assert all(
        not name.endswith("weight") or "norm" in name or "embedding" in name for name in optimizers.names.values()
    )


def test_freezing_a_layer_lets_no_other_go() -> None:
    model = adapted(LLAMA)
    freeze(model, TrainingSettings(freeze=1))
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert "stack.blocks.1.mixer.output.up" in learning
    assert not any(name.startswith("stack.blocks.0") or name in model.matrices() for name in learning)


@torch.no_grad()
def test_adapters_begin_beside_trained_weights() -> None:
    trained, model = build(LLAMA, seed=5), adapted(LLAMA)
    new = copy_weights(model, Start(LLAMA, dict(trained.named_parameters()), None))
    assert {name.rpartition(".")[2] for name in new} == {"down", "up"}
    batch = Batch(random_ids(2, 5))
    assert torch.equal(model.eval()(batch), trained.eval()(batch))


def test_adapters_are_counted() -> None:
    plainly = parameters(LLAMA), flops_per_token(LLAMA), memory(LLAMA, 2)
    with linear_factory(of_trunk):
        found = parameters(LLAMA), flops_per_token(LLAMA), memory(LLAMA, 2)
    model = build(LLAMA)
    matrices = [model.get_parameter(name) for name in model.matrices()]
    own = sum(RANK * sum(matrix.shape) for matrix in matrices)
    frozen = sum(matrix.numel() for matrix in matrices)
    assert found[0] == plainly[0] + own
    assert found[1] == plainly[1] + 6 * own - 2 * frozen
    assert found[2].weights == plainly[2].weights + 4 * own
    assert found[2].gradients == plainly[2].gradients + 4 * (own - frozen)
    assert found[2].optimizer == plainly[2].optimizer + 8 * (own - frozen)


def test_a_model_with_adapters_is_saved_and_loaded_where_they_are_made(tmp_path: Path) -> None:
    model = stirred(adapted(LLAMA))
    save_model(model, tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() == dict(model.named_parameters()).keys()
    with linear_factory(Adapted):
        loaded = load_model(tmp_path)
    assert all(torch.equal(p, q) for p, q in zip(loaded.parameters(), model.parameters(), strict=True))
    frozen = [name for name, parameter in loaded.named_parameters() if not parameter.requires_grad]
    assert frozen == list(model.matrices())
    batch = Batch(random_ids(2, 5))
    assert torch.equal(loaded(batch), model(batch))
    with pytest.raises(LangueError, match=r"down should be absent but is 2×"):
        load_model(tmp_path)


def test_a_model_with_adapters_goes_out_with_plain_matrices(tmp_path: Path) -> None:
    model = stirred(adapted(LLAMA))
    batch = Batch(random_ids(2, 5))
    for folder in ("hf", "onnx"):
        (tmp_path / folder).mkdir()
    write_published(PretrainedModel(model), tmp_path / "hf")
    again = read_published(tmp_path / "hf").model
    assert dict(again.named_parameters()).keys() == dict(plain(model).named_parameters()).keys()
    torch.testing.assert_close(again(batch), model(batch), atol=1e-5, rtol=1e-5)
    assert export_onnx(model, tmp_path / "onnx").difference < 1e-5


def test_the_usual_layers_are_back_whatever_happens_inside() -> None:
    with pytest.raises(RuntimeError), linear_factory(Adapted):
        raise RuntimeError
    assert not any(name.endswith(".up") for name, _ in build(LLAMA).named_parameters())


def test_a_parameter_without_a_role_is_named() -> None:
    model = build(LLAMA)
    model.stack.blocks[1].mixer.register_parameter("bonus", torch.nn.Parameter(torch.zeros(3)))
    with pytest.raises(LangueError, match=r"the parameter stack\.blocks\.1\.mixer\.bonus has no role"):
        roles(model)
    with pytest.raises(LangueError, match="has no role"):
        build_optimizer(model, TrainingSettings())
