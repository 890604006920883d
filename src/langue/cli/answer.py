"""`langue answer`: let a model find answers in texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langue.cli.inputs import Input, Inputs, by_columns, json_line, on_command_line, one_line, read_inputs, renaming
from langue.cli.options import Adapter, Columns, Device, Json, ModelFolder, refuse_options
from langue.errors import LangueError


def answer(
    run: ModelFolder,
    /,
    *,
    question: str | None = None,
    context: str | None = None,
    file: Path | None = None,
    columns: Columns = None,
    top: int = 1,
    adapter: Adapter = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Find the answer of a question in a text; nothing is printed where the text holds none.

    Args:
        question: What is asked.
        context: The text that holds the answer.
        file: A table with the columns question and context, or questions in SQuAD's JSON.
        top: How many answers to each question, the best first.
        as_json: Print one JSON object for each question, with the place and score of each answer.
    """
    from langue.tasks import load
    from langue.tasks.folders import trained

    refuse_options({"columns": columns is not None and file is None}, "rows of a table, and there is no --file")
    if (question is None) != (context is None):
        raise LangueError("--question and --context go together")
    typed = on_command_line([] if question is None else [(question, context)], "--question")
    rows = (Input("--question", {"question": query, "context": text}, fault) for _, (query, text), fault in typed)
    inputs = Inputs("question", [*rows, *read_inputs(file)], by_columns)
    inputs.change(renaming(trained(run, adapter), "answer", columns))
    inputs.change(_question_row)
    task = load(run, device, task="answer", adapter=adapter)
    inputs.check(task.check_input)
    for row, spans, fault in inputs.results(task.find(inputs.sound_values)):
        if as_json:
            print(json_line(_object(row, (spans or [])[:top], fault)))
        else:
            print("\n".join(one_line(span.text) for span in (spans or [])[:top]))
    return inputs.end()


def _question_row(values: Mapping[str, Any], place: str) -> Any:
    """A row with a question and a text.

    Raises:
        LangueError: it lacks one.
    """
    from langue.data.labelled import Labelled, missing_columns, text_of

    row, names = Labelled(place, values), ("question", "context")
    if any(values.get(name) is None for name in names):
        raise missing_columns(place, names, values)
    for name in names:
        text_of(row, name)
    return row


def _object(row: Any, spans: Sequence[Any], fault: str) -> dict[str, Any]:
    values = row if isinstance(row, Mapping) else {} if row is None else row.values
    known = {name: values[name] for name in ("id", "question") if name in values}
    if fault:
        return {**known, "error": fault}
    return {**known, "answers": [{"text": span.text, "start": span.start, "score": span.score} for span in spans]}
