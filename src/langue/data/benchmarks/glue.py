"""GLUE's own files: tab-separated, with a header (but for CoLA), in which quotes are plain characters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from langue.data.benchmarks.benchmark import Record
from langue.data.lines import valid_lines
from langue.data.tables import refuse_repeated
from langue.errors import LangueError

COLA_COLUMNS = ("source", "label", "mark", "sentence")
"""CoLA's train and dev files have no header; `mark` is the linguist's own star."""


def read_tsv(path: Path, headerless: tuple[str, ...] = (), skip_short: bool = False) -> Iterator[Record]:
    """The rows of a file by column name.

    Args:
        path: the file.
        headerless: the columns of a file that begins without a header, which is one without their last name.
        skip_short: leave out rows that lack columns. QQP holds a few that are cut short, and all published readers
            leave them out.

    Raises:
        LangueError: a row has not as many columns as the header, or the file is not UTF-8.
    """
    header: list[str] = []
    for number, line in _lines(path):
        cells = line.split("\t")
        if not header:
            if not headerless or headerless[-1] in cells:
                refuse_repeated(cells, path)
                header = cells
                continue
            header = list(headerless)
        if len(cells) < len(header) and skip_short:
            continue
        if len(cells) != len(header):
            raise LangueError(f"{path}, line {number}: {len(cells)} columns where the file has {len(header)}")
        yield f"{path}, line {number}", dict(zip(header, cells, strict=True))


read_cola = partial(read_tsv, headerless=COLA_COLUMNS)
read_qqp = partial(read_tsv, skip_short=True)


def read_mrpc(path: Path) -> Iterator[Record]:
    """MRPC, whose makers gave out training and test alone, and GLUE the list of the pairs that are dev: `dev_ids.tsv`.

    That list stands for the dev split: the pairs of `msr_paraphrase_train.txt` that it names, which train then lacks.
    """
    ids = path.parent / "dev_ids.tsv"
    whole = path.parent / "msr_paraphrase_train.txt"
    if path not in (ids, whole) or not ids.is_file():
        yield from read_tsv(path)
        return
    if not whole.is_file():
        raise LangueError(f"{ids} lists pairs of msr_paraphrase_train.txt, which is not beside it")
    listed = {tuple(line.split("\t")[:2]) for _, line in _lines(ids)}
    for place, fields in read_tsv(whole):
        if ((fields.get("#1 ID", ""), fields.get("#2 ID", "")) in listed) == (path == ids):
            yield place, fields


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that hold something, with numbers from 1."""
    return ((line.number, line.text) for line in valid_lines(path) if line.text)
