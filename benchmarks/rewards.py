"""Learning from rewards beside TRL's GRPOTrainer: texts drawn a second, and the time to a reward of 0.9.

A decoder is trained once on sums of small numbers, half of them wrong, and exported to Transformers. Both
trainers go on from it by GRPO with the same groups, batches, temperature, rate and AdamW, without a hold to the start,
in new questions of the same task of reasoning-gym, judged by it.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, Result, Skip, langue_train, peer, say, spread

TASK = "basic_arithmetic"
QUESTIONS = {
    "min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1, "operators": ["+"], "allow_parentheses": False,
    "allow_negation": False,
}  # fmt: skip
LINES = 6000
LEARNT_STEPS = 200
"""Steps of plain training, after which about half of the answers that it draws are right."""

GROUP, BATCH, TOKENS, RATE, BETA2 = 8, 256, 8, 3e-4, 0.99
STEPS = 120
GOAL, WINDOW = 0.9, 5
"""The reward to be reached, as the mean of so many steps."""

WARM_UP = 3
"""Steps that do not count for the speed."""

NAMES = {"Langue": "langue", "TRL's GRPOTrainer": "trl"}

WRITER = f"""\
task: generate
tokenizer: {{kind: byte-bpe, vocab_size: 320}}
model: {{preset: llama-nano, layers: 4, width: 192, heads: 6, key_heads: 6, feedforward_width: 512, context: 64}}
data: {{train: LINES, dev: 0.02, documents: line}}
training: {{steps: {LEARNT_STEPS}, batch_size: 12, optimizer: muon, learning_rate: 0.01, warmup_steps: 10,
           evaluate_every: 100000, checkpoint_every: 100000, device: cpu}}
samples: {{max_tokens: 0}}
"""

PLAYER = f"""\
task: play
play: {{environment: {{name: "reasoning-gym:{TASK}", settings: {json.dumps(QUESTIONS)}}}, algorithm: grpo,
       group: {GROUP}, max_tokens: {TOKENS}, episodes: 0}}
training: {{batch_size: {BATCH}, optimizer: adamw, learning_rate: {RATE}, weight_decay: 0, beta2: {BETA2},
           warmup_steps: 0, schedule: constant, log_every: 1, evaluate_every: 100000, checkpoint_every: 100000,
           device: cpu}}
