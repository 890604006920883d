"""Learning from rewards beside plain training that goes on for the same minutes: a translator and a recogniser.

`--data` is a folder with `translate-en-de/` (train.tsv, dev.tsv, test.tsv) and `speech-digits/` (train.tsv, test.tsv),
`--model` a run of the recipe `translate-en-de` to begin from; without one, it is trained first. Both ways go on from
the same weights at the same time, each on its half of the cores, and are tested on the same part against what they
began from: sentences' outputs change places by a coin (`langue compare`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Options, Result, Skip, langue_train, say

TRANSLATOR_SECONDS, TRANSLATING = 4200, 1200
"""Seconds of a half of two cores: of the training of a translator, and of what goes on from it."""

RECOGNISER_SECONDS, RECOGNISING = 150, 300
QUICK = 20
QUIET = {"training.evaluate_every": 1_000_000}


@dataclass(frozen=True)
class Trial:
    """Two ways to go on from a run.

    Attributes:
        task: its name in the table.
        start: the run.
        seconds: of each way.
        plain, reward: recipe and changes of each.
        test: the table that both are tested on.
        metrics: of which the first is the reward.
    """

    task: str
    start: Path
    seconds: float
    plain: tuple[str, Mapping[str, Any]]
    reward: tuple[str, Mapping[str, Any]]
    test: Path
    metrics: tuple[str, ...]


def run(options: Options) -> Result:
    """The translator, then the recogniser."""
    if options.data is None:
        raise Skip("reward_gains needs --data FOLDER (with translate-en-de/ and speech-digits/)")
    with tempfile.TemporaryDirectory() as place:
        trials = [
            _translating(options, options.data / "translate-en-de", Path(place)),
            _recognising(options, options.data / "speech-digits", Path(place)),
        ]
        rows = [row for trial in trials for row in _rows(trial, Path(place))]
    columns = {
        "task": "task", "contestant": "goes on by", "minutes": "minutes", "metric": "metric on test", "value": "value",
        "gain": "over the start", "p": "p", "over_plain": "over plain training", "p_plain": "p of that",
    }  # fmt: skip
    notes = [
        "Each way has half of the cores, at the same time; one seed. p: approximate randomisation over sentences. "
        "Plain training is the recipe's again from the start's weights, its learning rate falling to 0 at the end; "
        "rewards are those of the recipe rewards-translate (chrF, rloo), and of the recognition of digits 1 − WER by "
        "minimum-risk. Translations by a beam of 4."
    ]
    return {"title": "What rewards add", "columns": columns, "rows": rows, "notes": notes}


def _translating(options: Options, data: Path, place: Path) -> Trial:
    tables = {f"data.{split}": data / f"{split}.tsv" for split in ("train", "dev", "test")}
    start = options.model or place / "translator"
    if options.model is None:
        seconds = QUICK if options.quick else TRANSLATOR_SECONDS
        langue_train("translate-en-de", {**tables, "training.seconds": seconds}, start)
    reward = {"play.environment.data": data / "train.tsv", "play.dev.data": data / "dev.tsv"}
    return Trial(
        "English to German", start, QUICK if options.quick else TRANSLATING,
        ("translate-en-de", {**tables, **QUIET}), ("rewards-translate", {**reward, "training.evaluate_every": 40}),
        data / "test.tsv", ("chrf", "bleu"),
    )  # fmt: skip


def _recognising(options: Options, data: Path, place: Path) -> Trial:
    start = place / "recogniser"
    plain = {
        "data.train": data / "train.tsv", "data.dev": 0.05, "data.test": data / "test.tsv",
        "model.audio.strides": "[2]", "model.audio.features": "whisper", "training.batch_tokens": 2000,
    }  # fmt: skip
    langue_train("transcribe-ctc", {**plain, "training.seconds": QUICK if options.quick else RECOGNISER_SECONDS}, start)
    environment = {"name": "Langue/Transcribe-v0", "data": str(data / "train.tsv"), "reward": "wer"}
    reward = {
        "play.environment": json.dumps(environment), "play.algorithm": "minimum-risk", "play.group": 8,
        "play.episodes": 0, "training.steps": "null", "training.batch_size": 128, "training.learning_rate": 1e-4,
        **QUIET,
    }  # fmt: skip
    return Trial(
        "spoken digits", start, QUICK if options.quick else RECOGNISING, ("transcribe-ctc", {**plain, **QUIET}),
        ("rewards", reward), data / "test.tsv", ("wer", "cer"),
    )  # fmt: skip


def _rows(trial: Trial, place: Path) -> list[dict[str, Any]]:
    cores = sorted(os.sched_getaffinity(0))
    half = max(1, len(cores) // 2)
    outs = {name: place / f"{trial.task}-{name}" for name in ("plain", "reward")}
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(_go_on, cores[:half], trial.plain, trial, outs["plain"]),
            pool.submit(_go_on, cores[-half:], trial.reward, trial, outs["reward"]),
        ]
        minutes = dict(zip(outs, [run.result() for run in runs], strict=True))
    plain, reward = (_compared(trial.start, outs[name], trial.test) for name in outs)
    between = _compared(outs["plain"], outs["reward"], trial.test)
    rows = []
    for metric in trial.metrics:
        row = {"task": trial.task, "metric": metric}
        rows.append({**row, "contestant": "the start", "value": plain[metric]["first"]})
        rows.append({**row, "contestant": "plain training", "minutes": minutes["plain"], **_gain(plain[metric])})
        more = {"over_plain": between[metric]["difference"], "p_plain": between[metric]["p"]}
        rows.append({**row, "contestant": "rewards", "minutes": minutes["reward"], **_gain(reward[metric]), **more})
    for row in rows:
        say(", ".join(str(value) for value in row.values()))
    return rows


def _gain(difference: Mapping[str, float]) -> dict[str, float]:
    return {"value": difference["second"], "gain": difference["difference"], "p": difference["p"]}


def _go_on(cores: list[int], way: tuple[str, Mapping[str, Any]], trial: Trial, out: Path) -> float:
    """Minutes that a way took; the processes that begin in this thread keep to its cores."""
    os.sched_setaffinity(0, cores)
    recipe, changes = way
    changes = {**changes, "training.steps": "null", "training.seconds": trial.seconds}
    lines = langue_train(recipe, changes, out, "--start-from", str(trial.start))
    return max(line["seconds"] for line in lines if line["split"] == "train") / 60


def _compared(first: Path, second: Path, test: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "langue", "compare", str(first), str(second), "--data", str(test), "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)["metrics"]
