"""Translation from new weights: BLEU after the same time of training, beside Transformers' Seq2SeqTrainer.

`--data` is a folder with `train.tsv`, `dev.tsv` and `test.tsv` of the columns source and target. Langue is the command
that a user types, `langue train recipes/translate-en-de.yaml`; the peer is a Marian of the same width, depth and
vocabulary, trained at the Trainer's defaults with the tokenizer that Langue learnt. Both translate the test part by a
beam of 4 and are scored by sacreBLEU.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import HERE, Options, Result, Skip, langue_train, peer, say

RECIPE = HERE.parent / "recipes" / "translate-en-de.yaml"
SECONDS, QUICK = 2700, 30


def run(options: Options) -> Result:
    """Both, one after the other, each with all cores."""
    if options.data is None:
        raise Skip("translation needs --data FOLDER (with train.tsv, dev.tsv and test.tsv)")
    seconds = QUICK if options.quick else SECONDS
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        ours, peer_needs = _langue(options.data, out, seconds)
        say("Langue: " + ", ".join(f"{name} {value:.4g}" for name, value in ours.items()))
        given = {"data": str(options.data), "seconds": seconds, **peer_needs}
        theirs = peer("benchmarks.peers.seq2seq", given)
    say("Seq2SeqTrainer: " + ", ".join(f"{name} {value:.4g}" for name, value in theirs.items()))
    rows = [{"contestant": "Transformers' Seq2SeqTrainer", **theirs}, {"contestant": "Langue", **ours}]
    columns = {
        "contestant": "trained by", "parameters": "parameters", "steps": "steps", "seconds": "seconds",
        "bleu": "test BLEU", "chrf": "test chrF",
    }  # fmt: skip
    notes = [
        f"{seconds / 60:.0f} minutes of training each, one seed; beam of 4; sacreBLEU's defaults. The Trainer is at "
        "its defaults: AdamW at 5e-5 with a linear schedule over as many steps as fit, batches of 8 pairs, dropout 0.1."
    ]
    return {"title": "Translation", "columns": columns, "rows": rows, "notes": notes}


def _langue(data: Path, out: Path, seconds: float) -> tuple[dict[str, float], dict[str, Any]]:
    """What the command reaches, and what a peer of the same size has to know."""
    fields = {
        **{f"data.{split}": str(data / f"{split}.tsv") for split in ("train", "dev", "test")},
        "training.seconds": seconds,
    }
    lines = langue_train(RECIPE, fields, out)
    test = next(line for line in lines if line["split"] == "test")

    from langue.models import read_config
    from langue.models.count import parameters
    from langue.text import Tokenizer

    config, tokenizer = read_config(out / "model"), Tokenizer.load(out)
    found = {"parameters": parameters(config), "steps": test["step"], "bleu": test["bleu"], "chrf": test["chrf"]}
    found["seconds"] = max(line["seconds"] for line in lines if line["split"] == "train")
    names = {role: tokenizer.decode([getattr(tokenizer, role)], skip_special=False) for role in ("end", "pad")}
    shape = {
        "width": config.width, "layers": config.layers, "encoder_layers": config.encoder_config().layers,
        "heads": config.heads, "feedforward": config.resolved_feedforward_width,
    }  # fmt: skip
    return found, {"tokenizer": str(out), "seed": 0, "shape": shape, **names}
