"""Parameters, FLOPs and memory are what torch counts and what a step really takes."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from langue.batch import Batch
from langue.models import ModelConfig, build
from langue.models.count import activations, ceiling, flops_per_token, memory, parameters
from langue.models.presets import PRESETS
from langue.objectives import Causal


def config_of(**fields) -> ModelConfig:
    return ModelConfig.model_validate({"vocab_size": 300, "context": 32, **fields})


@pytest.mark.parametrize(("preset", "expected"), [("gpt2", 124_439_808), ("lstm-classic", 4_245_264)])
def test_published_sizes(preset, expected):
    assert parameters(ModelConfig.model_validate({"preset": preset})) == expected


@pytest.mark.parametrize("form", ["decoder", "encoder", "seq2seq"])
@pytest.mark.parametrize("preset", ["gpt-nano", "llama-nano", "mlp-nano", "lstm-nano", "conformer-nano", "hybrid-nano"])
def test_parameters_are_those_of_the_built_model(preset, form):
    config = config_of(preset=preset, form=form)
    assert parameters(config) == sum(parameter.numel() for parameter in build(config).parameters())


@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "gpt-nano"},
        {"preset": "llama-nano"},
        {"preset": "mlp-nano"},
        {"preset": "gpt2-nano", "form": "encoder"},
        {"preset": "gpt2-nano", "form": "seq2seq", "encoder": {"layers": 2}},
        {"preset": "conformer-nano"},
        {"preset": "gpt-nano", "form": "seq2seq", "encoder": {"preset": "conformer-nano"}},
        {"preset": "gpt-nano", "layers": ["attention", {"head_width": 48, "key_heads": 1, "feedforward_width": 60}]},
        {"preset": "gpt-nano", "layers": [{"mixer": "window", "window": 4}, "attention"], "form": "seq2seq"},
    ],
)
def test_flops_are_those_that_torch_counts(fields):
    config = config_of(**fields)
    model = build(config).double()  # whose products are all of the operations that the counter knows
    ids = torch.zeros(2, 32, dtype=torch.long)
    batch = Batch(ids, source=ids if config.form == "seq2seq" else None)
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        model(batch)
    assert 3 * counter.get_total_flops() == pytest.approx(64 * flops_per_token(config), rel=1e-6)


@pytest.mark.parametrize("source", [7, 31])
def test_flops_of_pairs_are_those_of_both_sides(source):
    config = config_of(preset="gpt2-nano", form="seq2seq", encoder={"layers": 2, "width": 96, "heads": 3})
    model, ids = build(config).double(), torch.zeros(2, 14, dtype=torch.long)
    batch = Batch(ids, source=torch.zeros(2, source, dtype=torch.long))
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        model(batch)
    assert 3 * counter.get_total_flops() == pytest.approx(28 * flops_per_token(config, 14, source), rel=1e-6)


@pytest.mark.parametrize("preset", ["rnn-nano", "gru-nano", "lstm-nano"])
def test_flops_of_recurrence_are_six_for_each_number_of_its_matrices(preset):
    config = config_of(preset=preset)
    matrices = sum(parameter.numel() for parameter in build(config).parameters() if parameter.ndim == 2)
    assert flops_per_token(config) == 6 * matrices


def test_a_window_narrows_what_attention_costs():
    wide, narrow = config_of(preset="gpt-nano"), config_of(preset="gpt-nano", window=8)
    assert flops_per_token(wide) - flops_per_token(narrow) == 12 * 4 * 128 * (32 - 8)
    assert flops_per_token(wide, 64) - flops_per_token(wide) == 12 * 4 * 128 * 32


def _really_kept(config: ModelConfig, rows: int, context: int, source: int | None = None) -> int:
    model = build(config)
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    ids = torch.zeros(rows, context, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        read = torch.zeros(rows, source or context, dtype=torch.long)
        model.hidden(Batch(ids, source=read if config.form == "seq2seq" else None))
    return sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in own)


@pytest.mark.parametrize(
    ("fields", "tolerance"),
    [
        ({"preset": "gpt-nano", "dropout": 0.1}, 0.1),
        ({"preset": "llama-nano"}, 0.1),
        ({"preset": "mlp-nano"}, 0.1),
        ({"preset": "rnn-nano"}, 0.1),
        ({"preset": "lstm-nano"}, 0.35),
        ({"preset": "gpt2-nano", "form": "seq2seq"}, 0.1),
        ({"preset": "conformer-nano", "dropout": 0.1}, 0.1),
        ({"preset": "hybrid-nano"}, 0.1),
    ],
)
def test_activations_are_those_that_autograd_keeps(fields, tolerance):
    config = config_of(**fields)
    assert activations(config, 4, 32) == pytest.approx(_really_kept(config, 4, 32), rel=tolerance)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dropout": 0.1},
        {"window": 16},
        {"key_heads": 1},
        {"position": "relative"},
        {"form": "encoder"},
        {"form": "seq2seq", "encoder": {"heads": 4}},
        {"layers": [{"window": 16}, {"dropout": 0.1}, {"position": "none"}]},
    ],
    ids=str,
)
def test_attention_to_long_rows_keeps_its_weights_only_where_it_must(fields):
    config = config_of(**{"layers": 2, "width": 32, "heads": 2, "context": 512, **fields})
    assert activations(config, 2, 512) == pytest.approx(_really_kept(config, 2, 512), rel=0.15)


@pytest.mark.parametrize(
    "fields", [{}, {"dropout": 0.1}, {"mixer": "gru", "position": "none", "cross": "luong"}], ids=str
)
@pytest.mark.parametrize(("source", "target"), [(512, 16), (32, 256)])
def test_activations_of_pairs_are_those_of_both_sides(fields, source, target):
    config = config_of(form="seq2seq", **{"layers": 2, "width": 32, "heads": 2, "context": 512, **fields})
    assert activations(config, 2, target, source) == pytest.approx(_really_kept(config, 2, target, source), rel=0.15)


class Living(TorchDispatchMode):
    """Adds up the bytes of all tensors that are alive, and remembers the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known:
            self.known.add(storage._cdata)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._remove, storage._cdata, storage.nbytes())

    def _remove(self, identity: int, size: int) -> None:
        self.known.discard(identity)
        self.now -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return result


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "gpt-nano", "vocab_size": 65},
        {"preset": "gpt-nano", "vocab_size": 50_257, "width": 64, "layers": 1},
        {"preset": "llama-nano", "dropout": 0.1},
        {"preset": "gpt2-nano", "tie_embeddings": False},
        {"preset": "mlp-nano"},
        {"preset": "lstm-nano"},
        {"preset": "hybrid-nano"},
        {"preset": "lstm-classic"},
        {"preset": "gpt2-nano", "form": "seq2seq"},
    ],
)
def test_memory_is_what_a_training_step_takes(fields, rows):
    config = ModelConfig.model_validate({"vocab_size": 1000, **fields} if "classic" not in fields["preset"] else fields)
    model = build(config)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    ids = torch.randint(65, (rows, 64))
    batch = Batch(ids, targets=ids, source=ids if config.form == "seq2seq" else None)
    with Living() as living:
        for tensor in [*model.parameters(), *model.buffers()]:
            living.add(tensor)
        for _ in range(2):
            optimizer.zero_grad()
            Causal().loss(model, batch).total.backward()
            optimizer.step()
    assert 0.75 < living.peak / memory(config, rows, 64).total < 1.25


