"""`langue train`: results on stdout, progress on stderr, fields as options, and interruption that loses nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from langue import cli
from langue.experiment import RunFolder
from langue.models import load_model
from ready_python import ready_python
from tiny import write_tiny


def test_results_go_to_stdout_and_the_rest_to_stderr(tmp_path: Path, capsys) -> None:
    recipe, run = write_tiny(tmp_path), tmp_path / "run"
    assert cli.run(["train", str(recipe), "--out", str(run), "--training.steps=3", "--model.dropout", "0"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{run}: 3 steps, 192 tokens, ")
    assert "dev loss" in printed.out
    assert f"langue generate {run}" in printed.out
    assert "training attention decoder of" in printed.err
    assert f"report: {run / 'report.html'}" in printed.err
    found = RunFolder(run).recipe()
    assert (found.training.steps, found.model.dropout) == (3, 0.0)


def test_json_is_one_object(tmp_path: Path, capsys) -> None:
    recipe, run = write_tiny(tmp_path), tmp_path / "run"
    assert cli.run(["train", str(recipe), "--out", str(run), "--json", "--no-report", "--set", "training.steps=2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["step"] == 2
    assert found["run"] == str(run)
    assert found["metrics"].keys() == {"loss", "perplexity", "bits_per_byte"}
    assert not (run / "report.html").exists()


def start(folder: Path, *options: str, before: str = "pass") -> subprocess.Popen[str]:
    code = f"import torch; torch.set_num_threads(1); {before}; from langue.cli import main; main()"
    command = [*ready_python(), "-c", code, "train", "recipe.yaml", "--out", "run", "--no-report", *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


LONG = ["--training.steps", "200", "--training.evaluate_every", "100", "--training.checkpoint_every", "1000"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    assert cli.run(["train", str(write_tiny(folder)), "--out", str(folder / "run"), "--no-report", *LONG]) == 0
    return folder / "run"


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_an_interrupted_training_saves_and_says_how_to_go_on(
    whole: Path, tmp_path: Path, monkeypatch, number: signal.Signals
) -> None:
    write_tiny(tmp_path)
    process = start(tmp_path, *LONG)
    wait_for(tmp_path / "run" / "metrics.jsonl", process)
    process.send_signal(number)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number, told
    assert "go on with: langue train run/recipe.yaml --out run --resume\n" in told
    assert "interrupted" in said
    step = int(next((tmp_path / "run" / "checkpoints").iterdir()).name.removeprefix("step-"))
    assert 0 < step < 200
    assert load_model(tmp_path / "run" / "model")

    monkeypatch.chdir(tmp_path)
    assert cli.run(["train", "run/recipe.yaml", "--out", "run", "--resume", "--no-report"]) == 0
    found, expected = (load_model(path / "model").state_dict() for path in (tmp_path / "run", whole))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_an_interrupted_set_up_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # which would queue again for ever what never gets as far as to save
    write_tiny(tmp_path)
    (tmp_path / "text.txt").write_text("a long story\n" * 1_000_000)  # takes seconds to prepare
    process = start(tmp_path)
    wait_for(tmp_path / "run" / "tokenizer.json", process)
    process.send_signal(signal.SIGTERM)
    said, told = process.communicate(timeout=60)
    assert (process.returncode, said, told) == (143, "", "langue: interrupted\n")
    assert not (tmp_path / "run").exists()


def test_a_training_in_progress_is_not_disturbed(tmp_path: Path, capsys, monkeypatch) -> None:
    write_tiny(tmp_path)
    monkeypatch.chdir(tmp_path)
    process = start(tmp_path, "--training.steps", "100000")
    wait_for(tmp_path / "run" / "metrics.jsonl", process)
    try:
        assert cli.run(["train", "recipe.yaml", "--out", "run", "--resume", "--training.steps", "100000"]) == 2
        assert "run is being trained by another process" in capsys.readouterr().err
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("bytes_of_a_file", [pytest.param(2_000, marks=pytest.mark.slow), 9_000])
def test_a_full_disk_is_one_sentence(tmp_path: Path, bytes_of_a_file: int) -> None:
    write_tiny(tmp_path)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_of_a_file}, {bytes_of_a_file}))"
    process = start(tmp_path, before=limit)
    said, told = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "")
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("langue: ")
    assert "the disk is full" in told


def test_the_same_command_begins_and_goes_on(tmp_path: Path, capsys) -> None:
    recipe = write_tiny(tmp_path)
    for out, more in (("one", []), ("several", ["--seeds", "2"])):
        command = ["train", str(recipe), "--out", str(tmp_path / out), "--training.steps", "2", "--no-report", *more]
        for way in (["--resume", "auto"], ["--resume=auto"]):
            assert cli.run([*command, *way]) == 0
    assert "it had ended before" in capsys.readouterr().out
    assert cli.run([*command[:-2], "--resume"]) == 2  # whose folder is of several, not a run
    assert "holds no run to go on with" in capsys.readouterr().err
    assert cli.run(["train", str(recipe), "--out", str(tmp_path / "one"), "--training.steps", "2", "--resume"]) == 0
