"""`langue evaluate`: measure a model on text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def evaluate(
    run: Path,
    /,
    *,
    data: str,
    stride: int | None = None,
    documents: Literal["file", "line", "paragraph"] = "file",
    text: str = "text",
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Measure how well a model predicts a text: loss, perplexity, bits per byte and per character.

    Each token is predicted once. A smaller stride lets the model see more before each token, and takes longer.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer (Hugging Face's too).
    data
        A file, glob, folder, hf: name, "embedded", or a prepared token store.
    stride
        Tokens by which the window slides: from 1 to the model's context; half of the context by default.
    documents
        What one document of a text file is.
    text
        The column of a table that holds the text.
    device
        cpu, cuda, …
    as_json
        Print one JSON object.
    """
    from langue.evaluate.run import evaluate as measure

    result = measure(run, data, stride=stride, documents=documents, text=text, device=device)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    print(f"{data}: {result['examples']:,} documents, {result['tokens']:,} tokens, {result['seconds']} s")
    for name, value in result["metrics"].items():
        print(f"  {name.replace('_', ' '):<20} {value:.4f}")
