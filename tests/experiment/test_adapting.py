"""Trainings of adapters from beginning to end: what lies in the folder, what uses it, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file

import langue
from langue.batch import Batch
from langue.cli import run
from langue.errors import LangueError
from langue.experiment.training import train
from langue.tasks.folders import read_model
from langue.tasks.recipes import read_recipe
from tiny import write_tiny

ADAPT = {"rank": 2, "on": ["attention", "feedforward"]}
MODEL = "{preset: llama-nano, layers: 1, width: 16, heads: 2, feedforward_width: 24, context: 16}"
STEPS = {"training": {"steps": 20, "learning_rate": 0.03}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, two runs of adapters on it, and another base."""
    folder = tmp_path_factory.mktemp("adapting")
    llama = read_recipe(write_tiny(folder), {"model": MODEL})
    for name, seed in (("base", 0), ("other", 1)):
        train(llama.replace(training={"seed": seed}), folder / name, report=False)
    for name, seed in (("one", 0), ("two", 5)):
        train(
            adapting(folder).replace(training={"seed": seed}), folder / name, start_from=folder / "base", report=False
        )
    return folder


def adapting(folder: Path, **changes: Any) -> Any:
    recipe = read_recipe(folder / "recipe.yaml", {"model": "{}", "adapt": json.dumps({**ADAPT, **changes})})
    return recipe.replace(**STEPS)


def logits(task: Any) -> torch.Tensor:
    ids = torch.arange(10)[None] % 7
    with torch.no_grad():
        return task.model(Batch(ids))


def test_a_folder_holds_adapters_alone(folder: Path) -> None:
    names = load_file(folder / "one" / "model" / "model.safetensors")
    assert all(name.endswith((".up", ".down")) for name in names)
    assert json.loads((folder / "one" / "model" / "base.json").read_text())["path"] == str(folder / "base")
    assert not torch.equal(logits(langue.load(folder / "one")), logits(langue.load(folder / "base")))


def test_adapters_are_chosen_for_a_base_that_has_moved(folder: Path, tmp_path: Path) -> None:
    one, two = (logits(langue.load(folder / name)) for name in ("one", "two"))
    shutil.copytree(folder / "base", tmp_path / "moved")
    for name, expected in (("one", one), ("two", two), ("one/model", one)):
        chosen = langue.load(tmp_path / "moved", adapter=folder / name)
        assert torch.equal(logits(chosen), expected)
    assert not torch.equal(one, two)
    step = sorted((folder / "one" / "checkpoints").iterdir())[-1]
    assert torch.equal(logits(langue.load(tmp_path / "moved", adapter=step)), logits(langue.load(step)))


def test_adapters_of_another_base_are_refused_by_name(folder: Path, capsys: Any) -> None:
    sentence = r"other is not the model that the adapters of \S+one/model stand on: its weights have the fingerprint"
    with pytest.raises(LangueError, match=sentence):
        langue.load(folder / "other", adapter=folder / "one")
    with pytest.raises(LangueError, match=r"other/model holds a whole model and no adapters"):
        langue.load(folder / "base", adapter=folder / "other")
    assert run(["generate", str(folder / "other"), "the", "--adapter", str(folder / "one")]) == 2
    assert "is not the model that the adapters of" in capsys.readouterr().err


def test_verbs_take_an_adapter(folder: Path, capsys: Any) -> None:
    def printed(*arguments: Any) -> str:
        assert run([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    options = ("the old", "--temperature", "0", "--max-tokens", "8")
    chosen = printed("generate", folder / "base", *options, "--adapter", folder / "one")
    assert chosen == printed("generate", folder / "one", *options)
    on = ("--data", folder / "text.txt", "--json")
    chosen, alone = (
        json.loads(printed("evaluate", *arguments, *on))["metrics"]
        for arguments in ((folder / "base", "--adapter", folder / "one"), (folder / "one",))
    )
    assert chosen == alone
    assert alone != json.loads(printed("evaluate", folder / "base", *on))["metrics"]


def test_a_run_goes_out_to_peft_and_comes_back(folder: Path, tmp_path: Path) -> None:
    import transformers

    assert run(["export", str(folder / "base"), str(tmp_path / "base")]) == 0
    assert run(["export", str(folder / "one"), str(tmp_path / "adapter"), "--format", "peft"]) == 0
    expected = logits(langue.load(folder / "one"))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter").eval()
    with torch.no_grad():
        found = theirs(torch.arange(10)[None] % 7).logits
    assert (found - expected).abs().max() < 1e-5
    again = langue.load(tmp_path / "base", adapter=tmp_path / "adapter")
    assert (logits(again) - expected).abs().max() < 1e-5
    assert langue.load(folder / "base", adapter=tmp_path / "adapter").name == "generate"
    with pytest.raises(LangueError, match="holds adapters of PEFT's alone; name the model"):
        read_model(tmp_path / "adapter")
