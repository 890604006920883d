"""Killed at random moments and called again, a training ends with the same bytes as one that nobody disturbed."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECIPE = """\
task: generate
tokenizer: {{kind: char}}
model: {{layers: 2, width: 32, heads: 2, context: 32, dropout: 0.1}}
data: {{train: {text}, dev: 0.1}}
training: {{steps: {steps}, batch_size: 8, warmup_steps: 2, evaluate_every: 15, checkpoint_every: 5, log_every: 5,
            average: 0.9, device: cpu}}
samples: {{max_tokens: 0}}
"""


def command(recipe: Path, out: Path, *more: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-m", "langue", "train", str(recipe), "--out", str(out), *more]
    return subprocess.Popen(
        arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(recipe: Path, out: Path, *more: str) -> None:
    process = command(recipe, out, *more)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def prints(out: Path) -> dict[str, str]:
    """Hashes of everything that training made: last checkpoint, best model, tokens, and the metrics without times."""
    last = sorted((out / "checkpoints").glob("step-*"))[-1]
    files = [*last.glob("*.safetensors"), *(out / "model").glob("*"), *(out / "data").rglob("*.bin")]
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    kept = [{k: v for k, v in line.items() if k in ("step", "split", "loss", "tokens")} for line in lines]
    return {**found, "step": last.name, "metrics": json.dumps(kept)}


def undisturbed(tmp_path: Path, steps: int) -> tuple[Path, dict[str, str]]:
    draw = random.Random(1)
    words = ("the", "old", "king", "saw", "a", "red", "boat", "on", "sea", "and", "sang", "of", "long", "lost", "days")
    (tmp_path / "text.txt").write_text("\n".join(" ".join(draw.choices(words, k=8)) for _ in range(300)))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(text=tmp_path / "text.txt", steps=steps))
    finish(recipe, tmp_path / "whole")
    return recipe, prints(tmp_path / "whole")


def disturb(recipe: Path, out: Path, number: int, kills: int, seed: int) -> int:
    """Begin, kill some time after the first steps, go on, and so forth; how many kills met a running process."""
    draw, met = random.Random(seed), 0
    for _ in range(kills):
        before = progress(out)
        process = command(recipe, out, *(["--resume"] if (out / "recipe.yaml").exists() else []))
        while process.poll() is None and progress(out) == before:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.5)
        if process.poll() is None:
            os.kill(process.pid, number)
            met += 1
        _, errors = process.communicate(timeout=120)
        if number == signal.SIGTERM:
            assert process.returncode == 0, errors.decode()
    finish(recipe, out, *(["--resume"] if (out / "recipe.yaml").exists() else []))
    return met


def progress(out: Path) -> str:
    metrics = out / "metrics.jsonl"
    return metrics.read_text()[-200:] if metrics.exists() else ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_that_was_killed_ends_as_if_it_had_not_been(tmp_path, number):
    recipe, expected = undisturbed(tmp_path, steps=120)
    assert disturb(recipe, tmp_path / "killed", number, kills=2, seed=3) >= 1
    assert prints(tmp_path / "killed") == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_that_was_killed_many_times_ends_as_if_it_had_not_been(tmp_path, number, seed):
    recipe, expected = undisturbed(tmp_path, steps=600)
    assert disturb(recipe, tmp_path / "killed", number, kills=8, seed=seed) >= 4
    assert prints(tmp_path / "killed") == expected
