"""The settings of a run that had a say, of all those that its recipe holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Content = Mapping[str, Any]


def effective_settings(recipe: Content, *, sampled: bool) -> dict[str, Any]:
    """A recipe's content without what was not set or was overruled by another setting.

    Args:
        recipe: the content of its file.
        sampled: true if the report shows samples.
    """
    tokenizers = ("tokenizer", "source_tokenizer")
    overruled = {f"{name}.{field}" for name in tokenizers for field in _of_tokenizer(_section(recipe, name))}
    overruled |= {f"training.{field}" for field in _of_training(_section(recipe, "training"))}
    overruled |= {f"model.{field}" for field in _of_model(_section(recipe, "model"))}
    overruled |= set() if sampled else {"samples"}
    return _without(recipe, overruled, "")


def _section(recipe: Content, name: str) -> Content:
    section = recipe.get(name)
    return section if isinstance(section, Mapping) else {}


def _of_tokenizer(settings: Content) -> set[str]:
    """A tokenizer that was there already is what it is."""
    return set(settings) - {"path"} if settings.get("path") is not None else set()


def _of_training(settings: Content) -> set[str]:
    fields: set[str] = set()
    if settings.get("optimizer") == "adamw":
        fields |= {"matrix_learning_rate", "momentum", "muon_iterations"}
    if settings.get("schedule") != "wsd":
        fields |= {"decay_share"}
    if settings.get("schedule") in ("constant", "inverse_sqrt"):
        fields |= {"final_share"}
    if settings.get("warmup_share") is not None:
        fields |= {"warmup_steps"}
    if not settings.get("log_to"):
        fields |= {"log_to"}
    if settings.get("batch_tokens") is not None:
        fields |= {"batch_size"}
    return fields


def _of_model(settings: Content) -> set[str]:
    """The same of a model, unless layers of their own may want what the others have no use for."""
    if not isinstance(settings.get("layers"), int):
        return set()
    position, front = str(settings.get("position")), _section(settings, "audio")
    fields = set() if settings.get("block") == "conformer" else {"convolution"}
    fields |= set() if settings.get("form") == "seq2seq" else {"cross"}
    fields |= set() if settings.get("mixer") == "attention" else {"heads", "query_key_norm", "score_scale"}
    fields |= set() if position == "rotary" else {"rotary_theta"}
    fields |= set() if position in ("relative", "disentangled") else {"relative_buckets", "relative_reach"}
    return fields | ({"audio.bins", "audio.strides"} if front.get("features") == "waveform" else {"audio.waveform"})


def _without(content: Content, overruled: set[str], before: str) -> dict[str, Any]:
    kept = {name: value for name, value in content.items() if value is not None and f"{before}{name}" not in overruled}
    nested = {
        name: _without(value, overruled, f"{before}{name}.") if isinstance(value, Mapping) else value
        for name, value in kept.items()
    }
    return {name: value for name, value in nested.items() if value != {}}  # a section of which nothing was set
