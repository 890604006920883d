"""The tasks of a model without a recipe, from its form and its heads."""

from __future__ import annotations

from langue.hub.checkpoint import PretrainedModel


def purposes(checkpoint: PretrainedModel) -> tuple[str, ...]:
    """The names of the tasks that it can do, the likeliest first; embed for a trunk.

    A classifier for the next sentence does not make a filler a classifier, and BARTs are published to summarise.
    Only an encoder–decoder of texts can do several.
    """
    config, origin = checkpoint.model.config, checkpoint.origin
    if config.embedder is not None:
        return ("embed",)
    judge = config.classifier
    if judge is not None and judge.outputs and "ForPreTraining" not in origin.get("architecture", ""):
        if judge.level == "text":
            return ("classify",)
        return ("answer",) if judge.outputs == 2 and checkpoint.labels is None else ("tag",)
    if config.audio is not None:  # an encoder, or with a decoder a Whisper
        return ("transcribe",)
    if config.form == "decoder":
        return ("generate",)
    if config.form == "seq2seq":
        rewriting = ("translate", "summarize")
        return rewriting[::-1] if origin.get("model_type") == "bart" else rewriting
    return ("fill",) if config.head_bias or config.head_dense != "none" else ("embed",)
