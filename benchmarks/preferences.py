"""Learning from preferences beside TRL's DPOTrainer: a step, and what a decoder prefers in texts that it has not seen.

`--data` is a text in paragraphs. A decoder is trained on nine of ten of them; a pair is the true continuation of a
paragraph's beginning, and what this decoder writes for it itself (Chen et al. 2024, "Self-play fine-tuning"). Both
trainers go on from it with the same pairs, batches, rate and AdamW, and have worked out the reference beforehand; what
is preferred is measured in paragraphs that neither decoder nor pairs held.

Lengths are all the same, where nobody has any padding, and drawn from log-normal distributions, as far as the context
has room: those of people's prompts and assistants' answers have long tails, and one long text pads all of its batch.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Options, Result, Skip, langue_train, peer, say, spread
from benchmarks.rewards import export

CONTEXT, PROMPT, TEXT = 128, 32, 40
"""Tokens of the model, and of a prompt and of each text where all are of one length."""

LENGTHS = ("equal", "varied")
SHORTEST, DEVIATION = 4, 0.7
"""Tokens at least, and standard deviation of the logarithm, of lengths that vary; their median is two thirds of the
length that does not."""

LEARNT_STEPS, BATCH, RATE, BETA2 = 300, 16, 2e-4, 0.99
TRAIN, HELD_OUT = 800, 300
"""Pairs."""

TEMPERATURE = 0.7
"""The decoder writes better at it than at 1, so that its texts are less easily told apart."""

WARM_UP = 3
"""Steps that do not count."""

NAMES = ("Langue", "TRL's DPOTrainer")

WRITER = f"""\
task: generate
tokenizer: {{kind: byte-bpe, vocab_size: 1024}}
model: {{preset: llama-nano, context: {CONTEXT}}}
data: {{train: TEXT, dev: 0.01, documents: line}}
training: {{steps: {LEARNT_STEPS}, batch_size: 16, optimizer: muon, learning_rate: 0.01, warmup_steps: 10,
           evaluate_every: 100000, checkpoint_every: 100000, device: cpu}}
samples: {{max_tokens: 0}}
"""

CHOOSER = f"""\
task: prefer
data: {{train: PAIRS}}
prefer: {{loss: dpo}}
training: {{steps: STEPS, batch_size: {BATCH}, optimizer: adamw, learning_rate: {RATE}, weight_decay: 0,
           beta2: {BETA2}, warmup_steps: 0, schedule: constant, log_every: 1, evaluate_every: 100000,
           checkpoint_every: 100000, device: cpu}}
