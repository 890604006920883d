"""`langue classify`: let a model judge texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import check_task, demand, read_inputs


def classify(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    second: str | None = None,
    file: Path | None = None,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Say what texts are: a label, labels, a number, or which of several choices goes with each.

    One answer a line, in the order of the texts, with the probability of a label.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    texts
        Texts to judge.
    second
        The second text of a pair, whose first is the one text given.
    file
        A file with one more text on each line, or a table with the columns of the training data.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each text.
    """
    from langue.tasks import load

    given: list[Any] = [*(texts if second is None else [(text, second) for text in texts]), *read_inputs(file)]
    task = load(run, device)
    check_task(task, "classify")
    many = demand(given, "text")
    for text, found in zip(many, task.classify(many, scores=True), strict=True):
        print(json.dumps(_object(text, found), ensure_ascii=False) if as_json else _line(found))


def _object(text: Any, found: Any) -> dict[str, Any]:
    asked = {"text": text} if isinstance(text, str) else {"input": text}
    return {**asked, **(found if isinstance(found, Mapping) else {"number": found})}


def _line(found: Any) -> str:
    if not isinstance(found, Mapping):
        return f"{found:.4f}"
    if "labels" in found:
        return ", ".join(f"{label} {found['scores'][label]:.3f}" for label in found["labels"]) or "none"
    return f"{found['label']} {found['scores'][str(found['label'])]:.3f}"
