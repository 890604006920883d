"""BERT (Devlin et al. 2019), with and without each of its heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langue.hub.families.gpt2 import ACTIVATIONS
from langue.hub.family import LABELS, Also, Entry, Family, HeadSettings, Key, Like, Named, Only, Same
from langue.models import ModelConfig

FIXED = {
    "form": "encoder",
    "mixer": "attention",
    "position": "learned",
    "norm": "layer",
    "norm_place": "post",
    "bias": True,
    "embedding_norm": True,
}


@dataclass(frozen=True)
class Segments:
    """The number of segments, of which BERT has one at least."""

    fields: tuple[str, ...] = ("type_vocab_size",)

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"segments": config.get("type_vocab_size", 2)}

    def write(self, config: ModelConfig) -> dict[str, Any]:
        return {"type_vocab_size": config.segments} if config.segments else {}


SETTINGS: tuple[Entry, ...] = (
    Same("vocab_size", "vocab_size"),
    Same("hidden_size", "width", 768),
    Same("num_hidden_layers", "layers", 12),
    Same("num_attention_heads", "heads", 12),
    Same("intermediate_size", "feedforward_width", 3072),
    Named("hidden_act", "feedforward", {"gelu": "gelu", **ACTIVATIONS}, "gelu"),
    Same("layer_norm_eps", "norm_epsilon", 1e-12),
    Segments(),
    Same("tie_word_embeddings", "tie_embeddings", True),
    Same("initializer_range", "initializer_range", 0.02, optional=True),
    Same("hidden_dropout_prob", "dropout", 0.1),
    Also("attention_probs_dropout_prob", "dropout"),
    Only("position_embedding_type", "absolute", written=False),
    Only("is_decoder", False),
    Only("add_cross_attention", False),
)

_POOLED = {"pooling": "first", "dense": "tanh"}
"""The pooler: a dense layer on the vector of [CLS]."""

IGNORED = (r".*embeddings\.position_ids", r".*embeddings\.token_type_ids")
SPELLINGS = {".gamma": ".weight", ".beta": ".bias"}


def trunk(prefix: str) -> tuple[Key, ...]:
    """The keys of the trunk, which RoBERTa has under a prefix of its own."""
    block, layer = "stack.blocks.{layer}", f"{prefix}encoder.layer.{{layer}}"
    return (
        Key("embedding.table.weight", f"{prefix}embeddings.word_embeddings.weight"),
        Key("stack.position.weight", f"{prefix}embeddings.position_embeddings.weight"),
        Key("segment.table.weight", f"{prefix}embeddings.token_type_embeddings.weight"),
        Key("stack.embedding_norm.{part}", f"{prefix}embeddings.LayerNorm.{{part}}"),
        Key(
            f"{block}.mixer.query_key_value.{{part}}",
            tuple(f"{layer}.attention.self.{name}.{{part}}" for name in ("query", "key", "value")),
        ),
        Key(f"{block}.mixer.output.{{part}}", f"{layer}.attention.output.dense.{{part}}"),
        Key(f"{block}.sublayers.0.norm.{{part}}", f"{layer}.attention.output.LayerNorm.{{part}}"),
        Key(f"{block}.feedforward.input.{{part}}", f"{layer}.intermediate.dense.{{part}}"),
        Key(f"{block}.feedforward.output.{{part}}", f"{layer}.output.dense.{{part}}"),
        Key(f"{block}.sublayers.1.norm.{{part}}", f"{layer}.output.LayerNorm.{{part}}"),
    )


OUTPUT = Key("classifier.output.{part}", "classifier.{part}")


def classifiers(
    name: str, pooler: Key, classes: tuple[Key, ...], dense: str = "tanh", trunk_pools: bool = True
) -> tuple[HeadSettings, ...]:
    """The classes of a family that judge, and that of the trunk.

    Args:
        name: the family's, as its classes begin.
        pooler: the pooler's key.
        classes: the keys of the class that judges whole texts.
        dense: the activation of the pooler.
        trunk_pools: true if the class of the trunk has the pooler too.
    """
    position, pooled = {"level": "position"}, {"pooling": "first", "dense": dense}
    span = Key("classifier.output.{part}", "qa_outputs.{part}")
    poolers = (HeadSettings(f"{name}Model", (pooler,), classifier={"outputs": 0, **pooled}, bare=True),)
    return (
        HeadSettings(f"{name}ForQuestionAnswering", (span,), classifier={**position, "outputs": 2}),
        HeadSettings(f"{name}ForSequenceClassification", classes, classifier={"outputs": LABELS, **pooled}),
        HeadSettings(f"{name}ForMultipleChoice", (pooler, OUTPUT), classifier={"outputs": 1, **pooled}),
        HeadSettings(f"{name}ForTokenClassification", (OUTPUT,), classifier={**position, "outputs": LABELS}),
        *(poolers if trunk_pools else ()),
        HeadSettings(f"{name}Model", bare=True),
    )


WORDS = (
    Key("head.prepare.0.linear.{part}", "cls.predictions.transform.dense.{part}"),
    Key("head.prepare.1.{part}", "cls.predictions.transform.LayerNorm.{part}"),
    Key("head.bias", "cls.predictions.bias"),
    Key("head.table.weight", "cls.predictions.decoder.weight"),
)
_POOLER = Key("classifier.dense.linear.{part}", "bert.pooler.dense.{part}")
_NEXT = Key("classifier.output.{part}", "cls.seq_relationship.{part}")
TRANSFORM = {"head_dense": Like("feedforward"), "head_norm": True, "head_bias": True}

BERT = Family(
    model_type="bert",
    fixed=FIXED,
    settings=(*SETTINGS, Same("max_position_embeddings", "context", 512)),
    prefix="bert.",
    keys=trunk("bert."),
    heads=(
        HeadSettings(
            "BertForPreTraining",
            (*WORDS, _POOLER, _NEXT),
            classifier={"outputs": 2, **_POOLED},
            fields=TRANSFORM,
            words=True,
        ),
        HeadSettings("BertForMaskedLM", WORDS, fields=TRANSFORM, words=True),
        *classifiers("Bert", _POOLER, (_POOLER, OUTPUT)),
    ),
    aliases={
        "cls.predictions.decoder.bias": "cls.predictions.bias",
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    },
    untied=("cls.predictions.decoder.bias",),
    ignored=IGNORED,
    spellings=SPELLINGS,
)