samples: {{max_tokens: 0}}
"""


def run(options: Options) -> Result:
    """Rounds of both, a new seed each."""
    if importlib.util.find_spec("trl") is None:
        raise Skip("preferences needs trl: pip install 'langue[benchmark]'")
    if options.data is None:
        raise Skip("preferences needs --data FILE, a text in paragraphs")
    rounds, steps = options.rounds or (1 if options.quick else 3), 10 if options.quick else TRAIN // BATCH
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write_policy(folder, options.data, steps)
        rows = [row for lengths in LENGTHS for row in _rows(folder, lengths, rounds, steps)]
    return _result(rows, rounds)


def _rows(folder: Path, lengths: str, rounds: int, steps: int) -> list[dict[str, Any]]:
    """Rounds with texts of some lengths, and what came of them."""
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for seed in range(rounds):
        for name in NAMES if seed % 2 == 0 else reversed(NAMES):
            seconds = (_langue if name == "Langue" else _trl)(folder, lengths, seed, steps)
            times[name].append((seconds[-1] - seconds[WARM_UP - 1]) / (len(seconds) - WARM_UP))
            say(f"{name}, {lengths} lengths, seed {seed}: {times[name][-1]:.3f} s a step")
    before, after = (_likelier(folder, lengths, run) for run in ("policy", f"chosen-{lengths}-0"))
    return [
        {
            "lengths": lengths, "by": name, "step": 1000 * statistics.median(own),
            "against": statistics.median(one / ours for one, ours in zip(own, times["Langue"], strict=True)),
            "spread": 100 * spread(own), "before": 100 * before, "after": 100 * after if name == "Langue" else None,
        }
        for name, own in times.items()
    ]  # fmt: skip


def _result(rows: list[dict[str, Any]], rounds: int) -> Result:
    columns = {
        "lengths": "lengths", "by": "by", "step": "ms a step", "against": "Langue is × as fast", "spread": "± %",
        "before": "true text likelier, before (%)", "after": "and after (%)",
    }  # fmt: skip
    notes = [
        f"DPO with β 0.1 of a Llama of 1M parameters, {BATCH} pairs a step; prompts of {PROMPT} tokens and texts of "
        f"{TEXT}, or of log-normal lengths, with medians of {_median(PROMPT)} and {_median(TEXT)} and a deviation of "
        f"{DEVIATION:g}, up to {PROMPT} and {CONTEXT - PROMPT}; AdamW at {RATE:g}. Means over the steps after the "
        f"first {WARM_UP}, medians of {rounds} rounds in turns, a new seed each; the ratio is the median of those in "
        f"each round. Likelier is the share of {HELD_OUT} held-out pairs whose true text has the higher likelihood a "
        f"token, before and after {TRAIN // BATCH} steps with seed 0; the other text is the decoder's own at "
        f"temperature {TEMPERATURE}."
    ]
    return {"title": "Preferences", "columns": columns, "rows": rows, "notes": notes}


def _write_policy(folder: Path, text: Path, steps: int) -> None:
    """The decoder, its folder for Transformers, and the pairs that it writes one text of."""
    paragraphs = [" ".join(part.split()) for part in text.read_text("utf-8").split("\n\n")]
    paragraphs = [part for part in dict.fromkeys(paragraphs) if len(part) > 5 * (PROMPT + TEXT)]
    seen, unseen = [part for n, part in enumerate(paragraphs) if n % 10], paragraphs[::10]
    (folder / "text.txt").write_text("\n".join(seen), encoding="utf-8")
    (folder / "writer.yaml").write_text(WRITER.replace("TEXT", str(folder / "text.txt")), encoding="utf-8")
    langue_train(str(folder / "writer.yaml"), {}, folder / "policy")
    export(folder / "policy", folder / "published")
    for lengths in LENGTHS:
        for name, parts in (("train", seen[:TRAIN]), ("held-out", unseen[:HELD_OUT])):
            rows = "".join(json.dumps(row) + "\n" for row in _pairs(folder / "policy", parts, lengths))
            (folder / f"{name}-{lengths}.jsonl").write_text(rows, encoding="utf-8")
        recipe = CHOOSER.replace("PAIRS", str(folder / f"train-{lengths}.jsonl")).replace("STEPS", str(steps))
        (folder / f"chooser-{lengths}.yaml").write_text(recipe, encoding="utf-8")


def _pairs(policy: Path, paragraphs: list[str], lengths: str) -> list[dict[str, str]]:
    """Beginnings of paragraphs, how they go on, and how the decoder goes on."""
    import langue

    model = langue.load(policy)
    ids = [model.tokenizer.encode(part) for part in paragraphs]
    prompts, chosen, rejected = _lengths(lengths, len(ids))
    begun = [row[:length] for row, length in zip(ids, prompts, strict=True)]
    most = int(max(rejected))
    own = model.write(begun, max_tokens=most, min_tokens=most, temperature=TEMPERATURE)
    texts = [
        (prompt, row[len(prompt) : len(prompt) + length], best.tokens[:other])
        for prompt, row, length, (best,), other in zip(begun, ids, chosen, own, rejected, strict=True)
    ]
    return [dict(zip(("prompt", "chosen", "rejected"), map(model.tokenizer.decode, row), strict=True)) for row in texts]


def _lengths(lengths: str, count: int) -> list[list[int]]:
    """Tokens of so many prompts, chosen and rejected texts."""
    if lengths == "equal":
        return [[PROMPT] * count, [TEXT] * count, [TEXT] * count]
    draws = np.random.default_rng(7)
    drawn = [draws.lognormal(np.log(_median(mean)), DEVIATION, count) for mean in (PROMPT, TEXT, TEXT)]
    bounds = (PROMPT, CONTEXT - PROMPT, CONTEXT - PROMPT)  # which leave room for the token that ends a text
    return [row.round().clip(SHORTEST, bound).astype(int).tolist() for row, bound in zip(drawn, bounds, strict=True)]


def _median(length: int) -> int:
    """The median of lengths that vary, beside one that does not."""
    return round(length * 2 / 3)


def _likelier(folder: Path, lengths: str, run: str) -> float:
    """The share of held-out pairs whose true text has the higher likelihood a token."""
    import torch

    import langue
    from langue.objectives.completions import Completion, completion_batch, text_log_probabilities

    model = langue.load(folder / run)
    with (folder / f"held-out-{lengths}.jsonl").open(encoding="utf-8") as file:
        rows = list(map(json.loads, file))
    means = []
    for name in ("chosen", "rejected"):
        pairs = [(model.tokenizer.prompt(row["prompt"]), model.tokenizer.encode(row[name])) for row in rows]
        with torch.inference_mode():
            logs, counts = text_log_probabilities(
                model.model, completion_batch([Completion.of(*pair) for pair in pairs])
            )
        means.append(logs / counts)
    return float((means[0] > means[1]).float().mean())


def _langue(folder: Path, lengths: str, seed: int, steps: int) -> list[float]:
    """The command; its seconds after each step."""
    start = ("--start-from", str(folder / "policy"))
    recipe, out = folder / f"chooser-{lengths}.yaml", folder / f"chosen-{lengths}-{seed}"
    lines = langue_train(str(recipe), {"training.seed": seed}, out, *start)
    return [line["seconds"] for line in lines if line["split"] == "train"]


def _trl(folder: Path, lengths: str, seed: int, steps: int) -> list[float]:
    return peer("benchmarks.peers.trl", {
        "trainer": "dpo", "folder": str(folder / "published"), "pairs": str(folder / f"train-{lengths}.jsonl"),
        "steps": steps, "batch_size": BATCH, "learning_rate": RATE, "beta2": BETA2, "context": CONTEXT, "seed": seed,
    })["seconds"]  # fmt: skip
