"""Trainings of adapters from beginning to end: what lies in the folder, what uses it, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file

import langue
from langue.adapters import AdapterConfig
from langue.batch import Batch
from langue.cli import run
from langue.errors import LangueError
from langue.experiment.adapters import merge
from langue.experiment.cost import cost_between
from langue.experiment.shrink import shrink
from langue.experiment.training import train
from langue.objectives import Causal
from langue.report.cost import read_cost
from langue.tasks.folders import read_model
from langue.tasks.recipes import read_recipe
from tiny import RECIPE, text, write_tiny
from tiny_training import trainer

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


def test_merged_weights_are_a_run_of_their_own(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "one", tmp_path / "one")
    assert run(["adapter", "merge", str(tmp_path / "one"), "--out", str(tmp_path / "whole")]) == 0
    assert not (tmp_path / "whole" / "model" / "base.json").exists()
    expected, merged = langue.load(folder / "one"), langue.load(tmp_path / "whole")
    assert (logits(merged) - logits(expected)).abs().max() < 1e-5
    assert merged.model.config.adapter is None
    card = (tmp_path / "whole" / "README.md").read_text()
    assert "# whole" in card
    assert "begun from base" in card
    assert "## What it cost" in card
    assert run(["adapter", "merge", str(folder / "base"), "--out", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


def test_merging_is_measured_beside_the_base(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text(text(300, seed=4), encoding="utf-8")
    for data, name in ((None, "dev data of one"), (str(tmp_path / "other.txt"), "other.txt")):
        out = tmp_path / f"merged on {name}"
        cost = merge(folder / "one", out, data=data, seconds=0.01).cost
        assert cost == read_cost(out)
        assert (cost.source, cost.measured_on, cost.steps) == ("base", name, ["merge one"])
        again = cost_between(folder / "base", out, run=folder / "one", measure=data, seconds=0.01)
        assert cost.loss == again.loss
        assert cost.loss is not None
        assert cost.loss.low <= cost.loss.difference <= cost.loss.high < 0
        assert cost.before.parameters == cost.after.parameters
        assert f"{cost.loss.difference:+.4f}" in (out / "cost.html").read_text(encoding="utf-8")
    assert shrink(tmp_path / "merged on other.txt", tmp_path / "small", to="int8", seconds=0.01).loss is not None
    with pytest.raises(LangueError, match=r"nowhere\.txt"):
        merge(folder / "one", tmp_path / "none", data="nowhere.txt", seconds=0.01)
    assert not (tmp_path / "none").exists()


def test_merging_without_data_is_measured_by_size_and_speed(folder: Path, tmp_path: Path, capsys: Any) -> None:
    assert run(["export", str(folder / "base"), str(tmp_path / "base")]) == 0
    assert run(["export", str(folder / "one"), str(tmp_path / "adapter"), "--format", "peft"]) == 0
    capsys.readouterr()
    command = ["adapter", "merge", str(tmp_path / "base"), "--adapter", str(tmp_path / "adapter")]
    assert run([*command, "--out", str(tmp_path / "whole")]) == 0
    said = capsys.readouterr()
    assert "no loss was measured" in said.err
    assert "written per second" in said.out
    cost = read_cost(tmp_path / "whole")
    assert cost is not None
    assert (cost.loss, cost.measured_on) == (None, None)
    assert cost.after.disk > 0 < cost.after.reading
    assert "Change of the loss" not in (tmp_path / "whole" / "cost.html").read_text(encoding="utf-8")


def test_adapters_are_listed_with_the_state_of_their_base(folder: Path, tmp_path: Path, capsys: Any) -> None:
    def listed(path: Path) -> list[dict[str, Any]]:
        assert run(["adapter", "list", str(path), "--json"]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (one,) = listed(folder / "one")
    numbers = sum(tensor.numel() for tensor in load_file(folder / "one" / "model" / "model.safetensors").values())
    assert (one["kind"], one["rank"], one["on"], one["parameters"]) == ("lora", 2, ADAPT["on"], numbers)
    assert (one["base"], one["state"]) == (str(folder / "base"), "there")
    assert [Path(facts["path"]).name for facts in listed(folder / "base")] == ["one", "two"]
    shutil.copytree(folder / "one", tmp_path / "one")
    stated = tmp_path / "one" / "model" / "base.json"
    for path, state in ((folder / "other", "another"), (tmp_path / "nowhere", "gone")):
        stated.write_text(json.dumps({**json.loads(stated.read_text()), "path": str(path)}))
        (tmp_path / "one" / "model" / "manifest.json").unlink(missing_ok=True)
        assert listed(tmp_path / "one")[0]["state"] == state
    assert run(["adapter", "list", str(tmp_path / "one" / "model")]) == 0
    assert "is gone" in capsys.readouterr().out


def test_what_is_trained_is_said(folder: Path, tmp_path: Path, capsys: Any) -> None:
    numbers = sum(tensor.numel() for tensor in load_file(folder / "one" / "model" / "model.safetensors").values())
    train(adapting(folder), tmp_path / "run", start_from=folder / "base", report=False)
    assert f"parameters, of which {numbers} learn, on" in capsys.readouterr().err
    card = (tmp_path / "run" / "README.md").read_text()
    sha = json.loads((tmp_path / "run" / "model" / "base.json").read_text())["sha256"]
    assert "| adapters | lora of rank 2 on attention and feedforward |" in card
    assert f"SHA-256 {sha} |" in card
    lines = [line for line in RECIPE.splitlines() if not line.startswith("model:")]
    (tmp_path / "adapt.yaml").write_text("\n".join(lines).replace("text.txt", str(folder / "text.txt")))
    made = ["plan", str(tmp_path / "adapt.yaml"), "--start-from", str(folder / "base"), "--adapt.rank", "2"]
    assert run([*made, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["memory"]["gradients"] == 4 * plan["learning"]
    step = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1]
    written = [tensor for file in step.glob("*.safetensors") for tensor in load_file(file).values()]
    assert plan["checkpoint"] == sum(tensor.nbytes for tensor in written if tensor.ndim)
    assert plan["adapters"] == "lora of rank 2 on attention, recurrent and feedforward"
    assert run(made) == 0
    assert f"of which {plan['learning']:,} learn" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"freeze": 1},
        {"average": 0.9},
        {"optimizer": "muon"},
        {"layer_decay": 0.5},
    ],
    ids=str,
)
def test_a_training_of_adapters_goes_on_bit_for_bit(changes: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    """Its first half is a run of its own, whose checkpoint and model can be used."""
    recipe = adapting(folder)
    base = folder / "base"
    if "freeze" in changes:
        base = tmp_path / "base"
        deep = read_recipe(folder / "recipe.yaml", {"model": MODEL.replace("layers: 1", "layers: 2")})
        train(deep, base, report=False)
    recipe = recipe.replace(training={**changes, "schedule": "constant", "warmup_steps": 0, "steps": 12})
    train(recipe, tmp_path / "whole", start_from=base, report=False)
    train(recipe.replace(training={"steps": 8}), tmp_path / "half", start_from=base, report=False)
    half = sorted((tmp_path / "half" / "checkpoints").glob("step-*"))[-1]
    before = logits(langue.load(half))
    train(recipe, tmp_path / "half", resume=True, report=False)
    one, other = (sorted((tmp_path / name / "checkpoints").glob("step-*"))[-1] for name in ("whole", "half"))
    for file in one.glob("*.safetensors"):
        first, second = load_file(file), load_file(other / file.name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first), file.name
    assert not torch.equal(logits(langue.load(other)), before)
    assert torch.isfinite(logits(langue.load(tmp_path / "half"))).all()


def test_a_resumed_training_knows_its_base(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "base", tmp_path / "base")
    recipe = adapting(folder).replace(training={"schedule": "constant", "warmup_steps": 0, "steps": 8})
    train(recipe, tmp_path / "run", start_from=tmp_path / "base", report=False)
    shutil.rmtree(tmp_path / "base")
    shutil.copytree(folder / "other", tmp_path / "base")
    with pytest.raises(LangueError, match="weights are not those that"):
        train(recipe.replace(training={"steps": 12}), tmp_path / "run", resume=True, report=False)


class Indifferent(Causal):
    """A loss that no weight has a say in."""

    def loss(self, model: Any, batch: Any) -> Any:
        loss = super().loss(model, batch)
        return replace(loss, total=loss.total * 0)


def test_adapters_that_stay_at_zero_are_an_error() -> None:
    adapter = AdapterConfig(rank=2)
    training = trainer(objective=Indifferent(), adapter=adapter)
    with pytest.raises(LangueError, match="all adapters are still zero after 10 steps: no gradient reaches them"):
        training.run()
    assert training.progress.step == 10
    trainer(objective=Indifferent()).run()
    trainer(adapter=adapter).run()


def test_the_recipe_that_comes_along_says_on_what() -> None:
    """YAML 1.1 takes a bare `on` for true."""
    recipe = read_recipe("adapt")
    assert recipe.adapt is not None
    assert recipe.adapt.on == ("attention", "feedforward")


def test_the_average_of_checkpoints_of_adapters_stands_on_their_base(folder: Path, tmp_path: Path) -> None:
    places = sorted((folder / "one" / "checkpoints").glob("step-*"))
    assert run(["average", str(folder / "one"), "--last", str(len(places)), "--out", str(tmp_path / "mean")]) == 0
    mean, each = (
        load_file(tmp_path / "mean/model/model.safetensors"),
        [load_file(p / "model.safetensors") for p in places],
    )
    for name, value in mean.items():
        torch.testing.assert_close(value, torch.stack([one[name] for one in each]).mean(0))
    assert langue.load(tmp_path / "mean").model.base == langue.load(folder / "one").model.base
