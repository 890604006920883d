"""`langue train` in a step of Slurm's: processes that find each other without torchrun, and what a job is told."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from langue import cli
from langue.training import latest
from ready_python import ready_python
from tiny import RECIPE, write_tiny
from two_processes import free_port

HERE = Path(__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"

SECONDS = 240
"""Seconds after which a job that says nothing hangs."""

STEADY = RECIPE.replace("warmup_steps: 2", "schedule: constant").replace(
    "checkpoint_every: 4", "checkpoint_every: 1000000"
)
"""A recipe that may be gone on with for as long as one likes, and saves when it ends or is told to end."""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The programs of a cluster: `langue`, `torchrun`, and stand-ins of Slurm's."""
    programs = {
        "langue": f'exec {shlex.join(ready_python())} -m langue "$@"',
        "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
        "srun": f'exec {sys.executable} {HERE / "srun.py"} "$@"',
        "scontrol": 'if [ $1 = show ]; then echo 127.0.0.1; else echo "$*" >> queue.txt; fi',
    }
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, line in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def script(number: int, *options: str) -> str:
    """A script of the page, with options behind its own."""
    content = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[number]
    return content.replace("--resume auto", " ".join(["--resume auto --no-report", *options]))


def start(tools: Path, content: str, **more: str) -> subprocess.Popen[str]:
    """A job, with the variables that Slurm gives to its script."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    own |= {"PATH": os.pathsep.join([str(tools), own["PATH"]]), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    job = {
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "127.0.0.1",
        "SLURM_NNODES": "1",
        "SLURM_NTASKS": "2",
    }
    job |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "ENVIRONMENT": "BATCH", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        ["bash", "-c", content],
        cwd=tools.parent, env={**own, **job, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def words_until(process: subprocess.Popen[str], begun: str, number: signal.Signals) -> str:
    """All that a job says to whose step a signal is sent once it has said something."""
    assert process.stdout is not None
    words = ""
    for line in process.stdout:
        words += line
        if begun in line:
            os.kill(int((Path(f"/proc/{process.pid}/cwd").resolve() / "srun.pid").read_text()), number)
            begun = "nothing more"
    process.wait(timeout=SECONDS)
    return words


def test_the_script_of_the_page_queues_itself_again_until_it_is_done(tmp_path, tools):
    write_tiny(tmp_path, STEADY)
    job = start(tools, script(0, "--training.steps=1000000"))
    words = words_until(job, "dev loss", signal.SIGUSR1)
    assert (job.returncode, "Traceback" in words) == (75, False), words
    assert (tmp_path / "queue.txt").read_text() == f"requeue {os.getpid()}\n"
    hint = "go on with: srun --nodes=1 --ntasks=2 langue train runs/one/recipe.yaml --out runs/one --resume\n"
    assert words.count(hint) == 1
    saved = latest(tmp_path / "runs" / "one" / "checkpoints")
    assert saved is not None

    (tmp_path / "queue.txt").unlink()
    job = start(tools, script(0, f"--training.steps={saved.step + 3}"))
    words, _ = job.communicate(timeout=SECONDS)
    assert job.returncode == 0, words
    assert f", from step {saved.step:,} on" in words
    assert f"runs/one: {saved.step + 3:,} steps, " in words
    assert not (tmp_path / "queue.txt").exists()


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> list[tuple[int, str, float]]:
    """The losses of one process."""
    folder = tmp_path_factory.mktemp("alone")
    assert cli.run(["train", str(write_tiny(folder)), "--out", str(folder / "run"), "--no-report"]) == 0
    return losses(folder / "run")


def losses(run: Path) -> list[tuple[int, str, float]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row["split"], row["loss"]) for row in rows]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("number", "tasks", "machines"),
    [(0, "2", 1), pytest.param(1, "1", 1, marks=SLOW), pytest.param(2, "1", 2, marks=SLOW)],
)
def test_every_script_makes_what_one_process_makes(alone, tmp_path, tools, number, tasks, machines):
    write_tiny(tmp_path)
    content = script(number).replace("29500", str(free_port()))
    jobs = [start(tools, content, TASKS=tasks) for _ in range(machines)]
    words = [job.communicate(timeout=SECONDS)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * machines, words
    assert "".join(words).count("runs/one: 8 steps, 512 tokens, ") == 1
    for row, (step, split, loss) in zip(losses(tmp_path / "runs" / "one"), alone, strict=True):
        assert row == (step, split, pytest.approx(loss, rel=1e-5))
