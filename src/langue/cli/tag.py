"""`langue tag`: let a model label the words of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langue.cli.inputs import Inputs, by_columns, json_line, on_command_line, one_line, read_inputs, renaming
from langue.cli.options import Adapter, Columns, Device, Json, ModelFolder, refuse_options


def tag(
    run: ModelFolder,
    /,
    *texts: str,
    file: Path | None = None,
    columns: Columns = None,
    adapter: Adapter = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Label the words of texts, such as the names in them.

    One text a line, each word with its label after a slash; words that are labelled O stand alone.

    Args:
        texts: Texts to label.
        file: A file with one more text on each line, or a table or CoNLL file whose words are cut already.
        as_json: Print one JSON object for each text, with the probability of each label.
    """
    from langue.tasks import load
    from langue.tasks.folders import trained

    refuse_options({"columns": columns is not None and file is None}, "rows of a table, and there is no --file")
    inputs = Inputs("text", [*on_command_line(texts), *read_inputs(file)], by_columns)
    inputs.change(renaming(trained(run, adapter), "tag", columns))
    task = load(run, device, task="tag", adapter=adapter)
    inputs.check(task.check_input)
    for text, labelled, fault in inputs.results(task.tag(inputs.sound_values, scores=True)):
        print(json_line(_object(text, labelled, fault)) if as_json else "" if fault else one_line(_line(labelled)))
    return inputs.end()


def _object(text: Any, labelled: Any, fault: str) -> dict[str, Any]:
    if fault:
        return {"input": text, "error": fault}
    words, tags, scores = (list(column) for column in zip(*labelled, strict=True))
    return {"tokens": words, "tags": tags, "scores": scores}


def _line(labelled: Any) -> str:
    return " ".join(word if label == "O" else f"{word}/{label}" for word, label, _ in labelled)
