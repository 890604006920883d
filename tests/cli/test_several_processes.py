"""`langue train` in two processes, by each strategy: the run of one, from setting up to samples and going on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from langue import cli
from langue.models import load_model
from langue.training import latest
from tiny import RECIPE, write_tiny
from two_processes import outputs_of_two


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    assert cli.run(["train", str(write_tiny(folder)), "--out", str(folder / "run"), "--no-report"]) == 0
    return folder / "run"


def rows_of(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kind", ["replicated", "sharded", "tensor"])
def test_two_processes_leave_the_run_of_one(alone: Path, tmp_path: Path, kind: str) -> None:
    run = tmp_path / "run"
    command = ["-m", "langue", "train", write_tiny(tmp_path), "--out", run, "--no-report", "--training.parallel", kind]
    first, second = outputs_of_two(*command, "--training.steps", "8")
    assert (f"{run}: 8 steps, 512 tokens, " in first, second) == (True, "")
    expected, found = rows_of(alone), rows_of(run)
    assert [(row["step"], row["split"], row["tokens"]) for row in found] == [
        (row["step"], row["split"], row["tokens"]) for row in expected
    ]
    for row, right in zip(found, expected, strict=True):
        assert row["loss"] == pytest.approx(right["loss"], rel=1e-5)
        assert row.get("sample") == right.get("sample")
    weights, right_weights = (load_model(path / "model").state_dict() for path in (run, alone))
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in right_weights.items()
    }


@pytest.mark.parametrize("kind", ["sharded", "tensor"])
def test_without_dev_data_the_last_weights_are_kept_whole(tmp_path: Path, kind: str) -> None:
    recipe = write_tiny(tmp_path, RECIPE.replace(", dev: 0.1", ""))
    outputs_of_two("-m", "langue", "train", recipe, "--out", tmp_path / "run", "--training.parallel", kind)
    kept, checkpoint = load_model(tmp_path / "run" / "model"), latest(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    for name, value in kept.named_parameters():
        assert torch.equal(value, checkpoint.tensors["model"][name])
