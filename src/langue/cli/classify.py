"""`langue classify`: let a model judge texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langue.cli.inputs import Inputs, by_columns, json_line, on_command_line, one_line, read_inputs, renaming
from langue.cli.options import Adapter, Columns, Device, Json, ModelFolder, Several, Special, refuse_options
from langue.errors import LangueError


def classify(
    run: ModelFolder,
    /,
    *texts: str,
    second: str | None = None,
    file: Path | None = None,
    columns: Columns = None,
    threshold: Several = (),
    special: Special = False,
    adapter: Adapter = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Say what texts are: a label, labels, a number, or which of several choices goes with each.

    One answer a line, in the order of the texts, with the probability of a label.

    Args:
        texts: Texts to judge.
        second: The second text of a pair, whose first is the one text given.
        file: A file with one more text on each line, or a table with the columns of the training data.
        threshold: The probability from which on a label is an answer, as langue evaluate --precision finds it, such as
            0.63; or of some labels, such as positive=0.64. A text of which none has so much is unsure.
        as_json: Print one JSON object for each text.
    """
    from langue.tasks import load
    from langue.tasks.folders import trained

    refuse_options({"columns": columns is not None and file is None}, "rows of a table, and there is no --file")
    refuse_options({"second": second is not None and not texts}, "a text that stands behind RUN, and there is none")
    least = _threshold(threshold)
    typed = texts if second is None else [(text, second) for text in texts]
    inputs = Inputs("text", [*on_command_line(typed), *read_inputs(file)], by_columns)
    inputs.change(renaming(trained(run, adapter), "classify", columns))
    task = load(run, device, task="classify", adapter=adapter)
    task.thresholds(least)
    inputs.check(lambda text, place: task.check_input(text, place, special))
    judged = task.classify(inputs.sound_values, scores=True, threshold=least, special=special)
    for text, judgement, fault in inputs.results(judged):
        print(json_line(_object(text, judgement, fault)) if as_json else "" if fault else one_line(_line(judgement)))
    return inputs.end()


def _threshold(typed: Sequence[str]) -> float | dict[str, float] | None:
    """The threshold of all labels, or those of some by name.

    Raises:
        LangueError: it is no number, or both are there.
    """
    parts = {name: share for name, _, share in (text.rpartition("=") for text in typed)}
    try:
        shares = {name: float(share) for name, share in parts.items()}
    except ValueError:
        shares = {}
    if typed and (len(shares) < len(typed) or ("" in shares and len(shares) > 1)):
        raise LangueError(
            f"--threshold {' '.join(typed):.60} is neither a probability, such as 0.9, nor one of some labels each, "
            f"such as good=0.9"
        )
    return shares.get("", shares or None)


def _object(text: Any, judgement: Any, fault: str) -> dict[str, Any]:
    source = {"text": text} if isinstance(text, str) else {"input": text}
    if fault:
        return {**source, "error": fault}
    return {**source, **(judgement if isinstance(judgement, Mapping) else {"number": judgement})}


def _line(judgement: Any) -> str:
    if not isinstance(judgement, Mapping):
        return f"{judgement:.4f}"
    if "labels" in judgement:
        return ", ".join(f"{label} {judgement['scores'][label]:.3f}" for label in judgement["labels"]) or "none"
    if judgement["label"] is None:
        return "unsure"
    return f"{judgement['label']} {judgement['scores'][str(judgement['label'])]:.3f}"
