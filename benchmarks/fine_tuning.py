"""Fine-tuning beside Transformers' Trainer: the same checkpoint, data, epochs, batch and learning rate; who is better?

`--data` is a folder with `glue/` and `squad/`, `--model` a Hugging Face folder of a BERT, such as MiniLM's. Both are
timed from their first step to their evaluation's end; reading and tokenising come before, and are told apart.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, Result, Skip, langue_train, peer, say

TASKS: dict[str, dict[str, Any]] = {
    "glue/SST-2": {"folder": "glue/SST-2", "epochs": 1, "batch_size": 32, "learning_rate": 1e-4, "rounds": 3},
}
METRICS = {"glue/SST-2": ("accuracy",), "glue/RTE": ("accuracy",), "squad/1.1": ("exact_match", "f1")}
LENGTH = 512


def run(options: Options) -> Result:
    """A sentence, and good or bad."""
    return race(options, TASKS)


def race(options: Options, tasks: dict[str, dict[str, Any]]) -> Result:
    """Rounds of both, one after the other, a new seed each."""
    if options.data is None or options.model is None:
        raise Skip("fine-tuning needs --data FOLDER (with glue/ and squad/) and --model FOLDER (of a BERT)")
    rows: list[dict[str, Any]] = []
    for task, settings in tasks.items():
        both: dict[str, list[dict[str, float]]] = {"Transformers' Trainer": [], "Langue": []}
        for seed in range(options.rounds or (1 if options.quick else settings["rounds"])):
            given = {
                "task": task, "folder": str(options.data / settings["folder"]), "model": str(options.model),
                "epochs": 0.1 if options.quick else settings["epochs"], "batch_size": settings["batch_size"],
                "learning_rate": settings["learning_rate"], "seed": seed,
            }  # fmt: skip
            for name, train in zip(both, (_peer, _langue), strict=True):
                found = train(given)
                say(f"{task}, {name}, seed {seed}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
                both[name].append(found)
        rows += _rows(task, both)
    columns = {
        "task": "task", "contestant": "trained by", "metric": "metric", "mean": "mean", "deviation": "± over seeds",
        "seeds": "seeds", "seconds": "seconds", "share": "of Transformers' time", "all_seconds": "with reading",
    }  # fmt: skip
    notes = [
        f"From {options.model.parent.name}'s encoder, at most {LENGTH} tokens, AdamW, linear schedule with a "
        "tenth of warm-up, weight decay 0.01, clipping at 1, the same epochs, batch and rate: "
        + "; ".join(f"{t}: {s['epochs']} × {s['batch_size']} at {s['learning_rate']:g}" for t, s in tasks.items())
        + ". Transformers drops out what the checkpoint says, a tenth, and judges by BERT's pooler; Langue's recipes "
        "drop nothing, and it judges by the vector that the folder names, the mean. Seconds are medians over the "
        "seeds, from the first step to the end of one evaluation of the dev part; the share is the median of the "
        "ratios within the rounds."
    ]
    return {"title": "Fine-tuning", "columns": columns, "rows": rows, "notes": notes}


def _rows(task: str, both: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    theirs = next(iter(both.values()))
    rows = []
    for metric, (name, found) in itertools.product(METRICS[task], both.items()):
        values = [one[metric] for one in found]
        rows.append({
            "task": task, "contestant": name, "metric": metric, "mean": 100 * statistics.mean(values),
            "deviation": 100 * statistics.stdev(values) if len(values) > 1 else None, "seeds": len(values),
            "seconds": statistics.median(one["seconds"] for one in found),
            "share": statistics.median(a["seconds"] / b["seconds"] for a, b in zip(found, theirs, strict=True)),
            "all_seconds": statistics.median(one["all_seconds"] for one in found),
        })  # fmt: skip
    return rows


def _peer(given: dict[str, Any]) -> dict[str, float]:
    return peer("benchmarks.peers.fine_tuning", given)


def _langue(given: dict[str, Any]) -> dict[str, float]:
    """The command, in a folder that is thrown away."""
    recipe = "squad" if given["task"].startswith("squad") else "glue"
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        fields = {
            "data.benchmark": given["task"], "data.folder": given["folder"],
            "training.epochs": given["epochs"], "training.batch_size": given["batch_size"],
            "training.learning_rate": given["learning_rate"], "training.seed": given["seed"],
            "training.evaluate_every": 1_000_000, "training.checkpoint_every": 1_000_000,
        }  # fmt: skip
        start = time.perf_counter()
        lines = langue_train(recipe, fields, out, "--start-from", given["model"])
        everything = time.perf_counter() - start
    dev = [line for line in lines if line["split"] == "dev"][-1]
    numbers = {name: value for name, value in dev.items() if isinstance(value, float) and name != "seconds"}
    return {"seconds": dev["seconds"], "all_seconds": everything, **numbers}
