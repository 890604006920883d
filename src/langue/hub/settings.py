"""config.json and a configuration of ours, by a family's table, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langue.console import say
from langue.errors import LangueError, hint
from langue.hub.families import FAMILIES
from langue.hub.family import Family, HeadSettings, Like, Theirs, value_of
from langue.hub.folder import CONFIG
from langue.hub.source import Source
from langue.models import ModelConfig
from langue.models.heads import ClassifierConfig, Level
from langue.models.layers import LayerFields
from langue.settings import parse

LARGEST = 1 << 31
"""No size is larger; a hostile one would take all memory before any tensor is looked at."""

KEPT = (
    *("problem_type", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id"),
    *("forced_eos_token_id", "bad_words_ids", "classifier_pooling"),
)
"""Settings that are of no use to a model and are written back."""

HEAD_FIELDS = ("head_bias", "head_dense", "head_dense_bias", "head_norm")
"""Fields of ours that heads decide and tables do not."""

# What config.json says besides that changes nothing of what a model computes.
_HARMLESS = {
    *KEPT,
    *("model_type", "architectures", "transformers_version", "_name_or_path", "torch_dtype", "dtype", "use_cache"),
    *("id2label", "label2id", "num_labels", "_num_labels", "finetuning_task", "task_specific_params"),
    *("output_past", "output_attentions", "output_hidden_states", "return_dict", "gradient_checkpointing"),
    *("classifier_dropout", "chunk_size_feed_forward", "_attn_implementation", "attn_implementation"),
    *("n_ctx", "reorder_and_upcast_attn", "summary_activation", "summary_first_dropout", "summary_proj_to_labels"),
    *("summary_type", "summary_use_proj", "max_window_layers", "sliding_window", "rope_interleaved", "is_llama_config"),
    *("mask_token_id", "sep_token_id", "cls_token_id", "unk_token_id", "directionality", "pooler_fc_size"),
    *(
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
        "transformers.js_config",
    ),
    *(
        "is_encoder_decoder",
        "num_hidden_layers",
        "is_decoder",
        "forced_eos_token_id",
        "bad_words_ids",
        "classif_dropout",
    ),
    *("encoder_layerdrop", "decoder_layerdrop", "initializer_factor", "dense_act_fn", "is_gated_act"),
    *("apply_spec_augment", "mask_time_prob", "mask_time_length", "mask_time_min_masks", "mask_feature_prob"),
    *("mask_feature_length", "mask_feature_min_masks", "median_filter_width", "use_weighted_layer_sum"),
    *("classifier_proj_size", "begin_suppress_tokens", "suppress_tokens", "forced_decoder_ids"),
    *("pretraining_tp", "add_bias_logits"),  # which once said how to compute the same
    *("model_max_length", "max_length", "do_sample", "embd_pdrop", "attn_pdrop", "tokenizer_class", "vocab_file"),
}


_OTHERWISE = "write it with --format onnx or langue"


def find_heads(source: Source) -> list[HeadSettings]:
    """The heads that config.json's class may mean, or all where it names none.

    Raises:
        LangueError: the class is not known.
    """
    names, family = source.config.get("architectures") or [None], source.family
    name = names[0] if isinstance(names, list) else names
    if name is None:
        return list(family.heads)
    heads = [head for head in family.heads if head.architecture == name]
    if not heads:
        known = list(dict.fromkeys(head.architecture for head in family.heads))
        nearest = hint(str(name), known, "did its author mean")
        raise LangueError(f"{source.file}: the class {name!r} of {family.model_type} is not supported; {nearest}")
    return heads


def read_settings(source: Source, head: HeadSettings) -> ModelConfig:
    """Our configuration.

    Raises:
        LangueError: names the field that is missing, wrong, or asks for what Langue has not.
    """
    fields = source.family.read(source.config)
    items = fields["layers"] if isinstance(fields.get("layers"), list) else []
    sizes = [pair for part in (fields, fields.get("encoder") or {}, *items) for pair in part.items()]
    for name, value in sizes:
        if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) < LARGEST:
            raise LangueError(f"{source.file}: {name} would be {f'{value:,}':.40}, which no model has")
    if not head.words:
        hears_alone = "audio" in fields and fields["form"] == "encoder"  # and so has no embeddings
        fields["tie_embeddings"] = not hears_alone
    for name, value in head.fields.items():
        fields[name] = fields[value.field] if isinstance(value, Like) else value
    if head.classifier is not None:
        outputs = count_labels(source) if head.labelled else head.classifier["outputs"]
        fields["classifier"] = {**_read_classifier(head.classifier, source.config), "outputs": outputs}
    return parse(ModelConfig, fields, f"{source.file}, as Langue understands it")


def _read_classifier(fields: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.read(config) if isinstance(value, Theirs) else value for name, value in fields.items()}


def remark_unknown(source: Source) -> None:
    """Say which fields of config.json nobody knows, unless they say no."""
    known = {name for entry in source.family.settings for name in entry.fields} | _HARMLESS
    fields = [name for name, value in source.config.items() if value not in (None, False, [], {})]
    strange = sorted(name for name in fields if name not in known)
    if strange:
        say(f"{source.file}: {', '.join(strange)} unknown to Langue and left out")


def count_labels(source: Source) -> int:
    """Number of labels that config.json has; Transformers' default is two."""
    labels = read_names(source)
    count = len(labels) if labels is not None else source.config.get("num_labels", 2)
    if type(count) is not int or not 0 < count < LARGEST:
        raise LangueError(f"{source.file} is damaged: num_labels is {count!r}")
    return count


