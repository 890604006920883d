"""Vectors of texts beside sentence-transformers: how fast texts are embedded, and how fast a model is taught to.

`--data` is a folder with `glue/`, `squad/` and `summarize-debian/`, whose sentences and passages are embedded and whose
pairs are learnt from, `--model` a folder of sentence-transformers such as MiniLM's.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.classify import mixed_texts
from benchmarks.harness import (
    Contestant,
    Options,
    Result,
    Skip,
    alternate,
    langue_train,
    peer,
    say,
    speedup,
    spread,
)  # fmt: skip

BATCHES = (8, 32)
"""Texts of one forward pass of sentence-transformers; 32 is what it takes where nothing is said."""

PAIRS, STEPS, RATE = 32, 20, 3e-5
THEIRS = "sentence-transformers"


def run(options: Options) -> Result:
    """One table: embedding, then training."""
    if options.data is None or options.model is None:
        raise Skip("embed needs --data FOLDER (with glue/, squad/, summarize-debian/) and --model FOLDER")
    embedded, difference, note = _embed(options, options.data, options.model)
    taught = _train(options, options.data, options.model)
    columns = {
        "what": "what", "contestant": "by", "value": "a second", "against": "Langue is × as fast", "spread": "± %",
        "mrr": "mrr@10 × 100",
    }  # fmt: skip
    notes = [
        f"{note} No number of any vector differs by more than {difference:.1g}.",
        f"Training: {2 if options.quick else STEPS} steps of {PAIRS} pairs of a short and a long description of a "
        f"package, InfoNCE with a scale of 20, AdamW, dropout of a tenth, linear schedule at {RATE:g}, at most 256 "
        "tokens; pairs a second of the training alone, without reading and evaluation; mrr@10 on 985 other pairs.",
    ]
    return {"title": "Embedding", "columns": columns, "rows": [*embedded, *taught], "notes": notes}


def _embed(options: Options, data: Path, model: Path) -> tuple[list[dict[str, Any]], float, str]:
    with tempfile.TemporaryDirectory() as place:
        texts = Path(place) / "texts.json"
        given = mixed_texts(data, 60 if options.quick else 600)
        texts.write_text(json.dumps(given), encoding="utf-8")
        both = {"folder": str(model), "texts": str(texts)}
        contestants = [Contestant("Langue", "benchmarks.embed:langue_maker", both)]
        for size in BATCHES:
            arguments = {**both, "batch_size": size}
            contestants.append(
                Contestant(f"{THEIRS}, batches of {size}", "benchmarks.peers.embed:step_maker", arguments)
            )
        rounds = options.rounds or (1 if options.quick else 7)
        times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
        ours, theirs = (np.load(texts.with_suffix(f".{name}.npy")) for name in ("langue", "peer"))
    rows = [
        {
            "what": "texts embedded", "contestant": name, "value": len(given) / statistics.median(values),
            "against": speedup(times, "Langue", over=name), "spread": 100 * spread(values),
        }
        for name, values in times.items()
    ]  # fmt: skip
    lengths = sorted(len(text.split()) for text in given)
    note = (
        f"{len(given)} texts of {lengths[0]} to {lengths[-1]} words (median {lengths[len(lengths) // 2]}), tokenised "
        f"and embedded; medians of {rounds} rounds in turns."
    )
    return rows, float(np.abs(ours - theirs).max()), note


def langue_maker(*, folder: str, texts: str) -> Callable[[], object]:
    """All texts once, by `langue.load(…).embed(…)`."""
    import langue

    task = langue.load(folder, device="cpu")
    given = json.loads(Path(texts).read_text(encoding="utf-8"))
    return lambda: np.save(Path(texts).with_suffix(".langue.npy"), task.embed(given))


def _train(options: Options, data: Path, model: Path) -> list[dict[str, Any]]:
    """Rounds of both, one after the other, a new seed each."""
    steps = 2 if options.quick else STEPS
    found: dict[str, list[dict[str, float]]] = {THEIRS: [], "Langue": []}
    for seed in range(options.rounds or (1 if options.quick else 3)):
        given = {
            "model": str(model), "train": str(data / "summarize-debian" / "train.jsonl"),
            "dev": str(data / "summarize-debian" / "dev.jsonl"), "steps": steps, "batch_size": PAIRS,
            "learning_rate": RATE, "seed": seed,
        }  # fmt: skip
        for name, train in zip(found, (_peer, _langue), strict=True):
            one = train(given)
            say(f"{name}, seed {seed}: {one['seconds']:.1f} s, mrr@10 {one['mrr@10']:.4f}")
            found[name].append(one)
    speeds = {name: [steps * PAIRS / one["seconds"] for one in each] for name, each in found.items()}
    return [
        {
            "what": "pairs learnt", "contestant": name, "value": statistics.median(values),
            "against": statistics.median(a / b for a, b in zip(speeds["Langue"], values, strict=True)),
            "spread": 100 * spread(values), "mrr": 100 * statistics.mean(one["mrr@10"] for one in found[name]),
        }
        for name, values in reversed(speeds.items())
    ]  # fmt: skip


def _peer(given: dict[str, Any]) -> dict[str, float]:
    return peer("benchmarks.peers.embed", given)


def _langue(given: dict[str, Any]) -> dict[str, float]:
    """The command, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as place:
        fields = {
            "data.train": given["train"], "data.dev": given["dev"],
            "data.columns": "{anchor: summary, positive: text}", "training.epochs": "null",
            "training.steps": given["steps"], "training.batch_size": given["batch_size"],
            "training.learning_rate": given["learning_rate"], "training.seed": given["seed"], "training.log_every": 1,
            "training.evaluate_every": 1_000_000, "training.checkpoint_every": 1_000_000,
        }  # fmt: skip
        lines = langue_train("embed", fields, Path(place) / "run", "--start-from", given["model"], "--no-report")
    train, dev = ([line for line in lines if line["split"] == split][-1] for split in ("train", "dev"))
    return {"seconds": train["seconds"], "mrr@10": dev["mrr@10"]}
