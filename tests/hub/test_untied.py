"""Weights that should be shared, stored twice and not alike: we compute what Transformers computes, or refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.hub import published

from langue.batch import Batch
from langue.errors import LangueError
from langue.hub.formats import read_source, write_format

HEADS = {
    "llama": (transformers.LlamaForCausalLM, "lm_head.weight"),
    "qwen2": (transformers.Qwen2ForCausalLM, "lm_head.weight"),
    "gpt2": (transformers.GPT2LMHeadModel, "lm_head.weight"),
    "bert words": (transformers.BertForMaskedLM, "cls.predictions.decoder.weight"),
    "bert bias": (transformers.BertForMaskedLM, "cls.predictions.decoder.bias"),
    "roberta words": (transformers.RobertaForMaskedLM, "lm_head.decoder.weight"),
    "t5": (transformers.T5ForConditionalGeneration, "lm_head.weight"),
}
CONFIGS: dict[str, transformers.PretrainedConfig] = {
    "llama": transformers.LlamaConfig(**published.LLAMA, tie_word_embeddings=True),
    "qwen2": transformers.Qwen2Config(**published.LLAMA, tie_word_embeddings=True),
    "gpt2": transformers.GPT2Config(**published.GPT2),
    "bert words": transformers.BertConfig(**published.BERT),
    "bert bias": transformers.BertConfig(**published.BERT),
    "roberta words": transformers.RobertaConfig(**published.BERT, pad_token_id=1),
    "t5": transformers.T5Config(**published.T5),
}


def with_another(folder: Path, name: str, key: str) -> Any:
    """A folder of a small model with a tensor of its own beside the one that it should share."""
    torch.manual_seed(0)
    cls = HEADS[name][0]
    cls(CONFIGS[name]).save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    first = "cls.predictions.bias" if key.endswith("bias") else published_embedding(tensors)
    tensors[key] = torch.randn(tensors[first].shape, generator=torch.Generator().manual_seed(1))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return cls.from_pretrained(folder).eval()


def published_embedding(tensors: dict[str, torch.Tensor]) -> str:
    ends = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "shared.weight")
    return next(name for name in tensors if name.endswith(ends))


@pytest.mark.parametrize("name", HEADS)
def test_the_files_own_head_counts(tmp_path: Path, name: str) -> None:
    theirs = with_another(tmp_path / "in", name, HEADS[name][1])
    checkpoint = read_source(str(tmp_path / "in"))
    ids, target = published.IDS, published.TARGET
    with torch.inference_mode():
        if name == "t5":
            batch = Batch(target, source=ids)
            expected = theirs(input_ids=ids, decoder_input_ids=target).logits
        else:
            batch, expected = Batch(ids), theirs(input_ids=ids).logits
        torch.testing.assert_close(checkpoint.model(batch), expected, atol=1e-4, rtol=1e-4)
    (tmp_path / "out").mkdir()
    write_format("hf", checkpoint, tmp_path / "out")
    again = HEADS[name][0].from_pretrained(tmp_path / "out").eval()
    with torch.inference_mode():
        found = again(input_ids=ids, decoder_input_ids=target) if name == "t5" else again(input_ids=ids)
        torch.testing.assert_close(found.logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("key", ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"])
def test_a_second_embedding_that_has_no_place_is_refused(tmp_path: Path, key: str) -> None:
    with_another(tmp_path, "t5", key)
    with pytest.raises(LangueError, match=f"holds {key} and another shared.weight"):
        read_source(str(tmp_path))


def test_the_same_matrix_twice_is_tied(tmp_path: Path) -> None:
    transformers.LlamaForCausalLM(CONFIGS["llama"]).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, tmp_path / "model.safetensors")
    assert read_source(str(tmp_path)).model.config.tie_embeddings


@pytest.mark.parametrize("fields", [{"pretraining_tp": 2}, {"pretraining_tp": 4, "_name_or_path": "x"}])
def test_settings_without_effect_are_no_obstacle(
    tmp_path: Path, fields: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    transformers.LlamaForCausalLM(CONFIGS["llama"]).save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, **fields}))
    read_source(str(tmp_path))
    assert "pretraining_tp" not in capsys.readouterr().err


def test_buffers_that_an_index_leaves_out_are_no_damage(tmp_path: Path) -> None:
    theirs = transformers.LlamaForCausalLM(CONFIGS["llama"]).eval()
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    shard = sorted(tmp_path.glob("model-*.safetensors"))[0]
    tensors = load_file(shard)
    buffer = "model.layers.0.self_attn.rotary_emb.inv_freq"
    save_file({**tensors, buffer: torch.ones(4)}, shard)
    ours = read_source(str(tmp_path)).model
    with torch.inference_mode():
        torch.testing.assert_close(ours(Batch(published.IDS)), theirs(published.IDS).logits, atol=1e-4, rtol=1e-4)
    # But nothing may stand in two of them.
    other = sorted(tmp_path.glob("model-*.safetensors"))[1]
    save_file({**load_file(other), buffer: torch.ones(4)}, other)
    with pytest.raises(LangueError, match="is damaged"):
        read_source(str(tmp_path))
