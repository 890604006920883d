"""Fine-tuning by adapters beside PEFT's: a step, its peak of memory, and the loss at the end.

`--model` is a GGUF file of SmolLM2 (or another model of Llama's family), `--data` a text. Each contestant is a process
of its own and goes through the same rows from the same weights: 8 rows of 128 tokens, rank 16 on attention and
feedforward, AdamW. Whole fine-tuning by Langue stands beside it, and adapters over a base of few bits.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.decode import write_folder
from benchmarks.harness import Options, Result, Skip, peer, say, spread

ROWS, LENGTH = 8, 128
WARM_UP = 2
"""Steps that do not count."""

CONTESTANTS = {
    "Langue, LoRA": {"by": "langue", "kind": "lora", "base": "fp32"},
    "PEFT, LoRA": {"by": "peft", "kind": "lora"},
    "Langue, LoRA over nf4, recomputed": {"by": "langue", "kind": "lora", "base": "nf4", "recompute": True},
    "Langue, the whole model": {"by": "langue", "kind": None},
}


def run(options: Options) -> Result:
    """Rounds of all, one after the other."""
    if importlib.util.find_spec("peft") is None:
        raise Skip("adapters needs peft: pip install 'langue[benchmark]'")
    if options.model is None or options.model.suffix != ".gguf" or options.data is None:
        raise Skip("adapters needs --model FILE.gguf of a decoder, and --data FILE, a text")
    rounds, steps = options.rounds or (1 if options.quick else 3), 4 if options.quick else 12
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory() as place:
        write_folder(options.model, place)
        ids = _rows(Path(place), options.data, steps)
        for number in range(rounds):
            for name in CONTESTANTS if number % 2 == 0 else reversed(CONTESTANTS):
                given = {"folder": place, "rows": ids, "steps": steps, **CONTESTANTS[name]}
                runs[name].append(peer("benchmarks.peers.adapters", given))
                say(f"{name}: {_step(runs[name][-1]):.2f} s a step, peak {runs[name][-1]['peak'] / 2**20:,.0f} MB")
    return _result(runs, options.model.name, steps)


def _rows(folder: Path, text: Path, steps: int) -> list[list[int]]:
    """Rows of a text, one token longer than a step reads."""
    from langue.hub import read_published

    tokenizer = read_published(folder).tokenizer
    assert tokenizer is not None
    count = steps * ROWS
    ids = tokenizer.encode(text.read_text("utf-8")[: 8 * count * (LENGTH + 1)])
    return [ids[start : start + LENGTH + 1] for start in range(0, count * (LENGTH + 1), LENGTH + 1)]


def _step(found: dict[str, Any]) -> float:
    return statistics.median(found["seconds"][WARM_UP:])


def _result(runs: dict[str, list[dict[str, Any]]], model: str, steps: int) -> Result:
    first = [_step(found) for found in runs["Langue, LoRA"]]
    rows = [
        {
            "by": name, "step": statistics.median(map(_step, own)),
            "against": statistics.median(_step(one) / ours for one, ours in zip(own, first, strict=True)),
            "spread": 100 * spread(list(map(_step, own))),
            "peak": statistics.median(found["peak"] for found in own) / 2**20,
            "loss": own[0]["losses"][-1],
        }
        for name, own in runs.items()
    ]  # fmt: skip
    columns = {
        "by": "by", "step": "s a step", "against": "Langue, LoRA is × as fast", "spread": "± %", "peak": "peak (MB)",
        "loss": "loss of the last step",
    }  # fmt: skip
    notes = [
        f"{model} in single precision, {ROWS} rows of {LENGTH} tokens, rank 16 and alpha 32 on attention and "
        f"feedforward, AdamW at 2e-4 ({2e-5} for the whole model), {steps} steps, the first {WARM_UP} left out; "
        f"medians of {len(first)} rounds in turns. The peak is the process's, loading included."
    ]
    return {"title": "Adapters", "columns": columns, "rows": rows, "notes": notes}
