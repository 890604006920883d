"""`langue answer`: let a model find answers in texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from langue.cli.inputs import check_task, demand, read_inputs
from langue.errors import LangueError


def answer(
    run: Path,
    /,
    *,
    question: str | None = None,
    context: str | None = None,
    file: Path | None = None,
    top: int = 1,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Find the answer of a question in a text; nothing is printed where the text holds none.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    question
        What is asked.
    context
        The text that holds the answer.
    file
        A table with the columns question and context, or questions in SQuAD's JSON.
    top
        How many answers to each question, the best first.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each question, with the place and score of each answer.
    """
    from langue.data.labelled import Labelled, text_of
    from langue.tasks import load

    if (question is None) != (context is None):
        raise LangueError("--question and --context go together")
    rows = [] if question is None else [Labelled("--question", {"question": question, "context": context})]
    rows += [Labelled(f"{file}, row {number}", values) for number, values in enumerate(read_inputs(file), 1)]
    for row in demand(rows, "question"):
        text_of(row, "question")
        text_of(row, "context")
    task = load(run, device)
    check_task(task, "answer")
    for row, found in zip(rows, task.find(rows), strict=True):
        if as_json:
            answers = [{"text": each.text, "start": each.start, "score": each.score} for each in found[:top]]
            known = {"id": row.values["id"]} if "id" in row.values else {}
            print(json.dumps({**known, "question": row.values["question"], "answers": answers}, ensure_ascii=False))
        else:
            print("\n".join(each.text for each in found[:top]))
