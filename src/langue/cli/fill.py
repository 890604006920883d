"""`langue fill`: let a model guess what stands in gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langue.cli.inputs import Inputs, by_column, json_line, on_command_line, one_line, read_inputs, text_in
from langue.cli.options import Adapter, Device, Json, ModelFolder, Special, refuse_options


def fill(
    run: ModelFolder,
    /,
    *texts: str,
    file: Path | None = None,
    column: str = "text",
    top: int = 5,
    special: Special = False,
    adapter: Adapter = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Guess the tokens that stand in the gaps of texts; a gap is written as the tokenizer's mask, such as <|mask|>.

    Args:
        texts: Texts with gaps.
        file: A file with one more text on each line, or a table.
        column: Which column of a table holds the text.
        top: Guesses for each gap.
        as_json: Print one JSON object for each text.
    """
    from langue.tasks import load

    refuse_options({"column": column != "text" and file is None}, "rows of a table, and there is no --file")
    inputs = Inputs("text", [*on_command_line(texts), *read_inputs(file)], by_column)
    inputs.change(lambda value, place: text_in(value, place, column))
    task = load(run, device, task="fill", adapter=adapter)
    inputs.check(lambda text, place: task.check_input(text, place, special))
    for text, gaps, fault in inputs.results(task.fill(inputs.sound_values, top=top, special=special)):
        if as_json:
            print(json_line({"text": text, "error": fault} if fault else {"text": text, "gaps": gaps}))
        else:
            print("\n".join(map(_line, gaps or [])))
    return inputs.end()


def _line(guesses: Sequence[Mapping[str, Any]]) -> str:
    """The guesses for one gap."""
    return "  ".join(
        f"{one_line(guess['token'].strip()) or repr(guess['token'])} {guess['probability']:.3f}" for guess in guesses
    )
