"""The task of a model without a recipe, from its form and its heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langue.models import ModelConfig


def purpose(config: ModelConfig, labels: Sequence[str] | None = None, origin: Mapping[str, Any] | None = None) -> str:
    """The task's name: classify, answer, tag, generate, translate, summarize, transcribe, fill; embed for a trunk.

    Args:
        config: the model's.
        labels: the names of its classifier's outputs.
        origin: `Checkpoint.origin`; a classifier for the next sentence does not make a filler a classifier, and BARTs
            are published to summarise.
    """
    if config.embedder is not None:
        return "embed"
    judge = config.classifier
    if judge is not None and judge.outputs and "ForPreTraining" not in (origin or {}).get("architecture", ""):
        if judge.each == "text":
            return "classify"
        return "answer" if judge.outputs == 2 and labels is None else "tag"
    if config.audio is not None:  # an encoder, or with a decoder a Whisper
        return "transcribe"
    if config.form == "decoder":
        return "generate"
    if config.form == "seq2seq":
        return "summarize" if (origin or {}).get("model_type") == "bart" else "translate"
    return "fill" if config.head_bias or config.head_dense != "none" else "embed"
