"""`langue generate`: let a model write."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import check_task, read_lines
from langue.cli.rewriting import token_by_token
from langue.cli.searching import SearchOptions


def generate(
    run: Path,
    prompts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    search: SearchOptions = SearchOptions(),  # noqa: B008 - it is frozen
    stop: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    special: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Let a model go on from prompts; without one it begins a text of its own.

    One text for one prompt is written to the terminal as it comes into being.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer (Hugging Face's too).
    prompts
        Texts to go on from.
    file
        A file with one more prompt on each line.
    search
        How to search.
    stop
        A string that ends a text; may be given several times.
    special
        Let the names of special tokens in a prompt be these tokens, as in an instruct model's own form
        ("<|im_start|>user"); otherwise they are text like any other.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each prompt: prompt, texts, the log-probability of each as scores, and of each its
        tokens with their log-probabilities.
    """
    from langue.tasks import load

    options: dict[str, Any] = {**search.given(), "stop": stop, "special": special}
    asked = [*prompts, *(read_lines(file) if file else [])] or [""]
    task = load(run, device)
    check_task(task, "generate")
    if len(asked) == 1 and search.samples == search.beams == 1 and not search.must and not as_json:
        _stream(task, asked[0], options)
        return
    for prompt, found in zip(asked, task.write(asked, **options), strict=True):
        texts = [task.cut(each.tokens, stop, prompt, special) for each in found]
        if as_json:
            print(json.dumps({"prompt": prompt, "texts": texts, **_more(task, found)}, ensure_ascii=False))
        else:
            for text in texts:
                print(f"{prompt}{text}\n")


def _more(task: Any, found: Sequence[Any]) -> dict[str, Any]:
    each = [token_by_token(task.tokenizer, one) for one in found]
    return {
        "scores": [round(one.score, 4) for one in found],
        "tokens": [one["tokens"] for one in each],
        "log_probabilities": [one["log_probabilities"] for one in each],
    }


def _stream(task: Any, prompt: str, options: dict[str, Any]) -> None:
    """Show the text as it comes; the prompt only once the first piece proves that there is nothing to complain of."""
    shown = False
    for piece in task.stream(prompt, **options):
        sys.stdout.write(piece if shown else prompt + piece)
        sys.stdout.flush()
        shown = True
    print()
