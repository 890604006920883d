"""Whole models against Transformers: GPT-2, Llama, Mistral, BERT and T5 with the same random weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from langue.batch import Batch
from langue.models import Model, ModelConfig, build

VOCABULARY = 61
IDS = torch.randint(VOCABULARY, (3, 11), generator=torch.Generator().manual_seed(0))
VALID = torch.arange(11) >= torch.tensor([[0], [4], [9]])


def randomise(model: torch.nn.Module) -> Mapping[str, Tensor]:
    """Give every weight, norms and biases too, a random value; return them by name."""
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            offset = 1.0 if "norm" in name.lower() or "ln_" in name else 0.0
            parameter.copy_(offset + 0.15 * torch.randn(parameter.shape, generator=draws))
    return dict(model.named_parameters())


def ours(weights: Mapping[str, Tensor], **config: Any) -> Model:
    """Our model with exactly these weights."""
    model = build(ModelConfig(vocab_size=VOCABULARY, **config))
    expected = dict(model.named_parameters())
    assert weights.keys() == expected.keys()
    with torch.no_grad():
        for name, parameter in expected.items():
            parameter.copy_(weights[name])
    return model.eval()


def assert_same(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert expected.abs().max() > 0.5
    assert (actual - expected).abs().max() < 1e-5


def gpt2_weights(theirs: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    places = {
        "embedding.weight": "transformer.wte.weight",
        "stack.position.weight": "transformer.wpe.weight",
        "stack.norm.weight": "transformer.ln_f.weight",
        "stack.norm.bias": "transformer.ln_f.bias",
    }
    for layer in range(layers):
        block, other = f"stack.blocks.{layer}", f"transformer.h.{layer}"
        for name, theirs_name in {
            "mixer.query_key_value": "attn.c_attn",
            "mixer.output": "attn.c_proj",
            "feedforward.input": "mlp.c_fc",
            "feedforward.output": "mlp.c_proj",
            "sublayers.0.norm": "ln_1",
            "sublayers.1.norm": "ln_2",
        }.items():
            for part in ("weight", "bias"):
                places[f"{block}.{name}.{part}"] = f"{other}.{theirs_name}.{part}"
    # GPT-2 keeps its matrices the other way round.
    turned = {place for place in theirs if ".c_" in place and place.endswith("weight")}
    return {name: theirs[place].T if place in turned else theirs[place] for name, place in places.items()}


@pytest.fixture(scope="module")
def gpt2() -> tuple[Model, Any]:
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=32, n_embd=24, n_layer=3, n_head=4, attn_implementation="eager"
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    weights = gpt2_weights(randomise(theirs), layers=3)
    return ours(weights, preset="gpt2", context=32, width=24, layers=3, heads=4), theirs


@torch.no_grad()
def test_gpt2(gpt2: tuple[Model, Any]) -> None:
    model, theirs = gpt2
    assert_same(model(Batch(IDS)), theirs(IDS).logits)


@torch.no_grad()
def test_gpt2_with_left_padding(gpt2: tuple[Model, Any]) -> None:
    model, theirs = gpt2
    positions = (VALID.cumsum(1) - 1).clamp(min=0)
    expected = theirs(IDS, attention_mask=VALID.long(), position_ids=positions).logits
    assert_same(model(Batch(IDS, valid=VALID))[VALID], expected[VALID])


@torch.no_grad()
def test_gpt2_looks_where_transformers_says(gpt2: tuple[Model, Any]) -> None:
    model, theirs = gpt2
    expected = theirs(IDS, output_attentions=True).attentions
    looks = model.attention(Batch(IDS))
    assert len(looks) == len(expected) == 3
    for look, reference in zip(looks, expected, strict=True):
        assert_same(look, reference)


def neighbours(matrix: Tensor, head_width: int) -> Tensor:
    """The rows of each head in our order: rotary positions turn neighbours, Llama's the two halves of a head."""
    return matrix.view(-1, 2, head_width // 2, matrix.shape[1]).transpose(1, 2).reshape(matrix.shape)


def llama_weights(theirs: Mapping[str, Tensor], layers: int, head_width: int = 8) -> dict[str, Tensor]:
    weights = {
        "embedding.weight": theirs["model.embed_tokens.weight"],
        "head.weight": theirs["lm_head.weight"],
        "stack.norm.weight": theirs["model.norm.weight"],
    }
    for layer in range(layers):
        block, other = f"stack.blocks.{layer}", f"model.layers.{layer}"
        stacked = {
            "mixer.query_key_value": [f"self_attn.{name}_proj" for name in "qkv"],
            "mixer.output": ["self_attn.o_proj"],
            "feedforward.input": ["mlp.gate_proj", "mlp.up_proj"],
            "feedforward.output": ["mlp.down_proj"],
            "sublayers.0.norm": ["input_layernorm"],
            "sublayers.1.norm": ["post_attention_layernorm"],
        }
        for name, parts in stacked.items():
            matrices = [theirs[f"{other}.{part}.weight"] for part in parts]
            if name == "mixer.query_key_value":
                matrices[:2] = [neighbours(matrix, head_width) for matrix in matrices[:2]]
            weights[f"{block}.{name}.weight"] = torch.cat(matrices)
    return weights


SMALL_LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
OUR_LLAMA = {"preset": "llama-nano", "width": 32, "layers": 3, "feedforward_width": 40, "tie_embeddings": False}


@pytest.mark.parametrize("theta", [10_000.0, 500_000.0])
@torch.no_grad()
def test_llama(theta: float) -> None:
    config = transformers.LlamaConfig(**SMALL_LLAMA, rope_parameters={"rope_type": "default", "rope_theta": theta})
    theirs = transformers.LlamaForCausalLM(config).eval()
    model = ours(llama_weights(randomise(theirs), layers=3), **OUR_LLAMA, rotary_theta=theta)
    assert_same(model(Batch(IDS)), theirs(IDS).logits)
    padded = theirs(IDS, attention_mask=VALID.long()).logits
    assert_same(model(Batch(IDS, valid=VALID))[VALID], padded[VALID])


@pytest.mark.parametrize("window", [1, 3, 11])
@torch.no_grad()
def test_mistrals_sliding_window(window: int) -> None:
    theirs = transformers.MistralForCausalLM(transformers.MistralConfig(**SMALL_LLAMA, sliding_window=window)).eval()
    model = ours(llama_weights(randomise(theirs), layers=3), **OUR_LLAMA, window=window)
    assert_same(model(Batch(IDS)), theirs(IDS).logits)


def bert_weights(theirs: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    weights = {
        "embedding.weight": theirs["embeddings.word_embeddings.weight"],
        # All tokens are of the first type here, whose vector we add to the positions'.
        "stack.position.weight": theirs["embeddings.position_embeddings.weight"]
        + theirs["embeddings.token_type_embeddings.weight"][0],
        "stack.embedding_norm.weight": theirs["embeddings.LayerNorm.weight"],
        "stack.embedding_norm.bias": theirs["embeddings.LayerNorm.bias"],
    }
    for layer in range(layers):
        block, other = f"stack.blocks.{layer}", f"encoder.layer.{layer}"
        stacked = {
            "mixer.query_key_value": [f"attention.self.{name}" for name in ("query", "key", "value")],
            "mixer.output": ["attention.output.dense"],
            "feedforward.input": ["intermediate.dense"],
            "feedforward.output": ["output.dense"],
            "sublayers.0.norm": ["attention.output.LayerNorm"],
            "sublayers.1.norm": ["output.LayerNorm"],
        }
        for name, parts in stacked.items():
            for kind in ("weight", "bias"):
                weights[f"{block}.{name}.{kind}"] = torch.cat([theirs[f"{other}.{part}.{kind}"] for part in parts])
    return weights


@torch.no_grad()
def test_bert() -> None:
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=32,
    )
    theirs = transformers.BertModel(config, add_pooling_layer=False).eval()
    model = ours(
        bert_weights(randomise(theirs), layers=2),
        form="encoder",
        position="learned",
        context=32,
        width=32,
        layers=2,
        feedforward_width=40,
        norm="layer",
        norm_place="post",
        norm_epsilon=1e-12,
        feedforward="gelu",
        bias=True,
        embedding_norm=True,
    )
    assert_same(model.hidden(Batch(IDS)), theirs(IDS).last_hidden_state)
    valid = VALID.flip(1)
    padded = theirs(IDS, attention_mask=valid.long()).last_hidden_state
    assert_same(model.hidden(Batch(IDS, valid=valid))[valid], padded[valid])


def t5_weights(theirs: Mapping[str, Tensor], layers: int, head_width: int) -> dict[str, Tensor]:
    weights = {"embedding.weight": theirs["shared.weight"]}
    for side, other in (("encoder", "encoder"), ("stack", "decoder")):
        relative = f"{other}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        weights[f"{side}.position.weight"] = theirs[relative]
        weights[f"{side}.norm.weight"] = theirs[f"{other}.final_layer_norm.weight"]
        has_cross = side == "stack"
        for layer in range(layers):
            block, place = f"{side}.blocks.{layer}", f"{other}.block.{layer}.layer"

            def matrix(name: str, place: str = place) -> Tensor:
                weight = theirs[f"{place}.{name}.weight"]
                # T5 does not divide scores by √(head width), so its queries are as much larger in ours.
                return weight * head_width**0.5 if name.endswith("Attention.q") else weight

            weights[f"{block}.mixer.query_key_value.weight"] = torch.cat(
                [matrix(f"0.SelfAttention.{x}") for x in "qkv"]
            )
            weights[f"{block}.mixer.output.weight"] = matrix("0.SelfAttention.o")
            if has_cross:
                weights[f"{block}.cross.query.weight"] = matrix("1.EncDecAttention.q")
                weights[f"{block}.cross.key_value.weight"] = torch.cat([matrix(f"1.EncDecAttention.{x}") for x in "kv"])
                weights[f"{block}.cross.output.weight"] = matrix("1.EncDecAttention.o")
            last = 2 if has_cross else 1
            weights[f"{block}.feedforward.input.weight"] = torch.cat(
                [matrix(f"{last}.DenseReluDense.wi_{number}") for number in (0, 1)]
            )
            weights[f"{block}.feedforward.output.weight"] = matrix(f"{last}.DenseReluDense.wo")
            for number in range(last + 1):
                weights[f"{block}.sublayers.{number}.norm.weight"] = matrix(f"{number}.layer_norm")
    return weights


@torch.no_grad()
def test_t5() -> None:
    config = transformers.T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=6,
        d_ff=40,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=10,
        feed_forward_proj="gated-gelu",
        attn_implementation="eager",
        tie_word_embeddings=False,  # it is tied nevertheless, but its logits are not scaled
    )
    theirs = transformers.T5ForConditionalGeneration(config).eval()
    model = ours(
        t5_weights(randomise(theirs), layers=2, head_width=6),
        form="seq2seq",
        position="relative",
        relative_buckets=8,
        relative_reach=10,
        width=32,
        layers=2,
        head_width=6,
        feedforward="geglu",
        feedforward_width=40,
        norm_epsilon=1e-6,
    )
    source, target = IDS, IDS[:, :7].flip(1)
    expected = theirs(input_ids=source, decoder_input_ids=target)
    assert_same(model(Batch(target, source=source)), expected.logits)
    valid = VALID.flip(1)
    padded = theirs(input_ids=source, attention_mask=valid.long(), decoder_input_ids=target, output_attentions=True)
    batch = Batch(target, source=source, source_valid=valid)
    assert_same(model(batch), padded.logits)
    looks = model.attention(batch)
    assert len(looks) == 2
    for look, reference in zip(looks, padded.cross_attentions, strict=True):
        assert_same(look, reference)
