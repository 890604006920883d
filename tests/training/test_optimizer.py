"""Muon and AdamW against torch, an exact decomposition, and arithmetic by hand."""

import math

import pytest
import torch

from langue.batch import Batch
from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.training import TrainingSettings, build_optimizer, freeze
from langue.training.muon import Muon, orthogonalise


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 8), (8, 32), (1, 5)])
def test_orthogonalising_gives_the_nearest_orthogonal_matrices(shape):
    matrices = drawn(3, *shape) * torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)[:, None, None]
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    assert (values[:, -1] / values.norm(dim=-1) > 1e-3).all()
    torch.testing.assert_close(orthogonalise(matrices, 7), left @ right, atol=2e-2, rtol=0)
    few = torch.linalg.svdvals(orthogonalise(matrices, 5))
    assert (few - 1).abs().max() < 0.15


@pytest.mark.parametrize("shape", [(8, 8), (8, 32), (128, 512)])
def test_orthogonalising_in_bf16_does_not_run_away(shape):
    for iterations in (5, 8, 12):
        found = orthogonalise(drawn(3, *shape).bfloat16(), iterations).double()
        assert (torch.linalg.svdvals(found)).max() < 1.15


def test_a_matrix_of_zeros_stays_zero():
    assert torch.equal(orthogonalise(torch.zeros(2, 4, 6), 5), torch.zeros(2, 4, 6))


def test_muon_is_its_formula():
    """Momentum, Nesterov, orthogonal direction, RMS scale, decoupled decay: three steps by hand, in float64."""
    weight, grads = drawn(6, 4), [drawn(6, 4, seed=seed) for seed in (1, 2, 3)]
    parameter = torch.nn.Parameter(weight.clone())
    muon = Muon([parameter], [(6,)], lr=0.1, momentum=0.9, weight_decay=0.5, iterations=7)
    momentum = torch.zeros_like(weight)
    for grad in grads:
        parameter.grad = grad.clone()
        muon.step()
        momentum = 0.9 * momentum + 0.1 * grad
        update = 0.1 * grad + 0.9 * momentum
        left, _, right = torch.linalg.svd(update, full_matrices=False)
        weight = weight * (1 - 0.1 * 0.5) - 0.1 * 0.2 * math.sqrt(6) * (left @ right)
    torch.testing.assert_close(parameter.detach(), weight, atol=1e-3, rtol=0)


def test_muon_is_torchs_in_momentum_scale_and_decay():
    """With the same matrix for a direction: torch's own orthogonalisation is only rougher."""
    start, grads = drawn(8, 8), [drawn(8, 8, seed=seed) for seed in range(1, 6)]
    ours, theirs = (torch.nn.Parameter(start.float()) for _ in range(2))
    muon = Muon([ours], [(8,)], lr=0.02, momentum=0.95, weight_decay=0.1, iterations=5)
    reference = torch.optim.Muon(
        [theirs], lr=0.02, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw", ns_steps=5
    )
    for grad in grads:
        ours.grad, theirs.grad = grad.float(), grad.float()
        muon.step()
        reference.step()
    moved, expected = ours.detach() - start, theirs.detach() - start
    cosine = torch.nn.functional.cosine_similarity(moved.flatten(), expected.flatten(), dim=0)
    assert cosine > 0.98
    assert moved.norm() / expected.norm() == pytest.approx(1, abs=0.15)


def test_stacked_matrices_are_taken_one_by_one():
    stacked, grad = drawn(12, 4), drawn(12, 4, seed=1)
    whole = torch.nn.Parameter(stacked.clone())
    parts = [torch.nn.Parameter(piece.clone()) for piece in stacked.split((4, 2, 6))]
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "iterations": 5}
    one, three = Muon([whole], [(4, 2, 6)], **options), Muon(parts, [(4,), (2,), (6,)], **options)
    for _ in range(2):
        whole.grad = grad.clone()
        for part, piece in zip(parts, grad.split((4, 2, 6)), strict=True):
            part.grad = piece.clone()
        one.step()
        three.step()
    torch.testing.assert_close(whole.detach(), torch.cat([part.detach() for part in parts]))


@pytest.mark.parametrize("mixer", ["attention", "lstm"])
def test_muon_gets_the_matrices_and_adamw_the_rest(mixer):
    position = "learned" if mixer == "attention" else "none"
    model = build(
        ModelConfig(vocab_size=9, width=8, layers=1, heads=2, mixer=mixer, position=position, tie_embeddings=False)
    )
    optimizers = build_optimizer(model, TrainingSettings(optimizer="muon"))
    (adamw, _), (muon, _) = optimizers.parts
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    in_muon = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    assert in_muon == set(model.matrices())
    assert not any(name.startswith(("embedding", "head", "stack.position")) for name in in_muon)
    decayed, plain = adamw.param_groups if len(adamw.param_groups) == 2 else (adamw.param_groups[0], {"params": []})
    assert all(p.ndim >= 2 for p in decayed["params"])
    assert all(p.ndim < 2 for p in plain["params"])
    everywhere = in_muon | {names[id(p)] for group in adamw.param_groups for p in group["params"]}
    assert everywhere == set(names.values())


