"""ModernBERT (Warner et al. 2024): layers that see everything alternate with layers of a window, each with rotary
positions of its own, and feedforward layers have gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.gemma import (
    FULL,
    SLIDING,
    layer_types,
    read_rotaries,
    rotary_of,
    window_of,
    write_layer_types,
)
from langue.hub.family import (
    LABELS,
    Also,
    Family,
    HeadSettings,
    Key,
    Named,
    Off,
    Only,
    Same,
    Theirs,
    Unused,
    refusal,
)
from langue.models import ModelConfig

_EVERY = "global_attn_every_n_layers"
_LOCAL, _GLOBAL = ("local_rope_theta", 10_000.0), ("global_rope_theta", 160_000.0)


@dataclass(frozen=True)
class ModernLayers:
    """Layers of two kinds, the first of which reads embeddings that are normed already."""

    fields: tuple[str, ...] = (
        *("num_hidden_layers", "layer_types", _EVERY, "local_attention"),
        *(_LOCAL[0], _GLOBAL[0], "rope_parameters"),
    )

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        every, window = config.get(_EVERY, 3), config.get("local_attention", 128)
        for name, value in ((_EVERY, every), ("local_attention", window)):
            if type(value) is not int or value < 1:
                raise refusal(name, value, "it is a positive number")
        kinds = layer_types(config, [True, *[False] * (min(every, 4096) - 1)])
        rotaries = read_rotaries(config, _LOCAL, _GLOBAL)
        # Half of the window on each side, and the position itself.
        windows = {FULL: None, SLIDING: window // 2 + 1}
        items = [{"window": windows[kind], **rotaries[kind]} for kind in kinds]
        return {"layers": [{**items[0], "mixer_norm": False}, *items[1:]]}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        fields = {**write_layer_types(config), "local_attention": 2 * (window_of(config, 65) - 1)}
        for kind, (name, _) in ((SLIDING, _LOCAL), (FULL, _GLOBAL)):
            rotary = rotary_of(config, kind)
            if rotary is not None:
                fields[name] = rotary.theta
        return fields


_BLOCK, _LAYER = "stack.blocks.{layer}", "model.layers.{layer}"

_CLASSES = (
    Key("classifier.dense.linear.weight", "head.dense.weight"),
    Key("classifier.norm.weight", "head.norm.weight"),
    Key("classifier.output.{part}", "classifier.{part}"),
)
_PREPARED = {"dense": "gelu", "dense_bias": False, "norm": True}
_TEXT = {
    **_PREPARED,
    "pooling": Theirs("classifier_pooling", {"cls": "first", "mean": "mean"}, "cls"),
}
_POSITION = {**_PREPARED, "level": "position"}

MODERNBERT = Family(
    model_type="modernbert",
    fixed={
        "form": "encoder",
        "mixer": "attention",
        "position": "rotary",
        "norm": "layer",
        "norm_place": "pre",
        "bias": False,
        "embedding_norm": True,
        "segments": 0,
    },
    settings=(
        Same("vocab_size", "vocab_size", 50368),
        Same("max_position_embeddings", "context", 8192),
        Same("hidden_size", "width", 768),
        ModernLayers(),
        Same("num_attention_heads", "heads", 12),
        Same("intermediate_size", "feedforward_width", 1152),
        Named("hidden_activation", "feedforward", {"gelu": "geglu_exact", "gelu_pytorch_tanh": "geglu"}, "gelu"),
        Same("norm_eps", "norm_epsilon", 1e-5),
        Same("tie_word_embeddings", "tie_embeddings", True),
        Same("initializer_range", "initializer_range", 0.02, optional=True),
        Same("mlp_dropout", "dropout", 0.0),
        Also("embedding_dropout", "dropout"),
        Also("attention_dropout", "dropout"),
        Off("attention_bias"),
        Off("mlp_bias"),
        Off("norm_bias"),
        Off("classifier_bias"),
        Off("rope_scaling"),
        Only("decoder_bias", True, written=False),
        Only("classifier_activation", "gelu", written=False),
        Unused(
            *("classifier_pooling", "deterministic_flash_attn", "reference_compile", "repad_logits_with_grad"),
            *("sparse_prediction", "sparse_pred_ignore_index", "initializer_cutoff_factor", "layer_norm_eps"),
            "position_embedding_type",
        ),
    ),
    prefix="model.",
    keys=(
        Key("embedding.table.weight", "model.embeddings.tok_embeddings.weight"),
        Key("stack.embedding_norm.weight", "model.embeddings.norm.weight"),
        Key(f"{_BLOCK}.sublayers.0.norm.weight", f"{_LAYER}.attn_norm.weight"),
        Key(f"{_BLOCK}.mixer.query_key_value.weight", f"{_LAYER}.attn.Wqkv.weight", rotary=2, whole="blocks"),
        Key(f"{_BLOCK}.mixer.output.weight", f"{_LAYER}.attn.Wo.weight"),
        Key(f"{_BLOCK}.sublayers.1.norm.weight", f"{_LAYER}.mlp_norm.weight"),
        Key(f"{_BLOCK}.feedforward.input.weight", f"{_LAYER}.mlp.Wi.weight"),
        Key(f"{_BLOCK}.feedforward.output.weight", f"{_LAYER}.mlp.Wo.weight"),
        Key("stack.norm.weight", "model.final_norm.weight"),
    ),
    heads=(
        HeadSettings(
            "ModernBertForMaskedLM",
            (
                Key("head.prepare.0.linear.weight", "head.dense.weight"),
                Key("head.prepare.1.weight", "head.norm.weight"),
                Key("head.bias", "decoder.bias"),
                Key("head.table.weight", "decoder.weight"),
            ),
            fields={"head_dense": "gelu", "head_dense_bias": False, "head_norm": True, "head_bias": True},
            words=True,
        ),
        HeadSettings("ModernBertForQuestionAnswering", _CLASSES, classifier={**_POSITION, "outputs": 2}),
        HeadSettings("ModernBertForSequenceClassification", _CLASSES, classifier={**_TEXT, "outputs": LABELS}),
        HeadSettings("ModernBertForMultipleChoice", _CLASSES, classifier={**_TEXT, "outputs": 1}),
        HeadSettings("ModernBertForTokenClassification", _CLASSES, classifier={**_POSITION, "outputs": LABELS}),
        HeadSettings("ModernBertModel", bare=True),
    ),
    aliases={"decoder.weight": "model.embeddings.tok_embeddings.weight"},
)
