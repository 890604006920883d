"""`langue tag`: let a model label the words of texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import check_task, demand, read_inputs


def tag(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Label the words of texts, such as the names in them.

    One text a line, each word with its label after a slash; words that are labelled O stand alone.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    texts
        Texts to label.
    file
        A file with one more text on each line, or a table or CoNLL file whose words are cut already.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each text, with the probability of each label.
    """
    from langue.tasks import load

    given: list[Any] = [*texts, *read_inputs(file)]
    task = load(run, device)
    check_task(task, "tag")
    many = demand(given, "text")
    for found in task.tag(many, scores=True):
        print(json.dumps(_object(found), ensure_ascii=False) if as_json else _line(found))


def _object(found: Any) -> dict[str, Any]:
    words, tags, scores = (list(column) for column in zip(*found, strict=True))
    return {"tokens": words, "tags": tags, "scores": scores}


def _line(found: Any) -> str:
    return " ".join(word if label == "O" else f"{word}/{label}" for word, label, _ in found)