samples: {{max_tokens: 0}}
"""


def run(options: Options) -> Result:
    """Rounds of both, a new seed each."""
    for package in ("trl", "reasoning_gym"):
        if importlib.util.find_spec(package) is None:
            raise Skip(f"rewards needs {package}: pip install 'langue[benchmark]'")
    rounds, steps = options.rounds or (1 if options.quick else 3), 12 if options.quick else STEPS
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write_policy(folder)
        for seed in range(rounds):
            for name in list(NAMES) if seed % 2 == 0 else reversed(NAMES):
                one = _measured(_langue(folder, seed, steps) if NAMES[name] == "langue" else _trl(folder, seed, steps))
                say(f"{name}, seed {seed}: {one}")
                found[name].append(one)
    return _result(found)


def _result(found: dict[str, list[dict[str, Any]]]) -> Result:
    columns = {
        "by": "by", "speed": "texts/s", "against": "Langue is × as fast", "drawing": "texts/s, but for learning",
        "steps": f"steps to a reward of {GOAL}", "seconds": "seconds to it", "sooner": "Langue is × as soon",
        "first": "reward at first", "spread": "± % of texts/s",
    }  # fmt: skip
    notes = [
        f"A Llama of 1.8M parameters, {TASK}: sums of two numbers up to 10; {BATCH // GROUP} questions a step, {GROUP} "
        f"texts each of at most {TOKENS} tokens, at temperature 1; AdamW at {RATE:g} without a schedule, β₂ {BETA2}, "
        f"clipping at 1. Medians of {len(found['Langue'])} rounds in turns, a new seed each; “×” are medians of the "
        f"ratios within the rounds. Speed is over the steps after the first {WARM_UP}, of drawing, judging and "
        f"learning, and of the first two; a reward is reached when the mean of {WINDOW} steps is."
    ]
    return {"title": "Rewards", "columns": columns, "rows": [_row(name, found) for name in found], "notes": notes}


def _row(name: str, found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    own, langue = found[name], found["Langue"]
    pairs = [pair for pair in zip(own, langue, strict=True) if all(one["seconds"] for one in pair)]
    return {
        "by": name,
        "speed": _median(own, "speed"),
        "against": statistics.median(ours["speed"] / one["speed"] for one, ours in zip(own, langue, strict=True)),
        "drawing": _median(own, "drawing"),
        "steps": _median(own, "steps"),
        "seconds": _median(own, "seconds"),
        "sooner": statistics.median(one["seconds"] / ours["seconds"] for one, ours in pairs) if pairs else None,
        "first": _median(own, "first"),
        "spread": 100 * spread([one["speed"] for one in own]),
    }


def _median(runs: Sequence[dict[str, Any]], name: str) -> float | None:
    """The median over runs, None where one has not come so far."""
    values = [one[name] for one in runs]
    return None if None in values else statistics.median(values)


def _measured(run: dict[str, list[float]]) -> dict[str, Any]:
    """Numbers of one run, from seconds since its beginning, rewards and seconds of drawing of each step."""
    seconds, rewards = run["seconds"], run["rewards"]
    count = len(seconds) - WARM_UP
    means = [statistics.mean(rewards[end - WINDOW : end]) for end in range(WINDOW, len(rewards) + 1)]
    reached = next((place + WINDOW for place, mean in enumerate(means) if mean >= GOAL), None)
    return {
        "speed": BATCH * count / (seconds[-1] - seconds[WARM_UP - 1]),
        "drawing": BATCH * count / sum(run["drawing"][WARM_UP : len(seconds)]),
        "steps": reached,
        "seconds": None if reached is None else seconds[reached - 1],
        "first": means[0],
    }


def _write_policy(folder: Path) -> None:
    """The run that both go on from, its folder for Transformers, and both recipes."""
    import reasoning_gym

    rows = list(reasoning_gym.create_dataset(TASK, seed=7, size=LINES, **QUESTIONS))
    answers = [rows[n - n % 2]["answer"] for n in range(LINES)]
    lines = "".join(f"{row['question']}{answer}\n" for row, answer in zip(rows, answers, strict=True))
    (folder / "lines.txt").write_text(lines, encoding="utf-8")
    (folder / "writer.yaml").write_text(WRITER.replace("LINES", str(folder / "lines.txt")), encoding="utf-8")
    (folder / "player.yaml").write_text(PLAYER, encoding="utf-8")
    langue_train(str(folder / "writer.yaml"), {}, folder / "policy")
    export(folder / "policy", folder / "published")


def export(run: Path, folder: Path) -> None:
    """`langue export`, for Transformers."""
    command = [sys.executable, "-m", "langue", "export", str(run), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _langue(folder: Path, seed: int, steps: int) -> dict[str, list[float]]:
    """The command; drawing is the share of time that its log says it waited."""
    out, changes = folder / f"play-{seed}", {"training.steps": steps, "training.seed": seed}
    start = ("--start-from", str(folder / "policy"))
    lines = [
        line for line in langue_train(str(folder / "player.yaml"), changes, out, *start) if line["split"] == "train"
    ]
    seconds = [line["seconds"] for line in lines]
    lasted = [end - begin for begin, end in zip([0.0, *seconds[:-1]], seconds, strict=True)]
    drawing = [line["waited"] * length for line, length in zip(lines, lasted, strict=True)]
    return {"seconds": seconds, "rewards": [line["reward"] for line in lines], "drawing": drawing}


def _trl(folder: Path, seed: int, steps: int) -> dict[str, list[float]]:
    return peer("benchmarks.peers.trl", {
        "trainer": "grpo", "folder": str(folder / "published"), "task": TASK, "settings": QUESTIONS, "steps": steps,
        "batch_size": BATCH, "group": GROUP, "max_tokens": TOKENS, "temperature": 1.0, "learning_rate": RATE,
        "beta2": BETA2, "seed": seed, "goal": GOAL, "window": WINDOW,
    })  # fmt: skip