def test_adamw_is_torchs_with_decay_on_matrices_alone():
    settings = TrainingSettings(optimizer="adamw", learning_rate=0.01, weight_decay=0.3, beta2=0.99)
    config = ModelConfig(vocab_size=9, width=8, layers=1, heads=2, norm="layer", bias=True)
    ours, theirs = build(config, seed=1), build(config, seed=1)
    optimizers = build_optimizer(ours, settings)
    groups = [
        {"params": [p for p in theirs.parameters() if p.ndim >= 2], "weight_decay": 0.3},
        {"params": [p for p in theirs.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.99), eps=1e-8)
    for step in range(3):
        for seed, (p, q) in enumerate(zip(ours.parameters(), theirs.parameters(), strict=True)):
            p.grad = drawn(*p.shape, seed=100 * step + seed).float()
            q.grad = p.grad.clone()
        for group in reference.param_groups:
            group["lr"] = 0.01 * 0.5
        optimizers.step(0.5)
        reference.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-7, rtol=1e-5)


def test_state_has_names_and_comes_back():
    config = ModelConfig(vocab_size=9, width=8, layers=1, heads=2)
    models = [build(config, seed=1) for _ in range(2)]
    first, second = (build_optimizer(model, TrainingSettings()) for model in models)

    def step(model, optimizers, number):
        for seed, parameter in enumerate(model.parameters()):
            parameter.grad = drawn(*parameter.shape, seed=100 * number + seed).float()
        optimizers.step(1.0)

    step(models[0], first, 0)
    state = {name: value.clone() for name, value in first.state().items()}
    assert "embedding.table.weight/exp_avg" in state
    assert "stack.blocks.0.mixer.query_key_value.weight/momentum" in state
    models[1].load_state_dict(models[0].state_dict())
    second.load(state)
    for number in (1, 2):
        step(models[0], first, number)
        step(models[1], second, number)
    for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(p, q)


def rates_of(optimizers):
    return {
        optimizers.names[parameter]: rate
        for optimizer, rate in optimizers.parts
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_layers_learn_more_slowly_the_deeper_they_lie(kind):
    model = build(
        ModelConfig(vocab_size=9, width=8, layers=3, heads=2, classifier={"outputs": 2}, tie_embeddings=False)
    )
    settings = TrainingSettings(optimizer=kind, learning_rate=0.1, layer_decay=0.5)
    rates = rates_of(build_optimizer(model, settings))
    assert rates.keys() == dict(model.named_parameters()).keys()
    for name, rate in rates.items():
        if name.startswith(("classifier", "head")):
            below = 0
        elif name.startswith("stack.blocks."):
            below = 3 - int(name.split(".")[2])
        else:
            below = 1 if name.startswith("stack.norm") else 4
        assert rate == pytest.approx(0.1 * 0.5**below), name


@pytest.mark.parametrize(
    ("frozen", "kept"),
    [
        ("embeddings", ("embedding", "stack.position")),
        (1, ("embedding", "stack.position", "stack.blocks.0")),
        ("all-but-head", ("embedding", "stack")),
        (
            "all-but-bottlenecks",
            (
                "embedding",
                "stack.position",
                "stack.norm",
                *(f"stack.blocks.{n}.{part}" for n in (0, 1) for part in "mfs"),
            ),
        ),
    ],
)
def test_what_is_frozen_stays_as_it_is(frozen, kept):
    config = ModelConfig(
        vocab_size=9,
        width=8,
        layers=2,
        heads=2,
        position="learned",
        context=4,
        classifier={"outputs": 2},
        tie_embeddings=False,
        bottleneck=3,
    )
    model = build(config, seed=1)
    settings = TrainingSettings(optimizer="adamw", freeze=frozen, learning_rate=0.1)
    freeze(model, settings)
    optimizers = build_optimizer(model, settings)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    ids = torch.tensor([[1, 2, 3]])
    (model.classify(Batch(ids)).sum() + model(Batch(ids)).square().sum()).backward()
    optimizers.step(1.0)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith(kept), name


def test_freezing_more_than_there_is_is_refused():
    model = build(ModelConfig(vocab_size=9, width=8, layers=2, heads=2))
    with pytest.raises(LangueError, match=r"training\.freeze is 3, but the model has 2 layers"):
        freeze(model, TrainingSettings(freeze=3))
    with pytest.raises(LangueError, match=r"for models with model\.bottleneck"):
        freeze(model, TrainingSettings(freeze="all-but-bottlenecks"))
    freeze(model, TrainingSettings(freeze="all-but-head"))
    with pytest.raises(LangueError, match="leaves nothing to learn"):
        build_optimizer(model, TrainingSettings())
