"""Distillation beside a Transformers' Trainer with a teacher in its loss, and an LSTM that a Transformer teaches.

`--data` is a folder with `glue/SST-2/` and `shakespeare/input.txt`, `--model` a Hugging Face folder of a BERT, such as
MiniLM's. A teacher is fine-tuned on SST-2 once, with BERT's own head, and exported for Transformers; students of half
its layers begin as every second of them and learn from it by both trainers, with the same epochs, batches and rate.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Contestant, Options, Result, Skip, alternate, langue_train, peer, say, speedup

TASK, LAYERS = "glue/SST-2", 3
TEACHER_EPOCHS, EPOCHS, BATCH, RATE = 2, 3, 32, 1e-4
TEMPERATURE, WEIGHT = 2.0, 0.5

WRITER_STEPS, LSTM_STEPS, LSTM_WEIGHT = 1500, 600, 0.7
QUIET = {"training.checkpoint_every": 1_000_000}
TRAINERS = ("Transformers' Trainer with a KL loss", "Langue", "Langue without a teacher")


def run(options: Options) -> Result:
    """Students of a classifier, then of a writer."""
    if options.data is None or options.model is None:
        raise Skip(
            "distillation needs --data FOLDER (with glue/SST-2/ and shakespeare/) and --model FOLDER (of a BERT)"
        )
    rounds = options.rounds or (1 if options.quick else 3)
    with tempfile.TemporaryDirectory() as place:
        rows = [*_classifiers(options, Path(place), rounds), *_writers(options, Path(place), rounds)]
    columns = {
        "task": "task", "contestant": "trained by", "metric": "metric on dev", "mean": "mean",
        "deviation": "± over seeds", "seeds": "seeds", "kept": "of the teacher's", "seconds": "seconds",
        "share": "of the Trainer's time", "speed": "times the teacher's speed",
    }  # fmt: skip
    notes = [
        f"{TASK}: from {options.model.parent.name}'s encoder, fine-tuned for {TEACHER_EPOCHS} epochs; students of "
        f"{LAYERS} layers begin as every second of its own, {EPOCHS} epochs of {BATCH} texts, AdamW at {RATE:g}, "
        f"linear schedule with a tenth of warm-up, temperature {TEMPERATURE:g}, the teacher's share {WEIGHT:g}. "
        "Seconds are medians over the seeds, from the first step to the end of one evaluation of the dev part. Tiny "
        f"Shakespeare by characters: an LSTM of one layer for {LSTM_STEPS} steps, alone and with a share of "
        f"{LSTM_WEIGHT:g} of gpt-nano, which was trained for {WRITER_STEPS} steps; loss in nats by character."
    ]
    return {"title": "Distillation", "columns": columns, "rows": rows, "notes": notes}


def _classifiers(options: Options, place: Path, rounds: int) -> list[dict[str, Any]]:
    assert options.data is not None
    folder, epochs = options.data / "glue" / "SST-2", 0.1 if options.quick else EPOCHS
    teacher, foreign = place / "teacher", place / "foreign"
    task = {"data.benchmark": TASK, "data.folder": folder, "training.batch_size": BATCH,
            "training.learning_rate": RATE, "training.evaluate_every": 1_000_000, **QUIET}  # fmt: skip
    fields = {"classify.pooling": "first", "classify.dense": "tanh", "training.epochs": min(epochs, TEACHER_EPOCHS)}
    best = langue_train("glue", {**task, **fields}, teacher, "--start-from", str(options.model))[-1]["accuracy"]
    command = [sys.executable, "-m", "langue", "export", str(teacher), str(foreign)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    say(f"the teacher's accuracy: {best:.4f}")

    def ours(seed: int, taught: bool = True) -> dict[str, float]:
        changes = {**task, "training.epochs": epochs, "training.seed": seed, "model.layers": LAYERS}
        if taught:
            lesson = {"teacher": teacher, "temperature": TEMPERATURE, "weight": WEIGHT, "rows": 0}
            changes |= {f"distill.{name}": value for name, value in lesson.items()}
        out = place / f"{'student' if taught else 'alone'}-{seed}"
        last = langue_train("glue", changes, out, "--start-from", str(teacher))[-1]
        return {"accuracy": last["accuracy"], "seconds": last["seconds"]}

    def theirs(seed: int) -> dict[str, float]:
        given = {"folder": str(folder), "teacher": str(foreign), "layers": LAYERS, "epochs": epochs, "seed": seed,
                 "batch_size": BATCH, "learning_rate": RATE, "temperature": TEMPERATURE, "weight": WEIGHT}  # fmt: skip
        return peer("benchmarks.peers.distillation", given)

    trainers: dict[str, Callable[[int], dict[str, float]]] = dict(
        zip(TRAINERS, (theirs, ours, lambda seed: ours(seed, taught=False)), strict=True)
    )
    results: dict[str, list[dict[str, float]]] = {name: [] for name in trainers}
    for seed, (name, train) in itertools.product(range(rounds), trainers.items()):
        results[name].append(train(seed))
        say(f"{TASK}, {name}, seed {seed}: {results[name][-1]}")
    speed = _speed(teacher, place / "student-0", folder, quick=options.quick)
    usual = results[TRAINERS[0]]
    return [
        {
            "task": TASK, "contestant": name, "metric": "accuracy", "seeds": len(own), "speed": speed,
            **_spread([100 * one["accuracy"] for one in own]),
            "kept": statistics.mean(one["accuracy"] for one in own) / best,
            "seconds": statistics.median(one["seconds"] for one in own),
            "share": statistics.median(a["seconds"] / b["seconds"] for a, b in zip(own, usual, strict=True)),
        }
        for name, own in results.items()
    ]  # fmt: skip


def _speed(teacher: Path, student: Path, folder: Path, *, quick: bool) -> float:
    """How many times as fast the student classifies."""
    contestants = [
        Contestant(name, "benchmarks.distillation:reader", {"model": str(model), "folder": str(folder)})
        for name, model in (("teacher", teacher), ("student", student))
    ]
    return speedup(alternate(contestants, rounds=1 if quick else 9, seconds=3), "student", "teacher")


def reader(model: str, folder: str) -> Callable[[], object]:
    """A contestant that classifies some sentences of the dev part."""
    import langue
    from langue.data.benchmarks import read_benchmark

    task = langue.load(model, task="classify")
    texts = [row["text"] for row in read_benchmark(TASK, Path(folder), "dev")][:256]
    return lambda: task.classify(texts)


def _writers(options: Options, place: Path, rounds: int) -> list[dict[str, Any]]:
    assert options.data is not None
    text = {"data.train": options.data / "shakespeare" / "input.txt", "samples.max_tokens": 0, **QUIET}
    scale = 0.05 if options.quick else 1
    steps = {name: max(20, round(scale * count)) for name, count in (("writer", WRITER_STEPS), ("lstm", LSTM_STEPS))}
    writer = {**text, "training.steps": steps["writer"], "training.evaluate_every": 1_000_000}
    best = langue_train("shakespeare", writer, place / "writer")[-1]["loss"]
    say(f"the writer's loss: {best:.4f}")
    small = {**text, "model.preset": "lstm-nano", "model.layers": 1, "training.steps": steps["lstm"],
             "training.evaluate_every": 1_000_000}  # fmt: skip
    lesson = {"distill.teacher": place / "writer", "distill.weight": LSTM_WEIGHT, "distill.rows": 0}
    results: dict[str, list[dict[str, float]]] = {"Langue without a teacher": [], "Langue": []}
    for seed, (name, own) in itertools.product(range(rounds), results.items()):
        changes = {**small, "training.seed": seed, **(lesson if name == "Langue" else {})}
        own.append(langue_train("shakespeare", changes, place / f"lstm-{name.count(' ')}-{seed}")[-1])
        say(f"LSTM, {name}, seed {seed}: {own[-1]['loss']:.4f}")
    return [
        {
            "task": "Tiny Shakespeare, an LSTM", "contestant": name, "metric": "loss", "seeds": len(own),
            **_spread([one["loss"] for one in own]), "seconds": statistics.median(one["seconds"] for one in own),
        }
        for name, own in results.items()
    ]  # fmt: skip


def _spread(values: list[float]) -> dict[str, float | None]:
    return {"mean": statistics.mean(values), "deviation": statistics.stdev(values) if len(values) > 1 else None}
