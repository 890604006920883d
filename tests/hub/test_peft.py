"""Adapters of PEFT's, in both directions: the same numbers, the same gradients, and not a bit changed on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.hub.published import IDS, TARGET, assert_same, ours_say, save, theirs_say

from langue.adapters import AdapterConfig
from langue.batch import Batch
from langue.errors import LangueError
from langue.hub.checkpoint import PretrainedModel
from langue.hub.peft import write_peft
from langue.models import with_adapters
from langue.nn.linear import linear_layers
from langue.tasks.bases import as_base
from langue.tasks.folders import read_model

TWO = ["q_proj", "v_proj"]
LORA = {"r": 4, "lora_alpha": 12, "lora_dropout": 0.0}
# A class of theirs, and the settings of its adapter.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "queries and values": ("llama", {"target_modules": TWO}),
    "rslora": ("llama", {"target_modules": TWO, "use_rslora": True}),
    "dora": ("llama", {"target_modules": TWO, "use_dora": True}),
    "all": ("llama tied", {"target_modules": "all-linear"}),
    "all dora": ("qwen2", {"target_modules": "all-linear", "use_dora": True}),
    "one layer": ("llama", {"target_modules": TWO, "layers_to_transform": [1]}),
    "an expression": ("llama", {"target_modules": r".*\.0\.(self_attn\.k|mlp\.up)_proj"}),
    "ranks": ("llama", {"target_modules": TWO, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 6}}),
    "embedding": ("llama", {"target_modules": ["embed_tokens", "lm_head", "o_proj"]}),
    "saved": ("llama", {"target_modules": TWO, "modules_to_save": ["lm_head", "norm"]}),
    "gpt2": ("gpt2", {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True}),
    "gpt2 dora": ("gpt2", {"target_modules": ["c_attn"], "fan_in_fan_out": True, "use_dora": True}),
    "bert": ("bert classes", {"target_modules": ["query", "value"], "modules_to_save": ["classifier"]}),
    "bert dense": ("bert classes", {"target_modules": ["query", "dense"], "modules_to_save": ["classifier"]}),
    "bert trunk": ("bert", {"target_modules": ["key"]}),
    "t5": ("t5", {"target_modules": ["q", "v", "wi", "wo"]}),
    "whisper": ("whisper", {"target_modules": ["k_proj", "fc1"]}),
}


def their_adapter(name: str, folder: Path) -> Any:
    """A model of theirs in `base` and an adapter in `adapter`, whose every number is random; the model of both."""
    kind, fields = CASES[name]
    theirs = peft.get_peft_model(save(kind, folder / "base"), peft.LoraConfig(**{**LORA, **fields}))
    draws = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for place, parameter in theirs.named_parameters():
            if parameter.requires_grad:
                is_thin = "lora_" in place and "magnitude" not in place
                parameter.mul_(not is_thin).add_(
                    (0.2 if is_thin else 0.05) * torch.randn(parameter.shape, generator=draws)
                )
    theirs.save_pretrained(folder / "adapter")
    return theirs.eval()


def again(folder: Path) -> PretrainedModel:
    return read_model(folder / "base", adapter=folder / "adapter")[0]


@pytest.mark.parametrize("name", CASES)
def test_we_compute_what_they_compute(name: str, tmp_path: Path) -> None:
    theirs = their_adapter(name, tmp_path)
    inner = theirs.get_base_model()
    assert_same(ours_say(again(tmp_path).model, inner), theirs_say(inner))


@pytest.mark.parametrize("name", CASES)
def test_a_folder_goes_round_without_a_changed_bit(name: str, tmp_path: Path) -> None:
    their_adapter(name, tmp_path)
    (tmp_path / "out").mkdir()
    write_peft(again(tmp_path), tmp_path / "out")
    before, after = (load_file(tmp_path / place / "adapter_model.safetensors") for place in ("adapter", "out"))
    assert before.keys() == after.keys()
    for key, tensor in before.items():
        assert torch.equal(tensor, after[key]), key
        assert tensor.dtype == after[key].dtype
    one, other = (json.loads((tmp_path / place / "adapter_config.json").read_text()) for place in ("adapter", "out"))
    assert one == other


@pytest.mark.parametrize("fields", [{}, {"use_rslora": True}, {"use_dora": True}], ids=["lora", "rslora", "dora"])
@pytest.mark.parametrize("kind", ["llama", "bert classes", "t5"])
def test_loss_and_gradients_are_theirs(kind: str, fields: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    targets = {"llama": [*TWO, "o_proj", "up_proj"], "bert classes": ["query", "value"], "t5": ["q", "v", "wo"]}[kind]
    saved = ["classifier"] if kind == "bert classes" else None
    monkeypatch.setitem(CASES, "this", (kind, {"target_modules": targets, "modules_to_save": saved, **fields}))
    theirs = their_adapter("this", tmp_path)
    ours = again(tmp_path)
    theirs.double()
    ours.model.double()
    labels = torch.tensor([0, 2, 1])
    if kind == "t5":
        theirs(input_ids=IDS, decoder_input_ids=TARGET).logits.logsumexp(-1).mean().backward()
        loss = ours.model(Batch(TARGET, source=IDS)).logsumexp(-1).mean()
    elif kind == "llama":
        theirs(input_ids=IDS).logits.logsumexp(-1).mean().backward()
        loss = ours.model(Batch(IDS)).logsumexp(-1).mean()
    else:
        theirs(input_ids=IDS, labels=labels).loss.backward()
        loss = torch.nn.functional.cross_entropy(ours.model.classify(Batch(IDS)), labels)
    loss.backward()
    with torch.no_grad():  # their names of ours, by the way out
        for parameter in ours.model.parameters():
            if parameter.requires_grad and parameter.grad is not None:
                parameter.copy_(parameter.grad)
    (tmp_path / "gradients").mkdir()
    write_peft(ours, tmp_path / "gradients")
    found = load_file(tmp_path / "gradients" / "adapter_model.safetensors")
    expected = {
        name.replace(".default", "").replace("modules_to_save.", ""): parameter.grad
        for name, parameter in theirs.named_parameters()
        if parameter.grad is not None
    }
    expected = {name.replace("vector.weight", "vector"): value for name, value in expected.items()}
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name].float(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("adapter", ["lora", "rslora", "dora"])
@pytest.mark.parametrize(
    "kind",
    [
        *("llama", "qwen3", "gpt2", "bert classes", "bert words", "t5 1.1", "bart", "whisper"),
        *("neox", "distilbert classes", "modernbert classes", "deberta classes"),
    ],
)
def test_they_compute_what_we_trained(kind: str, adapter: Any, tmp_path: Path) -> None:
    theirs = save(kind, tmp_path / "base")
    checkpoint = read_model(tmp_path / "base")[0]
    base = as_base(tmp_path / "base", checkpoint.model)
    model = with_adapters(checkpoint.model, AdapterConfig(kind=adapter, rank=3, alpha=5, on=("all",)), base)
    draws = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    write_peft(PretrainedModel(model, labels=checkpoint.labels, origin=checkpoint.origin), tmp_path)
    loaded = peft.PeftModel.from_pretrained(theirs, tmp_path).eval().get_base_model()
    assert_same(ours_say(model.eval(), loaded), theirs_say(loaded))
    assert not any(torch.equal(layer.up, torch.zeros_like(layer.up)) for layer in linear_layers(model).values()
                   if hasattr(layer, "up"))  # fmt: skip


def changed(folder: Path, **changes: Any) -> None:
    """Write other settings into an adapter's folder."""
    path = folder / "adapter" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"peft_type": "IA3"}, r"peft_type: input should be 'LORA', got 'IA3'"),
        ({"bias": "all"}, r"bias 'all' is not supported"),
        ({"lora_bias": True}, r"lora_bias is not supported"),
        ({"init_lora_weights": "pissa_niter_4"}, r"init_lora_weights 'pissa_niter_4' has changed the base as well"),
        ({"auto_map": {"AutoModel": "x.Y"}}, r"wants Python code"),
        ({"alpha_pattern": {"q_proj": 2}}, r"pairs of different strengths \(0.5, 3\)"),
        ({"target_modules": [*TWO, "k_proj"]}, r"it lacks the pair of model.layers.0.self_attn.k_proj"),
        ({"r": 2}, r"the pair of \S+ has the shapes .* and should have"),
        ({"r": 20, "lora_alpha": 60}, r"adapt.rank 20 is above"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    their_adapter("queries and values", tmp_path)
    changed(tmp_path, **changes)
    with pytest.raises(LangueError, match=sentence):
        again(tmp_path)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    their_adapter("queries and values", tmp_path)
    (tmp_path / "adapter" / "adapter_model.safetensors").rename(tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(LangueError, match=r"adapter_model.bin, a pickle, which can run any code"):
        again(tmp_path)


@pytest.mark.parametrize("missing", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    their_adapter("queries and values", tmp_path)
    (tmp_path / "adapter" / missing).unlink()
    with pytest.raises(LangueError, match=f"{missing} is missing"):
        again(tmp_path)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    their_adapter("queries and values", tmp_path)
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(path)
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(LangueError, match=r"lora_A.weight holds numbers that are none"):
        again(tmp_path)


def test_another_base_is_refused_by_its_matrices(tmp_path: Path) -> None:
    their_adapter("queries and values", tmp_path)
    save("llama all heads", tmp_path / "other")
    save("bert words", tmp_path / "bert")
    with pytest.raises(LangueError, match=r"stands on another base: the pair of \S+v_proj has the shapes"):
        read_model(tmp_path / "other", adapter=tmp_path / "adapter")
    with pytest.raises(LangueError, match=r"stands on another base: this one has no \S+q_proj"):
        read_model(tmp_path / "bert", adapter=tmp_path / "adapter")


def test_an_adapter_of_a_tied_head_alone_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(CASES, "this", ("llama tied", {"target_modules": ["embed_tokens"]}))
    their_adapter("this", tmp_path)
    with pytest.raises(LangueError, match=r"adapter of model.embed_tokens alone, but here the head is the embedding"):
        again(tmp_path)


def test_half_precision_comes_back_as_it_was(tmp_path: Path) -> None:
    their_adapter("queries and values", tmp_path)
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    before = {name: tensor.bfloat16() for name, tensor in load_file(path).items()}
    save_file(before, path, metadata={"format": "pt"})
    (tmp_path / "out").mkdir()
    write_peft(again(tmp_path), tmp_path / "out")
    after = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert all(
        torch.equal(after[name], tensor) and after[name].dtype == tensor.dtype for name, tensor in before.items()
    )


def test_a_model_without_adapters_has_none_to_write(tmp_path: Path) -> None:
    save("llama", tmp_path / "base")
    with pytest.raises(LangueError, match="the model has no adapters"):
        write_peft(read_model(tmp_path / "base")[0], tmp_path)
