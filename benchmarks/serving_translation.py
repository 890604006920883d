"""Translating by a server: sentences a second of one client and of 64, of which each sends one sentence at a time.

`--data` is a folder with `train.tsv` and `test.tsv`, whose sources are translated; `--model` a run that translates.
Without one, a small one is trained for two minutes, so that texts end as they do in use.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from benchmarks.beam import trained
from benchmarks.clients import first_tokens, seconds_of, under_load
from benchmarks.harness import Options, Result, Skip, say, server

CLIENTS = (1, 64)
BEAMS = 4
EACH = {1: 48, 64: 4}
"""Requests of each client, by how many there are."""


def run(options: Options) -> Result:
    """Rows by the number of clients, greedily and by beam."""
    if options.data is None:
        raise Skip("serving_translation needs --data FOLDER (with train.tsv and test.tsv of translated sentences)")
    with (options.data / "test.tsv").open(encoding="utf-8", newline="") as file:
        texts = [row["source"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    rounds = options.rounds or (1 if options.quick else 3)
    with tempfile.TemporaryDirectory() as place:
        folder = options.model or trained(options.data, Path(place) / "run", seconds=20 if options.quick else 120)
        say("langue serve …")
        with server([sys.executable, "-m", "langue", "serve", f"model={folder}", "--port"]) as url:
            times = {
                (beams, clients): [_seconds(url, texts, beams, clients) for _ in range(rounds)]
                for beams in (1, BEAMS)
                for clients in CLIENTS
            }
    return _result(times, rounds)


def _seconds(url: str, texts: list[str], beams: int, clients: int) -> dict[str, float]:
    each = EACH[clients]
    bodies = [
        [
            {"model": "model", "input": texts[(client * each + turn) % len(texts)], "beams": beams}
            for turn in range(each)
        ]
        for client in range(clients)
    ]
    answers = under_load(f"{url}/v1/translate", bodies)
    return {"rate": len(answers) / seconds_of(answers), **first_tokens(answers)}


def _result(times: dict[tuple[int, int], list[dict[str, float]]], rounds: int) -> Result:
    middle = {key: sorted(values, key=lambda value: value["rate"])[len(values) // 2] for key, values in times.items()}
    rows = [
        {
            "search": "greedy" if beams == 1 else f"beam of {beams}", "clients": clients, "value": values["rate"],
            "against": values["rate"] / middle[beams, 1]["rate"], "first": values["first"], "late": values["late"],
        }
        for (beams, clients), values in middle.items()
    ]  # fmt: skip
    columns = {
        "search": "search", "clients": "clients", "value": "sentences a second", "against": "× one at a time",
        "first": "answer p50 (s)", "late": "p99 (s)",
    }  # fmt: skip
    notes = [
        f"The server and its clients share the cores; each client sends its next sentence when it has its answer, "
        f"{EACH[1]} of one client and {EACH[64]} of each of 64; the middle of {rounds} rounds."
    ]
    return {"title": "Translating by a server", "columns": columns, "rows": rows, "notes": notes}
