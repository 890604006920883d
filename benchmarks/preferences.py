"""Learning from preferences beside TRL's DPOTrainer: a step, and what a decoder prefers in texts that it has not seen.

`--data` is a text in paragraphs. A decoder is trained on nine of ten of them; a pair is the true continuation of a
paragraph's beginning, and what this decoder writes for it itself (Chen et al. 2024, "Self-play fine-tuning"). Both
trainers go on from it with the same pairs, batches, rate and AdamW, and have worked out the reference beforehand; what
is preferred is measured in paragraphs that neither decoder nor pairs held.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.harness import Options, Result, Skip, langue_train, peer, say, spread
from benchmarks.rewards import export

CONTEXT, PROMPT, TEXT = 128, 32, 40
"""Tokens of the model, of a prompt, and of each text."""

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
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write_policy(folder, options.data, steps)
        for seed in range(rounds):
            for name in NAMES if seed % 2 == 0 else reversed(NAMES):
                seconds = (_langue if name == "Langue" else _trl)(folder, seed, steps)
                times[name].append((seconds[-1] - seconds[WARM_UP - 1]) / (len(seconds) - WARM_UP))
                say(f"{name}, seed {seed}: {times[name][-1]:.3f} s a step")
        before, after = (_likelier(folder, run) for run in ("policy", "chosen-0"))
    return _result(times, before, after)


def _result(times: dict[str, list[float]], before: float, after: float) -> Result:
    rows = [
        {
            "by": name, "step": 1000 * statistics.median(own),
            "against": statistics.median(one / ours for one, ours in zip(own, times["Langue"], strict=True)),
            "spread": 100 * spread(own), "before": 100 * before, "after": 100 * after if name == "Langue" else None,
        }
        for name, own in times.items()
    ]  # fmt: skip
    columns = {
        "by": "by", "step": "ms a step", "against": "Langue is × as fast", "spread": "± %",
        "before": "true text likelier, before (%)", "after": "and after (%)",
    }  # fmt: skip
    notes = [
        f"DPO with β 0.1 of a Llama of 1M parameters, {BATCH} pairs a step, prompts of {PROMPT} tokens and texts of "
        f"{TEXT}; AdamW at {RATE:g}. Means over the steps after the first {WARM_UP}, medians of {len(times['Langue'])} "
        "rounds in turns, a new seed each; the ratio is the median of those within the rounds. Likelier is the share "
        f"of {HELD_OUT} held-out pairs whose true text has the higher likelihood a token, before and after "
        f"{TRAIN // BATCH} steps with seed 0; the other text is the decoder's own at temperature {TEMPERATURE}."
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
    for name, parts in (("train", seen[:TRAIN]), ("held-out", unseen[:HELD_OUT])):
        rows = "".join(json.dumps(row) + "\n" for row in _pairs(folder / "policy", parts))
        (folder / f"{name}.jsonl").write_text(rows, encoding="utf-8")
    recipe = CHOOSER.replace("PAIRS", str(folder / "train.jsonl")).replace("STEPS", str(steps))
    (folder / "chooser.yaml").write_text(recipe, encoding="utf-8")


def _pairs(policy: Path, paragraphs: list[str]) -> list[dict[str, str]]:
    """Beginnings of paragraphs, how they go on, and how the decoder goes on."""
    import langue

    model = langue.load(policy)
    ids = [model.tokenizer.encode(part)[: PROMPT + TEXT] for part in paragraphs]
    prompts = [model.tokenizer.decode(row[:PROMPT]) for row in ids]
    own = model.generate(prompts, max_tokens=TEXT, min_tokens=TEXT, temperature=TEMPERATURE)
    return [
        {"prompt": prompt, "chosen": model.tokenizer.decode(row[PROMPT:]), "rejected": text}
        for prompt, row, text in zip(prompts, ids, own, strict=True)
    ]


def _likelier(folder: Path, run: str) -> float:
    """The share of held-out pairs whose true text has the higher likelihood a token."""
    import torch

    import langue
    from langue.objectives.completions import Completion, completion_batch, text_log_probabilities

    model = langue.load(folder / run)
    with (folder / "held-out.jsonl").open(encoding="utf-8") as file:
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


def _langue(folder: Path, seed: int, steps: int) -> list[float]:
    """The command; its seconds after each step."""
    start = ("--start-from", str(folder / "policy"))
    lines = langue_train(str(folder / "chooser.yaml"), {"training.seed": seed}, folder / f"chosen-{seed}", *start)
    return [line["seconds"] for line in lines if line["split"] == "train"]


def _trl(folder: Path, seed: int, steps: int) -> list[float]:
    return peer("benchmarks.peers.trl", {
        "trainer": "dpo", "folder": str(folder / "published"), "pairs": str(folder / "train.jsonl"), "steps": steps,
        "batch_size": BATCH, "learning_rate": RATE, "beta2": BETA2, "context": CONTEXT, "seed": seed,
    })["seconds"]  # fmt: skip
