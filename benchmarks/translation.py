"""Translation from new weights: BLEU after the same time of training, beside Transformers' Seq2SeqTrainer.

`--data` is a folder with `train.tsv`, `dev.tsv` and `test.tsv` of the columns source and target. Langue is the command
that a user types, `langue train translate-en-de`; the peer is a Marian of the same width, depth and
vocabulary, trained at the Trainer's defaults with the tokenizer that Langue learnt. Both translate the test part by a
beam of 4 and are scored by sacreBLEU. They train at the same time, each on its half of the cores, so that what else
goes on on the machine meets both.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, Result, Skip, langue_train, peer, say

RECIPE = "translate-en-de"
SECONDS, QUICK = 4200, 30
"""A core takes 70 minutes for what two do in 45."""


def run(options: Options) -> Result:
    """Both side by side."""
    if options.data is None:
        raise Skip("translation needs --data FOLDER (with train.tsv, dev.tsv and test.tsv)")
    seconds = QUICK if options.quick else SECONDS
    cores = sorted(os.sched_getaffinity(0))
    half = max(1, len(cores) // 2)
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        data, first = options.data, Path(place) / "first"
        _langue(data, first, 1)  # for the tokenizer, which both learn by
        given = {"data": str(data), "seconds": seconds, **_peer_needs(first)}
        langue = pool.submit(_on, cores[-half:], lambda: _langue(data, Path(place) / "run", seconds))
        trainer = pool.submit(_on, cores[:half], lambda: peer("benchmarks.peers.seq2seq", given))
        found = {"Transformers' Seq2SeqTrainer": trainer.result(), "Langue": langue.result()}
    rows = [{"contestant": name, **each} for name, each in found.items()]
    for name, each in found.items():
        say(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in each.items()))
    columns = {
        "contestant": "trained by", "parameters": "parameters", "steps": "steps", "seconds": "seconds",
        "bleu": "test BLEU", "chrf": "test chrF",
    }  # fmt: skip
    notes = [
        f"{seconds / 60:g} minutes of training on {half} of {len(cores)} cores each, at the same time, one seed; "
        "beam of 4; sacreBLEU's defaults. The Trainer is at its defaults: AdamW at 5e-5 with a linear schedule over as "
        "many steps as fit, batches of 8 pairs, dropout 0.1."
    ]
    return {"title": "Translation", "columns": columns, "rows": rows, "notes": notes}


def _on(cores: list[int], work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Work by processes that begin in this thread, which keep to its cores."""
    os.sched_setaffinity(0, cores)
    return work()


def _langue(data: Path, out: Path, seconds: float) -> dict[str, float]:
    """What the command reaches."""
    fields = {
        **{f"data.{split}": str(data / f"{split}.tsv") for split in ("train", "dev", "test")},
        "training.seconds": seconds,
    }
    lines = langue_train(RECIPE, fields, out)
    test = next(line for line in lines if line["split"] == "test")

    from langue.models import read_config
    from langue.models.count import parameters

    found = {"parameters": parameters(read_config(out / "model")), "steps": test["step"]}
    seconds = max(line["seconds"] for line in lines if line["split"] == "train")
    return {**found, "seconds": seconds, "bleu": test["bleu"], "chrf": test["chrf"]}


def _peer_needs(run: Path) -> dict[str, Any]:
    """What a peer of the same size has to know."""
    from langue.models import read_config
    from langue.text import Tokenizer

    config, tokenizer = read_config(run / "model"), Tokenizer.load(run)
    names = {role: tokenizer.decode([getattr(tokenizer, role)], skip_special=False) for role in ("end", "pad")}
    shape = {
        "width": config.width, "layers": config.layers, "encoder_layers": config.encoder_config().layers,
        "heads": config.heads, "feedforward": config.resolved_feedforward_width,
    }  # fmt: skip
    return {"tokenizer": str(run), "seed": 0, "shape": shape, **names}
