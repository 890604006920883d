"""`langue embed`: vectors of texts, as JSON lines or as one NumPy file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    import numpy as np


def embed(
    run: Path,
    texts: tuple[str, ...] = (),
    /,
    *,
    file: Path | None = None,
    column: str = "text",
    prompt: str | None = None,
    size: int | None = None,
    out: Path | None = None,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Represent texts by vectors, in their order.

    Of a few texts it prints how alike each is to the first; of a file write them with --out, in memory that does not
    grow with the file.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder (Hugging Face's or sentence-transformers' too); models of
        other tasks give the mean of what they make of a text's tokens.
    texts
        Texts to represent.
    file
        A file with one more text on each line, or a table.
    column
        Which column of a table holds the text.
    prompt
        What the texts are for: query, document, or another prompt of the model.
    size
        Take so many of the first numbers of each vector alone.
    out
        A .npy file to be written: an array (texts, size) of float32.
    device
        cpu, cuda, …
    as_json
        Print one JSON object for each text, with its vector.
    """
    from langue.console import say
    from langue.tasks import load

    task = load(run, device, task="embed")
    every = _demanded(chain(texts, _lines(file, column)))
    if out is not None:
        count = write_vectors(task.embed_stream(every, prompt=prompt, size=size), out)
        say(f"{out}: {count:,} vectors of {size or task.size} numbers, by the model {task.fingerprint}")
        return
    many = list(every)
    vectors = task.embed(many, prompt=prompt, size=size)
    if as_json:
        for text, vector in zip(many, vectors, strict=True):
            print(json.dumps({"text": text, "vector": [float(str(number)) for number in vector]}, ensure_ascii=False))
        return
    for text, alike in zip(many, _cosines(vectors), strict=True):
        print(f"{alike:7.4f}  {' '.join(text.split())}")


def _demanded(texts: Iterator[str]) -> Iterator[str]:
    """The same, if there is anything."""
    from langue.cli.inputs import demand

    first = demand(list(islice(texts, 1)), "text")
    return chain(first, texts)


def _lines(file: Path | None, column: str) -> Iterator[str]:
    """Each line of a text file or row of a table, asked for as it is needed."""
    from langue.cli.inputs import TABLES, read_inputs
    from langue.data.labelled import missing_column

    if file is None:
        return
    if file.suffix.lower() in TABLES:
        for number, row in enumerate(read_inputs(file), 1):
            if column not in row:
                raise missing_column(f"{file}, row {number}", column, row)
            yield str(row[column] or "")
        return
    yield from read_inputs(file)


def write_vectors(parts: Iterable[np.ndarray], out: Path) -> int:
    """Write arrays (some, size) float32 as one .npy file beside its place, which it then takes; how many rows."""
    import os

    import numpy as np
    from numpy.lib import format as npy

    from langue.console import progress

    def header(rows: int, width: int) -> None:
        file.seek(0)
        # NumPy leaves room for the first number to grow, so that a second header fits into the place of the first.
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})

    beside, count, width = out.with_name(f".{out.name}.writing"), 0, 0
    try:
        with beside.open("wb") as file, progress("vectors", None, "texts") as advance:
            for part in parts:
                if not count:
                    width = part.shape[1]
                    header(0, width)
                file.write(np.ascontiguousarray(part, "<f4").data)
                count += len(part)
                advance(len(part))
            header(count, width)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, out)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _cosines(vectors: np.ndarray) -> list[float]:
    """How alike each is to the first."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1).clip(1e-12)
    return (vectors @ vectors[0] / lengths / lengths[0]).tolist()
