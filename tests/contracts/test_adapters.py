"""Adapters on every mixer in every form: seen by all who ask for roles, and plain matrices for all others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from variants import ALL, assert_close, batch_of, config_of, random_ids

from langue.adapters import AdapterConfig
from langue.batch import Batch
from langue.errors import LangueError
from langue.hub.checkpoint import PretrainedModel
from langue.hub.onnx import export_onnx
from langue.hub.read import read_published
from langue.hub.write import write_published
from langue.models import Model, ModelConfig, build, load_model, save_model, with_adapters
from langue.models.build import plain
from langue.models.config import ClassifierConfig
from langue.models.count import flops_per_token, memory, parameters
from langue.nn.roles import roles
from langue.objectives import Causal
from langue.training import TrainingSettings, build_optimizer, freeze

KINDS = ("lora", "rslora", "dora")
RANK = 2
EVERYWHERE = AdapterConfig(rank=RANK, on=("all", "embedding", "head"))
TRUNK = AdapterConfig(rank=RANK, on=("all",))
LLAMA = ModelConfig(preset="llama-nano", vocab_size=29, width=16, heads=4, layers=2, feedforward_width=24, context=16)


def adapted(config: ModelConfig, adapter: AdapterConfig = EVERYWHERE) -> Model:
    return with_adapters(build(config, seed=1).double(), adapter).double()


def stirred(model: Model, size: float = 0.2) -> Model:
    """The model with an effect of each of its adapters."""
    draws = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith((".up", ".magnitude")):
                parameter.add_(size * torch.randn(parameter.shape, generator=draws, dtype=parameter.dtype))
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", ALL)
@torch.no_grad()
def test_a_new_adapter_changes_nothing_and_becomes_a_plain_matrix(variant: str, kind: str) -> None:
    base = build(config_of(variant), seed=1).double().eval()
    model = with_adapters(base, EVERYWHERE.replace(kind=kind)).double().eval()
    for name, parameter in model.named_parameters():  # lengths that were worked out in single precision
        if name.endswith(".magnitude"):
            parameter.copy_(model.get_submodule(name.rpartition(".")[0]).base.matrix().norm(dim=1))
    batch = batch_of(model, random_ids(2, 5))
    assert_close(model(batch), base(batch))
    merged = plain(stirred(model))
    assert merged.state_dict().keys() == base.state_dict().keys()
    assert merged.config == base.config
    assert_close(merged(batch), model(batch))
    assert plain(merged) is merged
    assert not torch.equal(model(batch), base(batch))


@pytest.mark.parametrize("variant", ALL)
def test_the_gradient_is_that_of_the_thin_matrices_in_the_thick_one(variant: str) -> None:
    """∂W = G gives ∂B = s·G·Aᵀ and ∂A = s·Bᵀ·G, block by block, whatever way the product takes."""
    model = stirred(adapted(config_of(variant), TRUNK)).train()
    merged = plain(model).train()
    ids = random_ids(2, 6)
    batch = batch_of(model, ids)
    for each in (model, merged):
        each(batch).square().sum().backward()
    for place, layer in model.named_modules():
        if type(layer).__name__ != "AdaptedLinear":
            continue
        whole = merged.get_submodule(place).weight.grad.split(layer.blocks)
        for grad, by_up, by_down, up, down in zip(
            whole,
            layer.up.grad.split(layer.blocks),
            layer.down.grad.split(layer.rank),
            layer.up.split(layer.blocks),
            layer.down.split(layer.rank),
            strict=True,
        ):
            torch.testing.assert_close(by_up, layer.scale * grad @ down.T, atol=1e-9, rtol=1e-7)
            torch.testing.assert_close(by_down, layer.scale * up.T @ grad, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("variant", ALL)
def test_every_parameter_has_a_role(variant: str) -> None:
    for model in (build(config_of(variant)), adapted(config_of(variant), EVERYWHERE.replace(kind="dora"))):
        named = roles(model)
        assert named.keys() == dict(model.named_parameters()).keys()
        for name, parameter in model.named_parameters():
            assert named[name].decays == (parameter.ndim > 1), name
            assert sum(named[name].blocks) in (0, parameter.shape[0]), name


@pytest.mark.parametrize("variant", ALL)
def test_every_matrix_says_what_part_it_is_of(variant: str) -> None:
    for name, role in roles(build(config_of(variant))).items():
        assert (role.part is not None) == (role.kind in ("matrix", "head", "embedding")), name


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_only_adapters_learn(optimizer: str) -> None:
    model = adapted(LLAMA)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizers = build_optimizer(model, TrainingSettings(optimizer=optimizer, learning_rate=0.1))
    for _ in range(2):  # since the first step leaves alone what is multiplied with zeros
        ids = random_ids(2, 6)
        Causal().loss(model, Batch(ids, targets=ids)).total.backward()
        optimizers.step(1.0)
    named = roles(model)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == (named[name].kind != "adapter"), name
    assert len(optimizers.parts) == (1 if optimizer == "adamw" else 2)  # those of the table are no matrix for Muon
    assert set(optimizers.names.values()) == {name for name, role in named.items() if role.kind == "adapter"}


def test_a_head_that_judges_learns_whole() -> None:
    model = adapted(LLAMA.replace(classifier=ClassifierConfig(outputs=3, dense="tanh")))
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {"classifier.output.weight", "classifier.output.bias"} <= learning


def test_freezing_a_layer_lets_no_other_go() -> None:
    model = adapted(LLAMA)
    freeze(model, TrainingSettings(freeze=1))
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert "stack.blocks.1.mixer.output.up" in learning
    assert all(name.startswith("stack.blocks.1") and ".base." not in name for name in learning)


def test_adapters_are_counted() -> None:
    adapter = LLAMA.replace(adapter=TRUNK)
    before = parameters(LLAMA), flops_per_token(LLAMA), memory(LLAMA, 2)
    after = parameters(adapter), flops_per_token(adapter), memory(adapter, 2)
    model = build(LLAMA)
    matrices = {name: model.get_parameter(name) for name in model.matrices()}
    blocks = model.matrices()
    own = sum(RANK * (matrix.shape[0] + len(blocks[name]) * matrix.shape[1]) for name, matrix in matrices.items())
    frozen = sum(matrix.numel() for matrix in matrices.values())
    everything = sum(parameter.numel() for parameter in model.parameters())
    assert after[0] == before[0] + own
    assert after[1] == before[1] + 6 * own - 2 * frozen
    assert after[2].weights == before[2].weights + 4 * own
    assert after[2].gradients == 4 * own
    assert before[2].gradients == 4 * everything
    assert after[2].optimizer == 8 * own


def test_a_model_with_adapters_is_saved_and_loaded(tmp_path: Path) -> None:
    model = stirred(adapted(LLAMA).float())
    save_model(model, tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() == dict(model.named_parameters()).keys()
    loaded = load_model(tmp_path)
    for (name, parameter), (_, other) in zip(loaded.named_parameters(), model.named_parameters(), strict=True):
        assert torch.equal(parameter, other), name
        assert parameter.requires_grad == other.requires_grad, name
    batch = Batch(random_ids(2, 5))
    assert torch.equal(loaded(batch), model(batch))


def test_a_model_with_adapters_goes_out_with_plain_matrices(tmp_path: Path) -> None:
    model = stirred(adapted(LLAMA).float(), 0.02)
    batch = Batch(random_ids(2, 5))
    for folder in ("hf", "onnx"):
        (tmp_path / folder).mkdir()
    write_published(PretrainedModel(model), tmp_path / "hf")
    again = read_published(tmp_path / "hf").model
    assert dict(again.named_parameters()).keys() == dict(plain(model).named_parameters()).keys()
    torch.testing.assert_close(again(batch), model(batch), atol=1e-5, rtol=1e-5)
    assert export_onnx(model, tmp_path / "onnx").difference < 1e-5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank": 17}, r"adapt.rank 17 is above 16, the smaller side of a matrix of attention"),
        ({"on": ("recurrent",)}, r"adapt.on recurrent: the model has no such part; it has embedding, attention, feedf"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(LangueError, match=sentence):
        with_adapters(build(LLAMA), TRUNK.replace(**changes))


def test_a_parameter_without_a_role_is_named() -> None:
    model = build(LLAMA)
    model.stack.blocks[1].mixer.register_parameter("bonus", torch.nn.Parameter(torch.zeros(3)))
    with pytest.raises(LangueError, match=r"the parameter stack\.blocks\.1\.mixer\.bonus has no role"):
        roles(model)
    with pytest.raises(LangueError, match="has no role"):
        build_optimizer(model, TrainingSettings())
