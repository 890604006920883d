"""`langue index mine`: find texts that a model mistakes for answers, to train on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from langue.cli.inputs import check_out
from langue.cli.options import NO_OPTION, BoundOptions, Device, Json, chosen
from langue.console import say
from langue.search.mine import MineSettings


@Parameter(name="*")
class LineOptions(BoundOptions):
    """The way in which pairs are read, of which none may be left out."""

    max_line_bytes: int = Field(default=1 << 20, ge=1, lt=1 << 31)
    max_dropped: Annotated[float, NO_OPTION] = 0.05


def mine(
    index: str,
    /,
    *,
    data: str,
    out: Path,
    model: Path | None = None,
    anchor: str = "anchor",
    positive: str = "positive",
    settings: Annotated[MineSettings, Parameter(name="*")] = MineSettings(),  # noqa: B008 - it is frozen
    layout: Literal["embed", "classify"] = "embed",
    reading: LineOptions = LineOptions(),  # noqa: B008 - it is frozen
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Look for each pair's first text in an index, and keep what is found and is not its second.

    Texts that any pair has for the same anchor are right, and so are passages out of them; of equal passages one is
    kept.

    Args:
        index: A folder that langue index build made, or a PostgreSQL address.
        data: Pairs: a csv, tsv, jsonl or parquet file, or an hf: name.
        out: The file of JSON lines to write.
        model: Made the index's vectors; where the index says it was by default.
        anchor: The column with the text that asks.
        positive: The column with the text that answers.
        settings: Which passages are kept.
        layout: Rows for a recipe of the task embed, or of the task classify, which learns to judge pairs and can
            rerank.
        reading: How the pairs are read.
        as_json: Print the counts as one JSON object.
    """
    from langue.data import DataSettings, Tally
    from langue.data.labelled import read_labelled, text_of
    from langue.search.index import Index
    from langue.search.mine import mine as find
    from langue.search.mine import write_mined

    check_out(out, data, index)
    columns = {"anchor": anchor, "positive": positive}
    tally = Tally()
    rows = read_labelled(data, DataSettings(train="", columns=columns, **chosen(reading)), tally)
    pairs = [(text_of(row, "anchor"), text_of(row, "positive")) for row in rows]
    counts = write_mined(out, find(Index.open(index, model, device), pairs, settings), layout)
    if as_json:
        print(json.dumps({**counts, "dropped": tally.dropped()}))
    else:
        say(f"{counts['negatives']:,} negatives for {counts['pairs']:,} pairs; {counts['without']:,} pairs have none")
