"""`langue import`: other people's checkpoints become a folder that every verb takes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def import_(
    source: str,
    run: Path,
    /,
    *,
    dtype: Literal["float32", "bfloat16", "float16", "kept"] = "float32",
    weights: Literal["widen", "keep"] = "widen",
) -> None:
    """Read a checkpoint of another program's and write it as a folder that every verb takes.

    Nothing in the checkpoint is executed: weights must be safetensors, and Python code that comes along is refused.

    Args:
        source: A Hugging Face folder or a GGUF file, hf:OWNER/NAME[/FILE.gguf] to fetch one, or package:NAME.
        run: The folder to be made.
        dtype: What the weights are written as; kept leaves them as they are.
        weights: What becomes of a GGUF file's packed matrices: widen makes them what dtype says, keep holds them in the
            file's own bits, on disk and in memory (Q4_0, Q4_1, Q8_0, Q4_K, Q6_K).
    """
    from langue.console import say
    from langue.hub import new_folder, save_checkpoint
    from langue.hub.formats import read_source
    from langue.models.count import numbers_of

    with new_folder(run) as beside:
        checkpoint = read_source(source, "packed" if weights == "keep" else dtype)
        save_checkpoint(checkpoint, beside)
    model = checkpoint.model
    kind = str(model.dtype).removeprefix("torch.")
    count = numbers_of(model)
    say(f"{run}: {checkpoint.origin.get('architecture', model.config.form)}, {count:,} parameters in {kind}")
    if checkpoint.tokenizer is None:
        say(f"{source} came without its tokenizer; copy its tokenizer.json to {run}")
