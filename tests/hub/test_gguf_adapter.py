"""Adapters in GGUF: added by hand to the base's file, they are the file of the whole model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tiny_gguf
import torch

from langue.adapters import AdapterConfig
from langue.errors import LangueError
from langue.hub.checkpoint import PretrainedModel
from langue.hub.gguf import write_gguf
from langue.hub.gguf_adapter import write_adapter
from langue.models import Model, with_adapters
from langue.models.build import plain


def adapted(architecture: str, **changes: Any) -> tuple[Model, Model]:
    """A model, and the same with adapters that change it."""
    base = tiny_gguf.model(architecture)
    fields: dict[str, Any] = {"rank": 4, "alpha": 10, "on": ("all",), **changes}
    model = with_adapters(base, AdapterConfig(**fields))
    draws = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith((".up", ".down")):
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=draws))
    return base, model


def tensors(path: Path) -> dict[str, np.ndarray]:
    return {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in gguf.GGUFReader(path).tensors
    }


@pytest.mark.parametrize("kind", ["lora", "rslora"])
@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_added_to_the_file_of_the_base_it_is_the_file_of_the_whole(
    architecture: str, kind: str, tmp_path: Path
) -> None:
    base, model = adapted(architecture, kind=kind)
    tokenizer = tiny_gguf.tokenizer()
    write_adapter(PretrainedModel(model), tmp_path)
    write_gguf(base, tokenizer, tmp_path / "base.gguf")
    write_gguf(plain(model), tokenizer, tmp_path / "whole.gguf")

    reader = gguf.GGUFReader(tmp_path / "adapter.gguf")
    said = {name: reader.get_field(name).contents() for name in ("general.type", "adapter.type", "adapter.lora.alpha")}
    assert (said["general.type"], said["adapter.type"]) == ("adapter", "lora")
    assert reader.get_field("general.architecture").contents() == architecture.partition("-")[0]

    pairs, before, after = (tensors(tmp_path / f"{name}.gguf") for name in ("adapter", "base", "whole"))
    names = {name.rpartition(".")[0] for name in pairs}
    assert len(names) == 2 * 7
    for name, matrix in before.items():
        if name in names:
            down, up = pairs[f"{name}.lora_a"], pairs[f"{name}.lora_b"]
            matrix = matrix + said["adapter.lora.alpha"] / up.shape[1] * up @ down
            assert np.abs(matrix - before[name]).max() > 0.1
        np.testing.assert_allclose(matrix, after[name], rtol=2**-10, atol=1e-6)  # which fp16 rounds


def test_the_pair_of_a_table_is_kept_the_other_way_round(tmp_path: Path) -> None:
    _, model = adapted("llama-untied", on=("embedding",))
    write_adapter(PretrainedModel(model), tmp_path)
    pairs = tensors(tmp_path / "adapter.gguf")
    table = model.embedding.table
    np.testing.assert_array_equal(pairs["token_embd.weight.lora_a"], table.up.detach().numpy())
    np.testing.assert_array_equal(pairs["token_embd.weight.lora_b"], table.down.detach().numpy().T)


@pytest.mark.parametrize(
    ("architecture", "changes", "sentence"),
    [
        ("llama", {"kind": "dora"}, "llama.cpp has no DoRA"),
        ("llama", {"on": ("embedding",)}, "no adapter of a head that is the embedding"),
    ],
)
def test_what_llama_cpp_lacks_is_refused(
    architecture: str, changes: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(LangueError, match=sentence):
        write_adapter(PretrainedModel(adapted(architecture, **changes)[1]), tmp_path)
    with pytest.raises(LangueError, match="the model has no adapters"):
        write_adapter(PretrainedModel(tiny_gguf.model(architecture)), tmp_path)
    assert not list(tmp_path.iterdir())
