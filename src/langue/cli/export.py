"""`langue export`: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from langue.cli.options import Adapter, Weights


def export(
    run: Path,
    folder: Path,
    /,
    *,
    format_: Annotated[str, Parameter(name="--format")] = "hf",
    adapter: Adapter = None,
    weights: Weights = "widen",
) -> None:
    """Write a model in another program's format, read it back, and compare what both compute.

    Args:
        run: A run folder, one of its checkpoints, a model's folder with its tokenizer (Hugging Face's too),
            hf:OWNER/NAME or package:NAME.
        folder: The folder to be made.
        format_: hf: a folder that Transformers' AutoModel and AutoTokenizer load; gguf, or gguf-q8_0 in half of the
            bytes: a file that llama.cpp runs, of models like Llama; onnx: graphs for onnxruntime, of every model but
            encoder–decoders that hear; peft: a run's adapters alone, as PEFT loads them; gguf-adapter: the same as
            llama.cpp does (--lora); langue: any model in a folder without others in it. All others hold whole weights,
            adapters merged.
    """
    from langue.console import say
    from langue.hub import new_folder
    from langue.hub.formats import write_format
    from langue.tasks.folders import read_model

    checkpoint, _ = read_model(run, adapter=adapter, weights=weights)
    with new_folder(folder) as beside:
        write_format(format_, checkpoint, beside)
    say(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    if checkpoint.tokenizer is None:
        say(f"{run} has no tokenizer, so none was written")
