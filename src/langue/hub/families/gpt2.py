"""GPT-2 (Radford et al. 2019)."""

from __future__ import annotations

from langue.hub.family import LABELS, Also, Family, HeadSettings, Key, Named, Only, Same

ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "relu": "relu",
    "relu2": "relu2",
}


def sequence_classifier(name: str) -> HeadSettings:
    """The class of a decoder that judges a text by the vector of its last token."""
    keys = (Key("classifier.output.weight", "score.weight"),)
    return HeadSettings(name, keys, classifier={"outputs": LABELS, "pooling": "last", "bias": False})


_BLOCK, _H = "stack.blocks.{layer}", "transformer.h.{layer}"

GPT2 = Family(
    model_type="gpt2",
    fixed={
        "form": "decoder",
        "mixer": "attention",
        "position": "learned",
        "norm": "layer",
        "norm_place": "pre",
        "bias": True,
    },
    settings=(
        Same("vocab_size", "vocab_size"),
        Same("n_positions", "context", 1024),
        Same("n_embd", "width", 768),
        Same("n_layer", "layers", 12),
        Same("n_head", "heads", 12),
        Same("n_inner", "feedforward_width", None),
        Named("activation_function", "feedforward", ACTIVATIONS, "gelu_new"),
        Same("layer_norm_epsilon", "norm_epsilon", 1e-5),
        Same("tie_word_embeddings", "tie_embeddings", True),
        Same("initializer_range", "initializer_range", 0.02, optional=True),
        Same("resid_pdrop", "dropout", 0.1),
        Also("embd_pdrop", "dropout"),
        Also("attn_pdrop", "dropout"),
        Only("scale_attn_weights", True),
        Only("scale_attn_by_inverse_layer_idx", False),
        Only("add_cross_attention", False),
    ),
    prefix="transformer.",
    keys=(
        Key("embedding.table.weight", "transformer.wte.weight"),
        Key("stack.position.weight", "transformer.wpe.weight"),
        Key(f"{_BLOCK}.sublayers.0.norm.{{part}}", f"{_H}.ln_1.{{part}}"),
        Key(f"{_BLOCK}.mixer.query_key_value.{{part}}", f"{_H}.attn.c_attn.{{part}}", turned=True),
        Key(f"{_BLOCK}.mixer.output.{{part}}", f"{_H}.attn.c_proj.{{part}}", turned=True),
        Key(f"{_BLOCK}.sublayers.1.norm.{{part}}", f"{_H}.ln_2.{{part}}"),
        Key(f"{_BLOCK}.feedforward.input.{{part}}", f"{_H}.mlp.c_fc.{{part}}", turned=True),
        Key(f"{_BLOCK}.feedforward.output.{{part}}", f"{_H}.mlp.c_proj.{{part}}", turned=True),
        Key("stack.norm.{part}", "transformer.ln_f.{part}"),
    ),
    heads=(
        HeadSettings("GPT2LMHeadModel", (Key("head.table.weight", "lm_head.weight"),), words=True),
        sequence_classifier("GPT2ForSequenceClassification"),
        HeadSettings("GPT2Model", bare=True),
    ),
    aliases={"lm_head.weight": "transformer.wte.weight"},
    ignored=(r".*\.attn\.(masked_)?bias",),  # the causal mask
)
