"""DistilBERT (Sanh et al. 2019): BERT with half of its layers, and with neither segments nor a pooler."""

from __future__ import annotations

from langue.hub.families.bert import FIXED, OUTPUT, TRANSFORM, classifiers
from langue.hub.families.gpt2 import ACTIVATIONS
from langue.hub.family import Also, Family, HeadSettings, Key, Named, Same, Unused

_BLOCK, _LAYER = "stack.blocks.{layer}", "distilbert.transformer.layer.{layer}"
_EMBEDDINGS = "distilbert.embeddings"

_DENSE = Key("classifier.dense.linear.{part}", "pre_classifier.{part}")

DISTILBERT = Family(
    model_type="distilbert",
    fixed={**FIXED, "norm_epsilon": 1e-12, "segments": 0},
    settings=(
        Same("vocab_size", "vocab_size", 30522),
        Same("max_position_embeddings", "context", 512),
        Same("dim", "width", 768),
        Same("n_layers", "layers", 6),
        Same("n_heads", "heads", 12),
        Same("hidden_dim", "feedforward_width", 3072),
        Named("activation", "feedforward", ACTIVATIONS, "gelu"),
        Same("tie_word_embeddings", "tie_embeddings", True),
        Same("initializer_range", "initializer_range", 0.02, optional=True),
        Same("dropout", "dropout", 0.1),
        Also("attention_dropout", "dropout"),
        # Sines, where they were not learned, stand in the files like any other weights.
        Unused("sinusoidal_pos_embds", "qa_dropout", "seq_classif_dropout", "tie_weights_"),
    ),
    prefix="distilbert.",
    keys=(
        Key("embedding.table.weight", f"{_EMBEDDINGS}.word_embeddings.weight"),
        Key("stack.position.weight", f"{_EMBEDDINGS}.position_embeddings.weight"),
        Key("stack.embedding_norm.{part}", f"{_EMBEDDINGS}.LayerNorm.{{part}}"),
        Key(
            f"{_BLOCK}.mixer.query_key_value.{{part}}",
            tuple(f"{_LAYER}.attention.{name}_lin.{{part}}" for name in "qkv"),
        ),
        Key(f"{_BLOCK}.mixer.output.{{part}}", f"{_LAYER}.attention.out_lin.{{part}}"),
        Key(f"{_BLOCK}.sublayers.0.norm.{{part}}", f"{_LAYER}.sa_layer_norm.{{part}}"),
        Key(f"{_BLOCK}.feedforward.input.{{part}}", f"{_LAYER}.ffn.lin1.{{part}}"),
        Key(f"{_BLOCK}.feedforward.output.{{part}}", f"{_LAYER}.ffn.lin2.{{part}}"),
        Key(f"{_BLOCK}.sublayers.1.norm.{{part}}", f"{_LAYER}.output_layer_norm.{{part}}"),
    ),
    heads=(
        HeadSettings(
            "DistilBertForMaskedLM",
            (
                Key("head.prepare.0.linear.{part}", "vocab_transform.{part}"),
                Key("head.prepare.1.{part}", "vocab_layer_norm.{part}"),
                Key("head.bias", "vocab_projector.bias"),
                Key("head.table.weight", "vocab_projector.weight"),
            ),
            fields=TRANSFORM,
            words=True,
        ),
        *classifiers("DistilBert", _DENSE, (_DENSE, OUTPUT), dense="relu", trunk_pools=False),
    ),
    aliases={"vocab_projector.weight": f"{_EMBEDDINGS}.word_embeddings.weight"},
    ignored=(r".*embeddings\.position_ids",),
)
