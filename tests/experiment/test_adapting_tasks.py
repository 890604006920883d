"""A model of every task is adapted in place of being trained, and used on its base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import langue
from every_task import RECIPES, train_one
from langue.adapters.settings import AdaptSettings
from langue.cli import run as cli
from langue.experiment import RunFolder, train
from langue.experiment.adapters import merge
from langue.experiment.seeds import train_seeds
from langue.models.build import plain_weights
from langue.recipe import Recipe

ADAPT = AdaptSettings(rank=2, base="bf16")
TRAINING = {"steps": 12, "batch_size": 4, "learning_rate": 0.01, "warmup_steps": 0, "device": "cpu"}


def adapting(base: Path) -> Recipe:
    """The recipe of a base, whose adapters learn on in its place."""
    return RunFolder(base).recipe().replace(adapt=ADAPT, training=TRAINING)


@pytest.mark.parametrize("name", RECIPES)
def test_adapters_of_every_task_stand_on_their_base(name: str, tmp_path: Path) -> None:
    """Whatever the task, they alone lie in the run beside its head, and merged with the base they say the same."""
    base = train_one(name, tmp_path)
    run = train(adapting(base), tmp_path / "adapters", start_from=base, report=False).folder.path
    heads = ("classifier.", "embedder.")
    assert all(
        kept.endswith((".up", ".down")) or kept.startswith(heads) for kept in load_file(run / "model/model.safetensors")
    )
    alone, chosen = langue.load(run, "cpu"), langue.load(base, "cpu", adapter=run)
    assert alone.name == chosen.name == langue.load(base, "cpu").name
    merged = plain_weights(merge(run, tmp_path / "whole", seconds=0.01).checkpoint.model)
    assert langue.load(tmp_path / "whole", "cpu").name == alone.name
    before = plain_weights(langue.load(base, "cpu").model)
    moved = [
        kept
        for kept, value in merged.items()
        if kept in before and not torch.equal(value, before[kept].bfloat16().float())
    ]
    assert any("feedforward" in kept for kept in moved)
    for one, other in ((alone, chosen), (alone, langue.load(tmp_path / "whole", "cpu"))):
        ours, theirs = plain_weights(one.model), plain_weights(other.model)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[kept], theirs[kept]) for kept in ours)


def test_seeds_adapt_one_base_in_several_ways(tmp_path: Path) -> None:
    base = train_one("generate", tmp_path)
    result = train_seeds(adapting(base), tmp_path / "runs", 2, start_from=base, report=False)
    assert result.metrics["loss"][1] > 0
    first, second = (load_file(run.folder.model / "model.safetensors") for run in result.runs)
    assert first.keys() == second.keys()
    assert not any(torch.equal(first[name], second[name]) for name in first)
    bases = [langue.load(run.folder.path, "cpu").model.base for run in result.runs]
    assert bases[0] == bases[1]


def test_a_base_is_compared_with_its_adapters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = train_one("translate", tmp_path)
    run = train(adapting(base), tmp_path / "adapters", start_from=base, report=False).folder.path
    on = ("--data", str(tmp_path / "rows.jsonl"), "--beams", "1", "--samples", "5", "--json", "--device", "cpu")
    results = []
    for command in ((base, run), (base, base, "--adapter", run)):
        assert cli(["compare", *map(str, command), *on]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0] == results[1]
    assert results[0]["examples"] > 0
