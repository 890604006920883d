"""What a training keeps of its speed beside other programs, by how its threads wait for each other."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from benchmarks.harness import HERE, Options, Result, say

UNSET = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

SETTINGS = {
    "the library's own": {"GOMP_SPINCOUNT": "300000"},
    "Langue's": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
"""What the environment says of threads."""

BESIDE = ("nothing", "one busy core", "a second training")


def run(options: Options) -> Result:
    """All settings in turn beside nothing, beside a process that computes without end, and two of each at once."""
    rounds, seconds = options.rounds or (1 if options.quick else 7), 1.0 if options.quick else 5.0
    times: dict[tuple[str, str], list[float]] = {(name, beside): [] for name in SETTINGS for beside in BESIDE}
    for number in range(rounds):
        for beside in BESIDE:
            names = list(SETTINGS)
            for name in names if number % 2 == 0 else reversed(names):
                times[name, beside].append(_measure(SETTINGS[name], beside, seconds))
        say(f"busy: round {number + 1} of {rounds}")
    columns = {"setting": "threads wait as", **{beside: f"beside {beside}, ms a step" for beside in BESIDE}}
    columns["lost"] = "quiet, against the library's own"
    rows = []
    for name in SETTINGS:
        found = {beside: statistics.median(times[name, beside]) for beside in BESIDE}
        pairs = zip(times[name, "nothing"], times["the library's own", "nothing"], strict=True)
        rows.append({"setting": name, **found, "lost": statistics.median(ours / theirs for ours, theirs in pairs)})
    notes = [
        f"A Transformer of 0.9M parameters, 12 × 64 tokens a step, Muon; medians of {rounds} rounds of {seconds:.0f} s "
        "in processes of their own, in the other order in every other round."
    ]
    return {"title": "Beside other programs", "columns": columns, "rows": rows, "notes": notes}


def _measure(setting: dict[str, str], beside: str, seconds: float) -> float:
    """Milliseconds of one step; of two trainings, the mean of both."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment |= setting
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])] if beside == "one busy core" else []
    try:
        command = [sys.executable, "-m", "benchmarks.busy", str(seconds)]
        trainings = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
            for _ in range(2 if beside == "a second training" else 1)
        ]
        return statistics.mean(float(training.communicate()[0]) for training in trainings)
    finally:
        for process in busy:
            process.kill()


def _step_for(seconds: float) -> float:
    """Milliseconds of one step of this process."""
    import numpy as np

    from langue.data import MicroBatch
    from langue.models import ModelConfig, build
    from langue.objectives import Causal
    from langue.training import Supervised, Trainer, TrainingSettings

    class Batches:
        def __getitem__(self, step: int) -> list[MicroBatch]:
            ids = np.random.default_rng(step).integers(1024, size=(12, 65))
            return [MicroBatch([{"ids": row} for row in ids], step * 12)]

    config = TrainingSettings(device="cpu")
    model = build(ModelConfig(vocab_size=1024, width=128, layers=4, heads=4, context=64), seed=1)
    trainer = Trainer(model, Supervised(Causal(), Batches(), config.seed), config)
    for _ in range(3):
        trainer.step()
    steps, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        trainer.step()
        steps += 1
    return 1000 * (time.perf_counter() - begun) / steps


if __name__ == "__main__":
    print(_step_for(float(sys.argv[1])))