def read_names(source: Source) -> list[str] | None:
    """The labels' names in order, or None where there are none.

    Raises:
        LangueError: they are not numbered from 0 on.
    """
    labels = source.config.get("id2label")
    if not labels:
        return None
    try:
        numbers = sorted(labels, key=int)
        names = [labels[number] for number in numbers]
        if [int(number) for number in numbers] != list(range(len(numbers))):
            raise ValueError
    except (TypeError, ValueError):
        raise LangueError(f"{source.file} is damaged: id2label does not number its labels from 0 on") from None
    return [str(name) for name in names]


def own_head(origin: Mapping[str, Any], level: Level) -> ClassifierConfig | None:
    """The head, without outputs, by which the family that a model was read from judges texts or positions; None where
    it was read from none, or from one without such a class.

    Args:
        origin: `PretrainedModel.origin`.
        level: what is judged.
    """
    family = FAMILIES.get(origin.get("model_type", ""))
    return None if family is None else _judging(family, level, origin)


def _judging(family: Family, level: Level, config: Mapping[str, Any]) -> ClassifierConfig | None:
    """The head of a family's class whose outputs are labels."""
    for head in family.heads:
        if head.labelled and head.classifier is not None and head.classifier.get("level", "text") == level:
            return parse(ClassifierConfig, {**_read_classifier(head.classifier, config), "outputs": 0}, CONFIG)
    return None


