"""Killed at random moments and called again, a training ends with the same bytes as one that nobody disturbed."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from langue.models import load_model
from langue.training import latest

RECIPE = """\
task: generate
tokenizer: {{kind: char}}
model: {{layers: 1, width: 16, heads: 2, context: 16, dropout: 0.2}}
data: {{train: {text}, dev: 0.1}}
training: {{steps: {steps}, batch_size: 4, accumulate: 2, warmup_steps: 2, evaluate_every: 7, checkpoint_every: 5,
            log_every: 3, average: 0.9, optimizer: muon, device: cpu}}
samples: {{max_tokens: 4}}
"""
TIMES = ("seconds", "tokens_per_second", "waited", "peak_share", "crc32")


def start(recipe: Path, out: Path) -> subprocess.Popen:
    """The command itself, going on where there is something to go on with."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ROWS": f"{out}.rows"}
    resume = ["--resume"] if (out / "recipe.yaml").exists() else []
    script = [sys.executable, str(Path(__file__).with_name("watched_command.py"))]
    command = [*script, "train", str(recipe), "--out", str(out), "--no-report", *resume]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(recipe: Path, out: Path) -> None:
    process = start(recipe, out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    assert b"damaged" not in errors


def rows(out: Path) -> list[str]:
    """A line for each step that was begun, also those that were done again; the last may be cut off."""
    path = Path(f"{out}.rows")
    return path.read_text().split("\n")[:-1] if path.exists() else []


def outcome(out: Path) -> dict[str, object]:
    """Hashes of all that training made, what it saw in which step, and the metrics without times."""
    last = sorted((out / "checkpoints").iterdir())[-1]
    files = [*last.glob("*.safetensors"), *(out / "model").iterdir()]
    assert {file.name for file in files} >= {"optimizer.safetensors", "average.safetensors", "config.json"}
    hashes = {f"{file.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    metrics = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
    return {"hashes": hashes, "rows": sorted(set(rows(out))), "metrics": metrics}


def check_whole(out: Path) -> None:
    """Whatever stands in a run's folder right after a kill can be used."""
    if (out / "model").exists():
        load_model(out / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        latest(out / "checkpoints")


OTHERS = {
    "fill": "task: fill\ntokenizer: {{kind: wordpiece, vocab_size: 60}}\nmasking: {{rate: 0.3}}\n",
    "classify": "task: classify\ntokenizer: {{kind: char}}\n",
    "translate": "task: translate\ntokenizer: {{kind: char}}\n",
}
"""The beginnings of recipes of other tasks, of which the rest is the same."""


def write_others(folder: Path, task: str, steps: int) -> Path:
    """The recipe of another task, with its data."""
    draw = random.Random(2)
    words = ("the", "old", "king", "saw", "a", "red", "boat", "on", "sea", "and", "sang", "of", "long", "lost", "days")
    lines = [" ".join(draw.choices(words, k=draw.randint(3, 9))) for _ in range(150)]
    data = folder / ("rows.jsonl" if task == "classify" else "text.txt")
    if task == "classify":
        lines = [json.dumps({"text": line, "label": str("king" in line)}) for line in lines]
    data.write_text("\n".join(lines))
    if task == "translate":
        return write_pairs(folder, lines, steps)
    rest = RECIPE.split("\n", 2)[2].replace("model: {{", "model: {{form: encoder, ")
    rest = rest[: rest.index("samples:")]
    recipe = folder / "recipe.yaml"
    recipe.write_text((OTHERS[task] + rest).format(text=data, steps=steps))
    return recipe


def write_pairs(folder: Path, lines: list[str], steps: int) -> Path:
    """The recipe of a translator that learns from two corpora, in batches of so many tokens."""
    rows = [f"{line}\t{line[::-1]}\n" for line in lines]
    for name, some in (("large", rows[:100]), ("small", rows[100:])):
        (folder / f"{name}.tsv").write_text("source\ttarget\n" + "".join(some))
    rest = (
        RECIPE.split("\n", 2)[2].replace("model: {{", "model: {{form: seq2seq, ").replace("context: 16", "context: 64")
    )
    rest = rest[: rest.index("samples:")].replace("batch_size: 4", "batch_tokens: 200") + "samples: {{max_tokens: 0}}\n"
    corpora = f"{{{folder}/large.tsv: 2, {folder}/small.tsv: 1}}, temperature: 2"
    recipe = folder / "recipe.yaml"
    recipe.write_text((OTHERS["translate"] + rest).format(text=corpora, steps=steps))
    return recipe


@pytest.mark.slow
@pytest.mark.parametrize("task", OTHERS)
def test_other_tasks_that_were_killed_many_times_end_as_if_they_had_not_been(tmp_path, task):
    recipe = write_others(tmp_path, task, steps=200)
    finish(recipe, tmp_path / "whole")
    if task == "fill":  # whose tokenizer may come out otherwise the next time, and must not
        recipe.write_text(
            recipe.read_text().replace("{kind: wordpiece, vocab_size: 60}", f"{{path: {tmp_path}/whole}}")
        )
        (tmp_path / "whole.rows").unlink()
        finish(recipe, tmp_path / "again")
    disturb(recipe, tmp_path / "killed", [KILL] * 6 + [TERM], reach=30, seed=5)
    assert outcome(tmp_path / "killed") == outcome(tmp_path / ("again" if task == "fill" else "whole"))


def undisturbed(folder: Path, steps: int) -> Path:
    """A recipe, and beside it the folder of a run that nobody disturbed."""
    draw = random.Random(1)
    words = ("the", "old", "king", "saw", "a", "red", "boat", "on", "sea", "and", "sang", "of", "long", "lost", "days")
    (folder / "text.txt").write_text("\n".join(" ".join(draw.choices(words, k=8)) for _ in range(100)))
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(text=folder / "text.txt", steps=steps))
    finish(recipe, folder / "whole")
    assert len(rows(folder / "whole")) == steps
    return recipe


def disturb(recipe: Path, out: Path, signals: list[signal.Signals], reach: int, seed: int) -> None:
    """Begin, send a signal within some steps, and so on, until all are sent; then go on to the end."""
    draw = random.Random(seed)
    for number in signals:
        process, seen = start(recipe, out), len(rows(out)) + draw.randint(1, reach)
        while process.poll() is None and len(rows(out)) < seen:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.02)
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
        check_whole(out)
        if number == signal.SIGTERM:
            assert process.returncode == 143, errors.decode()
            begun = int(rows(out)[-1].split()[0])  # it was finished as well
            assert (out / "checkpoints" / f"step-{begun + 1:08d}").exists()
        else:
            assert process.returncode == -signal.SIGKILL, "it had ended before it was killed"
    finish(recipe, out)


KILL, TERM = signal.SIGKILL, signal.SIGTERM


def test_a_training_that_was_killed_ends_as_if_it_had_not_been(tmp_path):
    recipe = undisturbed(tmp_path, steps=60)
    disturb(recipe, tmp_path / "killed", [KILL, TERM, KILL], reach=12, seed=3)
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
    assert len(rows(tmp_path / "killed")) > 60  # some steps were done twice, with the same rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("signals", [[KILL] * 10, [TERM] * 10])
def test_a_training_that_was_killed_many_times_ends_as_if_it_had_not_been(tmp_path, signals, seed):
    recipe = undisturbed(tmp_path, steps=400)
    disturb(recipe, tmp_path / "killed", signals, reach=30, seed=seed)
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
