"""`langue embed`: vectors of texts, as JSON lines or as one NumPy file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langue.cli.inputs import (
    Faults,
    Input,
    Inputs,
    by_column,
    check_out,
    json_line,
    on_command_line,
    read_inputs,
    text_in,
)
from langue.cli.options import Adapter, Device, Json, Special, Weights, refuse_options
from langue.errors import LangueError

if TYPE_CHECKING:
    import numpy as np


def embed(
    run: Path,
    /,
    *texts: str,
    file: Path | None = None,
    column: str = "text",
    prompt: str | None = None,
    size: int | None = None,
    out: Path | None = None,
    special: Special = False,
    adapter: Adapter = None,
    weights: Weights = "widen",
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Represent texts by vectors, in their order.

    Of a few texts it prints how alike each is to the first; of a file write them with --out, in memory that does not
    grow with the file.

    Args:
        run: A run folder, a checkpoint, a model's folder (Hugging Face's or sentence-transformers' too),
            hf:OWNER/NAME or package:NAME; models of other tasks give the mean of what they make of a text's tokens.
        texts: Texts to represent.
        file: A file with one more text on each line, or a table.
        column: Which column of a table holds the text.
        prompt: What the texts are for: query, document, or another prompt of the model.
        size: Take so many of the first numbers of each vector alone.
        out: A .npy file to be written: an array (texts, size) of float32, with NaN in the row of a text that cannot be
            read.
        as_json: Print one JSON object for each text, with its vector.
    """
    from langue.console import say
    from langue.tasks import load

    refuse_options({"json": as_json and out is not None}, "vectors that are printed, and --out writes them")
    refuse_options({"column": column != "text" and file is None}, "rows of a table, and there is no --file")
    task = load(run, device, task="embed", adapter=adapter, weights=weights)
    how: dict[str, Any] = {"prompt": prompt, "size": size, "special": special}
    rows = chain(on_command_line(texts), read_inputs(file))
    check_out(out, file)
    if out is not None:
        faults = Faults("text", by_column)
        parts = task.embed_stream(_readable(rows, column, faults), **how)
        count = write_vectors(_without(parts, faults), out)
        say(f"{out}: {count:,} vectors of {size or task.size} numbers, by the model {task.fingerprint}")
        return faults.status(count)
    inputs = Inputs("text", rows, by_column).change(lambda value, place: _text(value, place, column))
    vectors = task.embed(inputs.sound_values, **how)
    for text, made, fault in inputs.results(zip(vectors, _cosines(vectors), strict=True)):
        if as_json:
            numbers = {"error": fault} if made is None else {"vector": [float(str(number)) for number in made[0]]}
            print(json_line({"text": text, **numbers}))
        else:
            print("" if made is None else f"{made[1]:7.4f}  {' '.join(text.split())}")
    return inputs.end()


def _readable(inputs: Iterable[Input], column: str, faults: Faults) -> Iterator[str]:
    """Each text, asked for as it is needed; an empty one in the place of each that has failed.

    Raises:
        LangueError: there are none.
    """
    count = 0
    for number, (place, value, fault) in enumerate(inputs):
        count, text = number + 1, ""
        with faults.noted(number, place):
            if fault:
                raise LangueError(fault)
            text = _text(value, place, column)
        yield text
    if not count:
        raise LangueError("there is no text; give one, or a file of them with --file")


def _text(value: Any, place: str, column: str) -> str:
    """A text that there is something of.

    Raises:
        LangueError: the row has no such column, or no text in it.
    """
    text = text_in(value, place, column)
    if not isinstance(value, str) and not text.strip():
        raise LangueError(f"{place}: {column} is empty")
    return text


def _without(vectors: Iterable[np.ndarray], faults: Faults) -> Iterator[np.ndarray]:
    """The vectors of texts, with NaN for those that have failed, since each row of an array belongs to a text.

    Raises:
        LangueError: all have.
    """
    import numpy as np

    done = 0
    for part in vectors:
        failed = [number - done for number in faults.reasons if done <= number < done + len(part)]
        part[failed] = np.nan
        done += len(part)
        yield part
    faults.refuse_all(done)


def write_vectors(parts: Iterable[np.ndarray], out: Path) -> int:
    """Write arrays (some, size) float32 as one .npy file beside its place, which it then takes; how many rows."""
    import numpy as np
    from numpy.lib import format as npy

    from langue.console import progress
    from langue.files import replacing

    def header(rows: int, width: int) -> None:
        file.seek(0)
        # NumPy leaves room for the first number to grow, so that a second header fits into the place of the first.
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})

    count, width = 0, 0
    with replacing(out) as place, place.open("wb") as file, progress("vectors", None, "texts") as advance:
        for part in parts:
            if not count:
                width = part.shape[1]
                header(0, width)
            file.write(np.ascontiguousarray(part, "<f4").data)
            count += len(part)
            advance(len(part))
        header(count, width)
    return count


def _cosines(vectors: np.ndarray) -> list[float]:
    """The cosine of each with the first."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1).clip(1e-12)
    return (vectors @ vectors[0] / lengths / lengths[0]).tolist()