def shared_parameters(origin: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a head that judges which a family keeps under the names of others, those of the head that predicts
    tokens: ours by ours. A ModernBERT learns to judge with the dense layer by which it learnt to guess words.

    Args:
        origin: `PretrainedModel.origin`.
    """
    family = FAMILIES.get(origin.get("model_type", ""))
    keys = [] if family is None else [key for head in family.heads for key in head.keys]
    words = {source: key.ours for key in keys if key.ours.startswith("head.") for source in key.sources}
    judging = (key for key in keys if key.ours.startswith("classifier."))
    pairs = [(key.ours, words[key.theirs]) for key in judging if key.theirs in words]
    return {ours.format(part=part): source.format(part=part) for ours, source in pairs for part in ("weight", "bias")}


def refuse_hybrid(config: ModelConfig, who: str) -> None:
    """Refuse a model whose layers differ, for a format that says the same of all.

    Args:
        config: of the model.
        who: the format as the beginning of a sentence, such as "GGUF's Llama family has".

    Raises:
        LangueError: they differ.
    """
    for side in config.sides:
        if not side.are_layers_alike:
            raise LangueError(f"{who} layers that are all alike, not {_kinds(side)}; {_OTHERWISE}")


def _kinds(config: ModelConfig) -> str:
    return config.described_mixers if len(config.mixers) > 1 else f"{config.mixers[0]} of several kinds"


def choose_counterpart(
    config: ModelConfig, labels: Sequence[str] | None, origin: Mapping[str, Any]
) -> tuple[Family, HeadSettings]:
    """The family and the head that a model of ours can be written as: by which reading gives the same configuration.

    Raises:
        LangueError: there is none; names what of the model the nearest family does not have.
    """
    nearest: tuple[list[str], Family] | None = None
    # What was read as one of several families that it would fit is written as that one.
    for family in sorted(FAMILIES.values(), key=lambda family: family.model_type != origin.get("model_type")):
        wrong = _differences(family, config)
        if not wrong:
            return family, choose_head(family, config, labels, origin)
        if nearest is None or len(wrong) < len(nearest[0]):
            nearest = wrong, family
    assert nearest is not None
    wrong, family = nearest
    for side in config.sides:
        if not side.are_layers_alike:
            raise LangueError(f"no family of Hugging Face's has layers of {_kinds(side)} like these; {_OTHERWISE}")
    fields = _listed({name: getattr(config, name) for name in wrong})
    raise LangueError(
        f"a model with {fields} has no counterpart at Hugging Face ({family.model_type} comes nearest); {_OTHERWISE}"
    )


def choose_similar(
    config: ModelConfig, labels: Sequence[str] | None, origin: Mapping[str, Any]
) -> tuple[ModelConfig, Family, HeadSettings]:
    """`choose_counterpart`, of a model like this where there is none: an encoder that tells no segments apart goes as
    one with a segment.

    Raises:
        LangueError: there is none either.
    """
    try:
        return config, *choose_counterpart(config, labels, origin)
    except LangueError as error:
        if config.form != "encoder" or config.segments or config.audio is not None:
            raise
        wrong = error
    config = config.replace(segments=1)
    try:
        return config, *choose_counterpart(config, labels, origin)
    except LangueError:
        raise wrong from None  # about the model itself


def _shown(value: Any) -> Any:
    return {True: "true", False: "false", None: "null"}.get(value, value) if isinstance(value, bool | None) else value


def choose_head(
    family: Family, config: ModelConfig, labels: Sequence[str] | None, origin: Mapping[str, Any]
) -> HeadSettings:
    """The class that a model is written as: its origin's if that still fits, else the likeliest.

    Raises:
        LangueError: no class of the family has such a classifier.
    """
    fitting = [head for head in family.heads if _fits(head, config)]
    if not fitting:
        raise _no_class(family, config)
    named = [head for head in fitting if labels is not None and head.labelled]
    before = [head for head in fitting if head.architecture == origin.get("architecture")]
    return next(iter([*before, *named, *fitting]))


def _no_class(family: Family, config: ModelConfig) -> LangueError:
    """The sentence about heads that no class of a family has; of one that judges, in what it differs from theirs."""
    ours = config.classifier
    fields = {name: getattr(config, name) for name in HEAD_FIELDS} if ours is None else ours.model_dump()
    theirs = None if ours is None else _judging(family, ours.level, {})
    wanted = {} if theirs is None else theirs.model_dump(exclude={"outputs"})
    differing = {name: value for name, value in wanted.items() if value != fields[name]}
    shown = {name: fields[name] for name in differing or fields}
    instead = f", but for {_listed(differing)}; train with that, or" if differing else ";"
    return LangueError(
        f"{family.model_type} has no class at Hugging Face for heads with {_listed(shown)}{instead} {_OTHERWISE}"
    )


def _listed(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_shown(value)}" for name, value in fields.items())


def _fits(head: HeadSettings, config: ModelConfig) -> bool:
    ours, theirs = config.classifier, head.classifier
    if (ours is None) != (theirs is None):
        return False
    if ours is not None and theirs is not None:
        chosen = {
            name: getattr(ours, name)
            for name, value in theirs.items()
            if isinstance(value, Theirs) and getattr(ours, name) in value.names.values()
        }
        if any(isinstance(value, Theirs) and name not in chosen for name, value in theirs.items()):
            return False
        theirs = {**theirs, **chosen}
        wanted = parse(type(ours), {**theirs, "outputs": ours.outputs if head.labelled else theirs["outputs"]}, "head")
        # A vector of the text itself has no outputs to be labelled, and a bias without outputs is none.
        if wanted != ours or (head.labelled and not ours.outputs):
            return False
    if not head.words and theirs is not None:
        return True  # who judges can do without the head that predicts tokens
    plain = {name: ModelConfig.model_fields[name].default for name in HEAD_FIELDS}
    wanted = {**plain, **head.fields} if head.words else {**plain, "tie_embeddings": True}
    return all(
        getattr(config, name) == (getattr(config, value.field) if isinstance(value, Like) else value)
        for name, value in wanted.items()
    )


def write_settings(
    family: Family, head: HeadSettings, config: ModelConfig, labels: Sequence[str] | None, origin: Mapping[str, Any]
) -> dict[str, Any]:
    """config.json, but for what the tokenizer has to say."""
    kept = {name: origin[name] for name in KEPT if name in origin}
    fields = {"architectures": [head.architecture], "model_type": family.model_type, **family.write(config)}
    if head.labelled:
        assert config.classifier is not None
        names = list(labels or [f"LABEL_{number}" for number in range(config.classifier.outputs)])
        fields["id2label"] = {str(number): name for number, name in enumerate(names)}
        fields["label2id"] = {name: number for number, name in enumerate(names)}
    if config.classifier is not None and head.classifier is not None:
        for name, value in head.classifier.items():
            if isinstance(value, Theirs):
                fields |= value.write(getattr(config.classifier, name))
    if not head.words:  # and so nothing is tied, whatever it says
        fields["tie_word_embeddings"] = kept.get("tie_word_embeddings", True)
    return {**kept, **fields}


def _differences(family: Family, config: ModelConfig) -> list[str]:
    """Our fields that a family would read back otherwise than they are."""
    heads = {name: getattr(config, name) for name in (*HEAD_FIELDS, "classifier")}
    try:
        back = ModelConfig(**{**heads, **family.read(family.write(config))})
    except (LangueError, ValueError):
        return [*sorted(family.fixed), "form"]
    ours, theirs = essence(config), essence(back)
    return [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)]


def essence(config: ModelConfig) -> dict[str, Any]:
    """The settings that decide the numbers which a model's trunk computes, with nothing left open."""
    fields = {name: value_of(config, name) for name in type(config).model_fields}
    without = {"dropout", "initializer_range", "zero_output", "classifier", *HEAD_FIELDS}
    without |= {"decoder_start_token_id", "forced_bos_token_id"}  # what begins a text is the trunk's input
    if config.form == "seq2seq":
        fields["encoder"] = essence(config.encoder_config())
    if config.position != "rotary":
        without |= {"rotary_theta", "rotary_scaling"}
    if config.position not in ("relative", "disentangled"):
        without |= {"relative_buckets", "relative_reach"}
    if config.query_key_norm == "none":
        without |= {"query_key_norm_epsilon"}
    if not config.are_layers_alike:
        without |= LayerFields.model_fields.keys()
        fields["layers"] = [config.norm_spec(), *(spec.replace(dropout=0.0) for spec in config.layer_specs)]
    return {name: value for name, value in fields.items() if name not in without}
