"""Ctrl-C and SIGTERM: exit status 130 or 143, or 75 in a job of Slurm's, no traceback, and what was learnt is saved."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from langue.training import latest
from ready_python import ready_python

RECIPE = """\
task: generate
tokenizer: {kind: char}
model: {layers: 1, width: 16, heads: 2, context: 16}
data: {train: TEXT, dev: 0.1}
training: {steps: 1000000, batch_size: 4, evaluate_every: 20, checkpoint_every: 1000, device: cpu}
samples: {max_tokens: 0}
"""


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "text.txt").write_text("the old king saw a red boat on the sea\n" * 50)
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("TEXT", str(tmp_path / "text.txt")))
    return path


def interrupt(
    number: signal.Signals, begun: str, *arguments: object, after: float = 0.0, stdout: Any = subprocess.DEVNULL
) -> tuple[int, str]:
    """Exit status and messages of a command to which a signal comes some seconds after it has said something."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*ready_python(), "-m", "langue", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True)
    last = threading.Timer(60, process.kill)
    last.start()
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if begun in line:
            time.sleep(after)
            process.send_signal(number)
            begun = "nothing more"
    last.cancel()
    return process.wait(), said


ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "status"), ENDS)
def test_a_training_saves_and_tells_the_shell(recipe, tmp_path, number, status):
    found, said = interrupt(number, "dev loss", "train", recipe, "--out", tmp_path / "run", "--no-report")
    assert (found, "Traceback" in said) == (status, False), said
    assert "go on with: langue train" in said
    assert latest(tmp_path / "run" / "checkpoints").step >= 20


def test_a_job_of_slurm_is_told_to_queue_again(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    command = ("train", recipe, "--out", tmp_path / "run", "--no-report")
    for number, status in ((signal.SIGUSR1, 75), (signal.SIGTERM, 75), (signal.SIGINT, 130)):
        found, said = interrupt(number, "dev loss", *command, "--resume", "auto")
        assert (found, "Traceback" in said) == (status, False), said
    # While it is set up again, too: there is something to go on from.
    found, said = interrupt(signal.SIGUSR1, "log_every", *command, "--resume", "--training.log_every", "7")
    assert (found, "training attention" in said) == (75, False), said


def test_several_seeds_stop_at_the_first(recipe, tmp_path):
    options = ("--out", tmp_path / "runs", "--seeds", "2", "--no-report")
    with (tmp_path / "printed").open("w") as printed:
        found, said = interrupt(signal.SIGINT, "dev loss", "train", recipe, *options, stdout=printed)
    assert (found, "Traceback" in said) == (130, False), said
    assert (tmp_path / "printed").read_text() == ""
    assert [path.name for path in (tmp_path / "runs").glob("seed-*")] == ["seed-0"]


def test_a_race_saves_what_runs(recipe, tmp_path):
    race = ("race", recipe, "rnn-nano", "gpt-nano", "--seconds", "300", "--out", tmp_path / "race")
    found, said = interrupt(signal.SIGTERM, "training rnn-nano", *race, after=1.0)
    assert (found, "Traceback" in said) == (143, False), said
    assert latest(tmp_path / "race" / "rnn-nano" / "checkpoints") is not None


@pytest.mark.parametrize(("number", "status"), ENDS)
def test_a_command_that_trains_nothing_ends_in_one_line(number, status):
    """While it still imports what it needs."""
    # A shell lets what it runs in the background ignore Ctrl-C, and so would the command that inherits it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-X", "importtime", "-m", "langue", "doctor"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said = said if "import time" in line else said + line
        if line.rstrip().endswith(" numpy"):
            process.send_signal(number)
    assert (process.wait(), said) == (status, "langue: interrupted\n")


def test_the_command_that_goes_on_can_be_pasted(recipe, tmp_path):
    options = ["--training.batch_size", "2", "--model.context", "8", "--samples.prompt", "the king", "--no-report"]
    status, said = interrupt(signal.SIGINT, "dev loss", "train", recipe, *options, "--out", tmp_path / "my run")
    assert status == 130, said
    command = shlex.split(said.partition("; go on with: ")[2].partition("\n")[0])
    assert command[0] == "langue"
    assert command[-3:] == ["--out", str(tmp_path / "my run"), "--resume"]
    status, said = interrupt(signal.SIGINT, "dev loss", *command[1:])
    assert status == 130, said
    assert ", from step " in said
