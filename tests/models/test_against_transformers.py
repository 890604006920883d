"""Whole models against Transformers: GPT-2, Llama, Mistral, BERT, T5, BART and Marian with the same random weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from langue.batch import Batch
from langue.models import Model, ModelConfig, build
from langue.objectives import Seq2SeqObjective

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
        "embedding.table.weight": "transformer.wte.weight",
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
        "embedding.table.weight": theirs["model.embed_tokens.weight"],
        "head.table.weight": theirs["lm_head.weight"],
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
        "embedding.table.weight": theirs["embeddings.word_embeddings.weight"],
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


def t5_weights(theirs: Mapping[str, Tensor], layers: int, gated: bool, tied: bool) -> dict[str, Tensor]:
    weights = {"embedding.table.weight": theirs["shared.weight"]}
    if not tied:
        weights["head.table.weight"] = theirs["lm_head.weight"]
    for side, other in (("encoder", "encoder"), ("stack", "decoder")):
        relative = f"{other}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        weights[f"{side}.attention_positions.0.weight"] = theirs[relative]
        weights[f"{side}.norm.weight"] = theirs[f"{other}.final_layer_norm.weight"]
        has_cross = side == "stack"
        last = 2 if has_cross else 1
        stacked = {
            "mixer.query_key_value": [f"0.SelfAttention.{x}" for x in "qkv"],
            "mixer.output": ["0.SelfAttention.o"],
            "feedforward.input": [f"{last}.DenseReluDense.{name}" for name in (("wi_0", "wi_1") if gated else ("wi",))],
            "feedforward.output": [f"{last}.DenseReluDense.wo"],
        }
        if has_cross:
            stacked["cross.query"] = ["1.EncDecAttention.q"]
            stacked["cross.key_value"] = [f"1.EncDecAttention.{x}" for x in "kv"]
            stacked["cross.output"] = ["1.EncDecAttention.o"]
        stacked |= {f"sublayers.{number}.norm": [f"{number}.layer_norm"] for number in range(last + 1)}
        for layer in range(layers):
            place = f"{other}.block.{layer}.layer"
            for name, parts in stacked.items():
                matrices = [theirs[f"{place}.{part}.weight"] for part in parts]
                weights[f"{side}.blocks.{layer}.{name}.weight"] = torch.cat(matrices)
    return weights


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@torch.no_grad()
def test_t5(version: str) -> None:
    first = version == "1.0"
    config = transformers.T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=6,
        d_ff=40,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=10,
        feed_forward_proj="relu" if first else "gated-gelu",
        attn_implementation="eager",
        tie_word_embeddings=first,
    )
    theirs = transformers.T5ForConditionalGeneration(config).eval()
    if not first:  # this Transformers ties what it makes itself, while T5 1.1 was published with a head of its own
        theirs.lm_head.weight = torch.nn.Parameter(torch.empty(VOCABULARY, 32))
    model = ours(
        t5_weights(randomise(theirs), layers=2, gated=not first, tied=first),
        form="seq2seq",
        position="relative",
        relative_buckets=8,
        relative_reach=10,
        width=32,
        layers=2,
        head_width=6,
        feedforward="relu" if first else "geglu",
        feedforward_width=40,
        norm_epsilon=1e-6,
        score_scale=False,
        head_scale=first,
        tie_embeddings=first,
    )
    source, target = IDS, IDS[:, :7].flip(1)
    expected = theirs(input_ids=source, decoder_input_ids=target)
    assert_same(model(Batch(target, source=source)) * (8 if first else 1), expected.logits * (8 if first else 1))
    valid = VALID.flip(1)
    labels = target.roll(-1, 1)
    padded = theirs(
        input_ids=source, attention_mask=valid.long(), decoder_input_ids=target, labels=labels, output_attentions=True
    )
    batch = Batch(target, labels, source=source, source_valid=valid)
    assert (model(batch) - padded.logits).abs().max() < 1e-5
    loss = Seq2SeqObjective().loss(model, batch)
    assert float(loss.total / loss.count - padded.loss) == pytest.approx(0, abs=1e-5)
    looks = model.attention(batch)
    assert len(looks) == 2
    for look, reference in zip(looks, padded.cross_attentions, strict=True):
        assert_same(look, reference)


def bart_weights(theirs: Mapping[str, Tensor], layers: int, learned: bool, bias: Tensor) -> dict[str, Tensor]:
    """Of BART, and of Marian, whose sides have no norm after their embeddings and no positions to learn."""
    weights = {"embedding.table.weight": theirs["model.shared.weight"], "head.bias": bias[0]}
    for side, other in (("encoder", "model.encoder"), ("stack", "model.decoder")):
        if learned:
            weights[f"{side}.position.weight"] = theirs[f"{other}.embed_positions.weight"]
            for part in ("weight", "bias"):
                weights[f"{side}.embedding_norm.{part}"] = theirs[f"{other}.layernorm_embedding.{part}"]
        stacked = {
            "mixer.query_key_value": [f"self_attn.{x}_proj" for x in "qkv"],
            "mixer.output": ["self_attn.out_proj"],
            "feedforward.input": ["fc1"],
            "feedforward.output": ["fc2"],
            "sublayers.0.norm": ["self_attn_layer_norm"],
            "sublayers.1.norm": ["final_layer_norm"],
        }
        if side == "stack":
            stacked |= {
                "cross.query": ["encoder_attn.q_proj"],
                "cross.key_value": [f"encoder_attn.{x}_proj" for x in "kv"],
                "cross.output": ["encoder_attn.out_proj"],
                "sublayers.1.norm": ["encoder_attn_layer_norm"],
                "sublayers.2.norm": ["final_layer_norm"],
            }
        for layer in range(layers):
            for name, parts in stacked.items():
                for kind in ("weight", "bias"):
                    found = [theirs[f"{other}.layers.{layer}.{part}.{kind}"] for part in parts]
                    weights[f"{side}.blocks.{layer}.{name}.{kind}"] = torch.cat(found)
    return weights


@pytest.mark.parametrize(
    ("family", "activation", "ours_is"),
    [
        ("Bart", "gelu", "gelu"),
        ("Bart", "relu", "relu"),
        ("Marian", "swish", "silu"),
        ("Marian", "gelu", "gelu"),
    ],
)
@torch.no_grad()
def test_bart_and_marian(family: str, activation: str, ours_is: str) -> None:
    sizes = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in SIDES.items()}
    learned = family == "Bart"
    config = getattr(transformers, f"{family}Config")(
        vocab_size=VOCABULARY,
        d_model=32,
        activation_function=activation,
        scale_embedding=True,
        max_position_embeddings=32,
        pad_token_id=0,
        attn_implementation="eager",
        **(
            {"forced_eos_token_id": None}
            if learned
            else {"decoder_start_token_id": 0, "decoder_vocab_size": VOCABULARY}
        ),
        **sizes,
    )
    name = "BartForConditionalGeneration" if learned else "MarianMTModel"
    theirs = getattr(transformers, name)(config).eval()
    weights = randomise(theirs)
    if not learned:
        for side in (theirs.model.encoder, theirs.model.decoder):
            side.embed_positions.weight.copy_(side.embed_positions.create_weight())
    theirs.final_logits_bias.copy_(torch.linspace(-1, 1, VOCABULARY)[None])
    model = ours(
        bart_weights(weights, 2, learned, theirs.final_logits_bias),
        form="seq2seq",
        position="learned" if learned else "sinusoidal",
        position_offset=2 if learned else 0,
        context=32,
        width=32,
        layers=2,
        heads=4,
        feedforward=ours_is,
        feedforward_width=40,
        norm="layer",
        norm_place="post",
        bias=True,
        embedding_norm=learned,
        embedding_scale=True,
        head_bias=True,
    )
    source, target, valid = IDS, IDS[:, :7].flip(1), VALID.flip(1)
    labels = target.roll(-1, 1)
    found = theirs(input_ids=source, attention_mask=valid.long(), decoder_input_ids=target, labels=labels)
    batch = Batch(target, labels, source=source, source_valid=valid)
    assert_same(model(batch), found.logits)
    loss = Seq2SeqObjective().loss(model, batch)
    assert float(loss.total / loss.count - found.loss) == pytest.approx(0, abs=1e-5)


SIDES = {"layers": 2, "attention_heads": 4, "ffn_dim": 40}
