"""`langue fill`: let a model guess what stands in gaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from langue.cli.inputs import check_task, demand, read_inputs


def fill(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    top: int = 5,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Guess the tokens that stand in the gaps of texts; a gap is written as the tokenizer's mask, such as <|mask|>.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    texts
        Texts with gaps.
    file
        A file with one more text on each line.
    top
        Guesses for each gap.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each text.
    """
    from langue.tasks import load

    given = [*texts, *read_inputs(file)]
    task = load(run, device)
    check_task(task, "fill")
    many = demand(given, "text")
    for text, gaps in zip(many, task.fill(many, top=top), strict=True):
        if as_json:
            print(json.dumps({"text": text, "gaps": gaps}, ensure_ascii=False))
            continue
        for guesses in gaps:
            print(
                "  ".join(
                    f"{guess['token'].strip() or repr(guess['token'])} {guess['probability']:.3f}" for guess in guesses
                )
            )
