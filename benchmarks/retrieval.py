"""Searching what one's own texts say: a published model before and after it learnt from them, and one that began anew.

`--data` is a folder with `summarize-debian/train.jsonl` (text, summary) and `search-debian-test/` (BEIR's layout),
`--model` MiniLM's folder. Everything is what a user types: negatives by words, trainings by
the recipes `embed-debian` and `embed-scratch`, and `langue evaluate`, with dense, full-text and hybrid
search in one table.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, Result, Skip, langue_train, say

SECONDS, QUICK = 1200, 30
MINED, MINED_QUICK = 12_000, 500
"""Pairs that negatives are looked for; more than two cores get through in the time."""

METRICS = ("ndcg@10", "mrr@10", "recall@100")


def run(options: Options) -> Result:
    """The untouched model, the one that learnt on, and the ones from nothing."""
    if options.data is None or options.model is None:
        raise Skip("retrieval needs --data FOLDER (summarize-debian, search-debian-test) and --model FOLDER (MiniLM)")
    train, test = options.data / "summarize-debian" / "train.jsonl", options.data / "search-debian-test"
    seconds = QUICK if options.quick else SECONDS
    with tempfile.TemporaryDirectory() as place:
        mined = _mined(train, Path(place), MINED_QUICK if options.quick else MINED)
        columns = {
            "data.train": train,
            "data.columns": "{anchor: summary, positive: text}",
            "training.seconds": seconds,
        }
        gru = {"model.mixer": "gru", "model.position": "none", "model.width": 256}
        trainings = {
            "MiniLM, trained on": ("embed-debian", {"data.train": mined, "training.seconds": seconds}, options.model),
            "Transformer from nothing": ("embed-scratch", columns, None),
            "GRU from nothing": ("embed-scratch", {**columns, **gru}, None),
        }
        rows = _rows("MiniLM", options.model, test, None, None)
        for number, (name, (recipe, fields, start)) in enumerate(trainings.items()):
            out = Path(place) / f"run-{number}"
            more = () if start is None else ("--start-from", str(start))
            lines = langue_train(recipe, fields, out, *more)
            trained = [line for line in lines if line["split"] == "train"][-1]
            rows += _rows(name, out, test, trained["step"], trained["seconds"])
    columns = {
        "model": "model", "system": "search", **{name: name for name in METRICS}, "interval": "95 % of ndcg@10",
        "gain": "against dense", "p": "p", "steps": "steps", "seconds": "seconds",
    }  # fmt: skip
    notes = [
        f"{seconds / 60:g} minutes of training each, one seed, on summarize-debian's training part; searched are the "
        "descriptions of search-debian-test, by their first lines. A description is one vector; hybrid is reciprocal "
        "rank fusion of dense and BM25. “Against dense” is in nDCG@10 with the p of a paired randomization test."
    ]
    return {"title": "Retrieval", "columns": columns, "rows": rows, "notes": notes}


def _mined(train: Path, place: Path, count: int) -> Path:
    """Negatives by words for pairs from all over the training part."""
    lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
    some = place / "some.jsonl"
    some.write_text("".join(lines[:: max(1, len(lines) // count)]), encoding="utf-8")
    _langue("index", "build", train, "--size", 4000, "--kind", "memory", "--out", place / "words")
    columns = ("--anchor", "summary", "--positive", "text")
    found = ("--mode", "text", "--depth", 20, "--out", place / "mined.jsonl")
    _langue("index", "mine", place / "words", "--data", some, *columns, *found)
    return place / "mined.jsonl"


def _rows(name: str, run: Path, test: Path, steps: int | None, seconds: float | None) -> list[dict[str, Any]]:
    rows = []
    for system, found in json.loads(_langue("evaluate", run, "--data", test, "--json"))["systems"].items():
        low, high = found["intervals"]["ndcg@10"]
        beside = found.get("difference", {})
        rows.append({
            "model": name, "system": system, **{metric: found["metrics"][metric] for metric in METRICS},
            "interval": f"{low:.3f} … {high:.3f}", "gain": beside.get("value"), "p": beside.get("p"),
            "steps": steps, "seconds": seconds,
        })  # fmt: skip
        say(f"{name}, {system}: ndcg@10 {found['metrics']['ndcg@10']:.4f}")
    return rows


def _langue(*words: Any) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "langue", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
