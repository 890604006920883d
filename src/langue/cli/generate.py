"""`langue generate`: let a model write."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.errors import LangueError


def generate(
    run: Path,
    prompts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    max_tokens: int = 200,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    samples: int = 1,
    beams: int = 1,
    length_penalty: float = 1.0,
    stop: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    seed: int = 0,
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
    max_tokens
        New tokens at most.
    temperature
        Below 1 plays safe, above 1 dares; 0 takes the likeliest token.
    top_k
        Choose among so many likeliest tokens.
    top_p
        Choose among the fewest tokens that hold this share of probability.
    min_p
        Choose among tokens at least this share as likely as the likeliest.
    repetition_penalty
        Above 1, makes what stands in the text already less likely.
    samples
        Texts for each prompt.
    beams
        Follow so many hypotheses at once and take the best.
    length_penalty
        Of beams: above 1 favours long texts.
    stop
        A string that ends a text; may be given several times.
    seed
        The same seed gives the same text.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each prompt: {"prompt": …, "texts": […]}.
    """
    from langue.tasks import load

    options: dict[str, Any] = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "samples": samples,
        "beams": beams,
        "length_penalty": length_penalty,
        "seed": seed,
        "stop": stop,
    }
    asked = [*prompts, *_lines(file)] or [""]
    task = load(run, device)
    if len(asked) == 1 and samples == beams == 1 and not as_json:
        _stream(task, asked[0], options)
        return
    found = task.generate(asked, **options)
    for prompt, texts in zip(asked, found, strict=True):
        texts = [texts] if isinstance(texts, str) else texts
        if as_json:
            print(json.dumps({"prompt": prompt, "texts": texts}, ensure_ascii=False))
        else:
            for text in texts:
                print(f"{prompt}{text}\n")


def _stream(task: Any, prompt: str, options: dict[str, Any]) -> None:
    """Show the text as it comes; the prompt only once the first piece proves that there is nothing to complain of."""
    shown = False
    for piece in task.stream(prompt, **options):
        sys.stdout.write(piece if shown else prompt + piece)
        sys.stdout.flush()
        shown = True
    print()


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise LangueError(f"{file} is not a text file: {error.reason} at byte {error.start}") from None
