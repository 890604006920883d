"""`langue generate`: let a model write."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import Inputs, by_column, json_line, on_command_line, read_inputs, text_in
from langue.cli.options import Adapter, Device, Flag, Json, Weights, chosen, refuse_options
from langue.cli.rewriting import token_details
from langue.cli.searching import SearchOptions
from langue.cli.status import OK


def generate(
    run: Path,
    /,
    *prompts: str,
    file: Path | None = None,
    column: str | None = None,
    search: SearchOptions = SearchOptions(),  # noqa: B008 - it is frozen
    stop: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    special: Flag = False,
    adapter: Adapter = None,
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Let a model go on from prompts; without one it begins a text of its own.

    One text for one prompt is written to the terminal as it comes into being.

    Args:
        run: A run folder, a checkpoint, a model's folder with its tokenizer (Hugging Face's too), a GGUF file,
            hf:OWNER/NAME[/FILE.gguf] or package:NAME.
        prompts: Texts to go on from.
        file: A file with one more prompt on each line, or a table.
        column: Which column of a table holds the prompt; prompt by default, or text where there is no such.
        search: How to search.
        stop: A string that ends a text; may be given several times.
        special: Let the names of special tokens in a prompt be these tokens, as in an instruct model's own form
            ("<|im_start|>user"); otherwise they are text like any other.
        as_json: Print one JSON object for each prompt: prompt, texts, the log-probability of each as scores, and of
            each its tokens with their log-probabilities.
    """
    from langue.tasks import load

    refuse_options({"column": column is not None and file is None}, "rows of a table, and there is no --file")
    options: dict[str, Any] = {"temperature": search.temperature, **chosen(search), "stop": stop, "special": special}
    typed = on_command_line(prompts or (() if file else ("",)), "prompt")
    inputs = Inputs("prompt", [*typed, *read_inputs(file)], by_column)
    inputs.change(lambda value, place: text_in(value, place, column or _usual_column(value)))
    task = load(run, device, task="generate", adapter=adapter, weights=weights)
    inputs.check(lambda prompt, place: task.check_input(prompt, place, special))
    if len(inputs) == 1 and search.samples == search.beams == 1 and not search.must and not as_json:
        _stream(task, inputs.values[0], options)
        return OK
    for prompt, hypotheses, fault in inputs.results(task.write(inputs.sound_values, **options)):
        texts = [task.cut(hypothesis.tokens, stop, prompt, special) for hypothesis in hypotheses or ()]
        if as_json:
            answer = {"error": fault} if hypotheses is None else {"texts": texts, **_details(task, hypotheses)}
            print(json_line({"prompt": prompt, **answer}))
        else:
            print("".join(f"{prompt}{text}\n\n" for text in texts), end="" if texts else "\n")
    return inputs.end()


def _usual_column(value: Any) -> str:
    """The column of a row that holds its prompt, where nobody says which."""
    return "text" if isinstance(value, Mapping) and "prompt" not in value and "text" in value else "prompt"


def _details(task: Any, hypotheses: Sequence[Any]) -> dict[str, Any]:
    details = [token_details(task.tokenizer, hypothesis) for hypothesis in hypotheses]
    columns = {name: [detail[name] for detail in details] for name in ("tokens", "log_probabilities")}
    return {"scores": [round(hypothesis.score, 4) for hypothesis in hypotheses], **columns}


def _stream(task: Any, prompt: str, options: dict[str, Any]) -> None:
    """Show the text as it comes; the prompt only once the first piece proves that there is nothing to complain of."""
    shown = False
    for piece in task.stream(prompt, **options):
        sys.stdout.write(piece if shown else prompt + piece)
        sys.stdout.flush()
        shown = True
    print()
