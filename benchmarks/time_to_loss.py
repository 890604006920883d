"""Wall time to the loss at which the nanoGPT recipe for CPUs ends, on Tiny Shakespeare by characters.

`--data` is the text; its first 90 % train, its last 10 % validate. The peer is the recipe in plain PyTorch, timed over
its training steps alone. Langue is the command that a user types, `langue train shakespeare`, timed from
its first step to its last, its own evaluations and log included; both are then judged by the same function over the
whole validation text.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import Options, Result, Skip, langue_train, peer, say
from benchmarks.peers import nanogpt

RECIPE = "shakespeare"
TARGET = 1.886
CONTEXT = 64


def run(options: Options) -> Result:
    """Rounds of both, one after the other, a new seed each."""
    if options.data is None:
        raise Skip("time_to_loss needs the text of Tiny Shakespeare: --data input.txt")
    text = options.data.read_text(encoding="utf-8")
    rounds = options.rounds or (1 if options.quick else 3)
    steps = 200 if options.quick else 2000
    both: dict[str, list[dict[str, float]]] = {"nanoGPT recipe, plain PyTorch": [], "Langue": []}
    for number in range(rounds):
        for name, contestant in zip(both, (_peer, _langue), strict=True):
            found = contestant(options.data, text, seed=number, steps=steps, quick=options.quick)
            say(f"{name}, seed {number}: " + ", ".join(f"{key} {value:.4g}" for key, value in found.items()))
            both[name].append(found)
    return _result(both, rounds)


def _result(both: dict[str, list[dict[str, float]]], rounds: int) -> Result:
    theirs, ours = both.values()
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(theirs, ours, strict=True)]
    rows: list[dict[str, Any]] = []
    for name, found in both.items():
        middle = {key: statistics.median(one[key] for one in found) for key in found[0]}
        rows.append({"contestant": name, **middle, "worst_loss": max(one["loss"] for one in found)})
    rows[0]["times"], rows[1]["times"] = 1.0, statistics.median(ratios)
    columns = {
        "contestant": "training", "steps": "steps", "seconds": "seconds", "loss": "validation loss (nats)",
        "worst_loss": "worst of all seeds", "times": "× as fast", "all_seconds": "seconds from command to prompt",
    }  # fmt: skip
    notes = [
        f"Medians of {rounds} rounds, a new seed each. The loss is over the whole validation text in rows of {CONTEXT} "
        f"characters that overlap by half, each character predicted once; the recipe is known to end at {TARGET}. "
        "“× as fast” is the median of the ratios within the rounds. Losses by seed: "
        + "; ".join(name + "".join(f" {one['loss']:.3f}" for one in found) for name, found in both.items())
        + "."
    ]
    return {"title": "Time to loss", "columns": columns, "rows": rows, "notes": notes}


def _peer(path: Path, text: str, *, seed: int, steps: int, quick: bool) -> dict[str, float]:
    """The recipe in a process of its own."""
    start = time.perf_counter()
    found = peer("benchmarks.peers.nanogpt", {"path": str(path), "context": CONTEXT, "seed": seed, "steps": steps})
    return {**found, "all_seconds": time.perf_counter() - start}


def _langue(path: Path, text: str, *, seed: int, steps: int, quick: bool) -> dict[str, float]:
    """The command, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        changes = {"data.train": path, "training.seed": seed, **({"training.steps": 100} if quick else {})}
        start = time.perf_counter()
        lines = langue_train(RECIPE, changes, out)
        everything = time.perf_counter() - start
        last = max(lines, key=lambda line: line["step"])
        loss = langue_loss(out, text[int(0.9 * len(text)) :])
    return {"steps": last["step"], "seconds": max(x["seconds"] for x in lines), "loss": loss, "all_seconds": everything}


def langue_loss(run_folder: Path, text: str) -> float:
    """The loss of a run's model, by the function that judges the peer."""
    from langue.batch import Batch
    from langue.models import load_model
    from langue.text import Tokenizer

    model = load_model(run_folder / "model").eval()
    tokens = torch.tensor(Tokenizer.load(run_folder).encode(text))
    return nanogpt.whole_loss(lambda inputs: model(Batch(inputs)), tokens, CONTEXT)
