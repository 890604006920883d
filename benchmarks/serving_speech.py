"""Transcribing by a server: the clips of eight clients at once, beside faster-whisper's one after the other.

`--data` is a table of recordings (audio, text), `--model` a folder with Whisper's `model.bin` in CTranslate2's layout.
Both compute in float32, with the same beams and threads.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clients import first_tokens, seconds_of, under_load
from benchmarks.harness import Contestant, Options, Result, Skip, alternate, say, server
from benchmarks.peers.faster_whisper import BEAMS

CLIENTS = (1, 8)


def run(options: Options) -> Result:
    """Rows by who hears, and how many ask at once."""
    if options.data is None or options.model is None:
        raise Skip("serving_speech needs --data FILE (of recordings) and --model FOLDER (with model.bin)")
    files, seconds = _recordings(options.data, 8 if options.quick else 48)
    rounds = options.rounds or (1 if options.quick else 3)
    rows: list[dict[str, Any]] = []
    with server([sys.executable, "-m", "langue", "serve", f"model={options.model}", "--port"]) as url:
        say("langue serve …")
        for clients in CLIENTS:
            answers = [_ask(url, files, clients) for _ in range(rounds)]
            took = statistics.median(seconds_of(answered) for answered in answers)
            rows.append({"by": "langue serve", "clients": clients, "value": seconds / took, **first_tokens(answers[0])})
    if importlib.util.find_spec("faster_whisper") is None:
        say("without faster-whisper, which is not installed")
    else:
        took = _one_by_one(options.model, files, rounds)
        rows.append({"by": "faster-whisper, one after the other", "clients": None, "value": seconds / took})
    for row in rows:
        row["against"] = rows[-1]["value"] and row["value"] / rows[-1]["value"]
    columns = {
        "by": "by", "clients": "clients", "value": "seconds heard a second", "against": "× the last row",
        "first": "answer p50 (s)", "late": "p99 (s)",
    }  # fmt: skip
    notes = [
        f"{len(files)} recordings of {seconds:.0f} s in all; beam of {BEAMS}, float32; the middle of {rounds} rounds. "
        "The server and its clients share the cores."
    ]
    return {"title": "Transcribing by a server", "columns": columns, "rows": rows, "notes": notes}


def _recordings(table: Path, count: int) -> tuple[list[str], float]:
    """The first files of a table, and how many seconds they last."""
    from langue.data import DataSettings
    from langue.data.labelled import read_labelled
    from langue.data.recordings import recording_of

    recordings = [recording_of(row) for row in list(read_labelled(str(table), DataSettings(train="")))[:count]]
    return [str(recording.audio) for recording in recordings], sum(len(each.read()) for each in recordings) / 16_000


def _ask(url: str, files: list[str], clients: int) -> list[Any]:
    bodies = [[{"model": "model", "file": file} for file in files[client::clients]] for client in range(clients)]
    return under_load(f"{url}/v1/audio/transcriptions", bodies)


def _one_by_one(model: Path, files: list[str], rounds: int) -> float:
    with tempfile.TemporaryDirectory() as place:
        arguments = {"folder": str(model), "files": files, "answers": f"{place}/answers.json"}
        contestant = Contestant("faster-whisper", "benchmarks.peers.faster_whisper:maker", arguments)
        return statistics.median(alternate([contestant], rounds=rounds, seconds=0.0, warm_up=0.0)["faster-whisper"])