CEILED = [
    {"preset": name, "form": form, "context": context, "vocab_size": size}
    for name in PRESETS
    for form in ("decoder", "encoder", "seq2seq")
    for context, size in ((1, 10), (48, 1000))
    if (name, form) != ("mlp-bengio", "seq2seq")  # its width cannot be shared out among heads
]
CEILED += [
    {"preset": "gpt-nano", "position": "relative", "context": 40, "window": 8},
    {"preset": "gpt-nano", "head_width": 128, "layers": 1, "context": 40},
    {"preset": "mlp-nano", "window": 64, "context": 40},
    {"preset": "mlp-bengio", "embedding_width": 900, "context": 40},
    {"preset": "lstm-nano", "form": "seq2seq", "encoder": {"preset": "gpt-micro"}, "context": 40},
    {"preset": "gpt-nano", "layers": 0, "context": 40},
    {"preset": "conformer-nano", "feedforward": "swiglu", "feedforward_width": 9000, "layers": 1, "context": 1},
    {"preset": "conformer-nano", "convolution": 255, "layers": 1, "context": 40},
    {"preset": "gpt-nano", "layers": 24, "dropout": 0.1, "context": 40},
    {
        "preset": "gpt-nano",
        "layers": ["lstm", {"heads": 8, "head_width": 64}, {"mixer": "window", "window": 32}],
        "context": 40,
    },
]


@pytest.mark.parametrize("fields", CEILED, ids=str)
def test_the_ceiling_is_above_the_estimate_and_not_out_of_sight(fields):
    config = ModelConfig.model_validate({"vocab_size": 300, **fields})
    for rows in (1, 16):
        estimate = memory(config, rows).total
        assert estimate < ceiling(config, rows) < 100 * estimate + 2**27


def test_muon_keeps_one_number_for_each_of_its_matrices():
    config = config_of(preset="gpt-nano")
    adamw, muon = memory(config, 2), memory(config, 2, optimizer="muon")
    in_matrices = 4 * 12 * 128 * 128
    assert adamw.optimizer - muon.optimizer == 4 * in_matrices
    assert adamw.optimizer == 2 * adamw.gradients == 8 * parameters(config)
    assert adamw.total == adamw.weights + adamw.gradients + adamw.optimizer + adamw.activations + adamw.logits


def test_counting_takes_no_memory():
    """A model of 400 billion parameters is counted on a laptop."""
    config = config_of(preset="gpt2", width=20_480, layers=80, heads=160, context=2048)
    assert parameters(config) > 400e9
    assert flops_per_token(config) > 6 * 400e9
    assert memory(config, 1).weights == 4 * parameters(config)


@pytest.mark.parametrize(
    ("name", "count"),
    # Transformers' BertForMaskedLM and RobertaForMaskedLM with their published configurations; RoBERTa's table of
    # positions has two rows that no text reaches, and its head no second bias.
    [("bert-base", 109_514_298), ("roberta-base", 124_697_433)],
)
def test_published_encoders_have_their_published_size(name, count):
    assert parameters(ModelConfig(preset=name)) == count
