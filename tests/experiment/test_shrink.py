"""Shrinking: a smaller model in a folder of its own, what it cost beside it, and nothing where something is wrong."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import langue
from langue import cli
from langue.errors import LangueError
from langue.evaluation.rows import split_rows
from langue.experiment import RunFolder, train
from langue.experiment.shrink import shrink
from langue.metrics.cost import Cost
from langue.models import load_model
from langue.report.cost import read_cost
from langue.tasks.recipes import read_recipe
from tiny import text, write_tiny

RECIPE = """\
task: generate
tokenizer: {kind: char}
model: {layers: 3, width: 16, heads: 4, key_heads: 2, context: 16, feedforward: swiglu, feedforward_width: 24}
data: {train: text.txt, dev: 0.2}
training: {steps: 2, batch_size: 4, checkpoint_every: 2, device: cpu}
samples: {max_tokens: 0}
"""
KEEP = "heads:0.5,feedforward:12,layers:2"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shrink")
    train(read_recipe(write_tiny(folder, RECIPE)), folder / "run", report=False)
    (folder / "other.txt").write_text(text(400, seed=5), encoding="utf-8")
    return folder / "run"


@pytest.fixture(scope="module")
def small(run: Path) -> tuple[Path, Cost]:
    return run.with_name("small"), shrink(run, run.with_name("small"), keep=KEEP, seconds=0.01)


def test_what_comes_out_is_a_run_of_a_smaller_model(run: Path, small: tuple[Path, Cost]) -> None:
    folder, cost = small
    model, whole = load_model(folder / "model"), load_model(run / "model")
    [spec] = model.config.layer_pattern
    assert (model.config.layers, spec.mixer.heads, spec.mixer.key_heads, spec.mixer.head_width) == (2, 2, 1, 4)
    assert spec.feedforward is not None
    assert spec.feedforward.width == 12
    assert RunFolder(folder).recipe().model.architecture() == model.config
    assert len(langue.load(folder, "cpu").generate("the ", max_tokens=3, seed=1)) == 3
    assert cost.after.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert cost.before.parameters == sum(parameter.numel() for parameter in whole.parameters())
    assert cost.after.disk == (folder / "model" / "model.safetensors").stat().st_size
    assert cost.after.memory == sum(parameter.nbytes for parameter in model.parameters()) + 4 * 16 * 2 * 2
    assert cost == read_cost(folder)


def test_a_smaller_model_learns_on(run: Path, small: tuple[Path, Cost]) -> None:
    done = train(small[0] / "recipe.yaml", run.with_name("more"), start_from=small[0], report=False)
    assert done.step == 2
    assert load_model(run.with_name("more") / "model").config == load_model(small[0] / "model").config


def test_losses_are_those_of_rows_that_nothing_was_chosen_by(run: Path, small: tuple[Path, Cost]) -> None:
    task = langue.load(run, "cpu")
    split = split_rows(task, run, RunFolder(run).recipe(), None, None)
    tokens = np.fromfile(run / "data" / "dev" / "shard-00000.bin", np.uint16)
    windows = [tuple(tokens[start : start + 14]) for start in range(0, len(tokens) - 14, 14)]
    chosen, measured = ([tuple(batch.ids[0].tolist()) for batch in part.batches] for part in (split[0], split[2]))
    assert sorted(chosen + measured) == sorted(windows)
    assert len(measured) == small[1].loss.rows == len(windows) // 2
    for place, name in enumerate(("before", "after")):
        sums = split.measure.sums(load_model((run, small[0])[place] / "model"))
        assert getattr(small[1].loss, name) == pytest.approx(sums[:, 0].sum() / sums[:, 1].sum())
    assert small[1].loss.low <= small[1].loss.difference <= small[1].loss.high


def test_card_and_page_say_the_same(small: tuple[Path, Cost]) -> None:
    folder, cost = small
    card, page = ((folder / name).read_text(encoding="utf-8") for name in ("README.md", "cost.html"))
    for number in (f"{cost.loss.before:.4f}", f"{cost.loss.after:.4f}", f"{cost.loss.low:+.4f}"):
        assert number in card
        assert number in page
    assert KEEP in card
    assert KEEP in page
    assert not re.search(r"(src|href)=|url\(|https?:", page)
    assert "prefers-color-scheme: dark" in page


def test_checkpoints_and_published_folders_shrink_as_well(run: Path, tmp_path: Path) -> None:
    other, options = run.with_name("other.txt"), {"keep": {"layers": 2}, "seconds": 0.01}
    cost = shrink(run / "checkpoints" / "step-00000002", tmp_path / "a", measure=other, **options)
    assert (cost.measured_on, cost.calibrated_on) == ("other.txt", "dev data of run")
    assert cli.run(["export", str(run), str(tmp_path / "hf")]) == 0
    cost = shrink(tmp_path / "hf", tmp_path / "b", calibrate=other, **options)
    assert (cost.measured_on, cost.calibrated_on) == ("other.txt", "other.txt")
    assert langue.load(tmp_path / "b", "cpu").model.config.layer_count == 2
    assert cli.run(["export", str(tmp_path / "b"), str(tmp_path / "again")]) == 0
    assert json.loads((tmp_path / "again" / "config.json").read_text())["num_hidden_layers"] == 2


def test_adapters_become_part_of_what_is_left(run: Path, tmp_path: Path) -> None:
    adapt = {"kind": "lora", "rank": 1, "on": ["attention"]}
    recipe = read_recipe({**RunFolder(run).recipe().model_dump(mode="json"), "adapt": adapt})
    train(recipe, tmp_path / "adapted", start_from=run, report=False)
    cost = shrink(tmp_path / "adapted", tmp_path / "new", keep={"layers": 2}, seconds=0.01)
    model, kept = langue.load(tmp_path / "new", "cpu").model, load_model(run / "model")
    assert model.config.adapter is None
    assert RunFolder(tmp_path / "new").recipe().adapt is None
    assert cost.after.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert cost.before.disk > (run / "model" / "model.safetensors").stat().st_size
    assert cost.before.parameters > sum(parameter.numel() for parameter in kept.parameters())


def test_the_command_prints_what_it_writes(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["shrink", str(run), "--keep", "layers:2", "--out", str(tmp_path / "new")]
    assert cli.run([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"run": str(tmp_path / "new"), **json.loads((tmp_path / "new" / "cost.json").read_text())}


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ("heads:0", "of heads 0 would be left, which is nothing"),
        ("layers:1.5", "layers:1.5 is a share above 1"),
        ("layers:-1", "of layers -1 would be left"),
        ("head:0.5", "there is no part 'head'; did you mean heads?"),
        ("layers", "the amount of 'layers' is missing"),
        ("layers:x", "the amount of 'layers' is not a number"),
        ("layers:2,layers:1", "layers stands there twice"),
        ("layers:nan", "layers should be a number or a share"),
        ("", "keep names no part of a model"),
        ("layers:4", "layers:4 cannot be, since the model has 3"),
        ("heads:5", "heads:5 cannot be, since no layer has more than 4"),
    ],
)
def test_what_cannot_be_kept_is_refused(keep: str, said: str, run: Path, tmp_path: Path) -> None:
    with pytest.raises(LangueError, match=re.escape(said)):
        shrink(run, tmp_path / "new", keep=keep)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("the king", r"is shorter than a row, which takes 15 tokens; give a longer text"),
        ("ЖЖЖЖ" * 99, "100% of the characters are unknown to it"),
        ("", "there is no text"),
    ],
)
def test_a_text_that_does_not_do_is_refused(content: str, said: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(content, encoding="utf-8")
    with pytest.raises(LangueError, match=said):
        shrink(run, tmp_path / "new", keep="layers:2", calibrate=tmp_path / "new.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]


def test_a_place_that_is_taken_is_refused(run: Path, small: tuple[Path, Cost]) -> None:
    before = sorted(path for path in run.rglob("*"))
    for place in (run, run / "."):
        with pytest.raises(LangueError, match="is the model itself, which stays as it is"):
            shrink(run, place, keep="layers:2")
    with pytest.raises(LangueError, match="small already exists"):
        shrink(run, small[0], keep="layers:2")
    with pytest.raises(LangueError, match="there is nothing to do; say --to int8, or what to keep"):
        shrink(run, run.with_name("new"))
    assert sorted(path for path in run.rglob("*")) == before


def test_a_run_without_data_wants_a_file(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "model", tmp_path / "bare" / "model")
    shutil.copy(run / "tokenizer.json", tmp_path / "bare")
    with pytest.raises(LangueError, match="comes without data that it has not learnt from; name a file: --calibrate"):
        shrink(tmp_path / "bare", tmp_path / "new", keep="layers:2")
    assert np.array(sorted(path.name for path in tmp_path.iterdir())).tolist() == ["bare"]


def test_a_loss_that_rises_by_too_much_leaves_nothing(
    run: Path, small: tuple[Path, Cost], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loss = small[1].loss
    rise = 100 * (loss.after / loss.before - 1)
    assert shrink(run, tmp_path / "near", keep=KEEP, at_most=rise + 0.01, seconds=0.01).loss == loss
    options = ["--keep", KEEP, "--at-most", str(rise - 0.01), "--out", str(tmp_path / "far")]
    assert cli.run(["shrink", str(run), *options]) == 2
    assert f"rises by {rise:.2f} %, from {loss.before:.4f} to {loss.after:.4f}" in capsys.readouterr().err
    assert not (tmp_path / "far").exists()


def test_adapters_may_lose_little_when_they_are_merged_into_few_bits(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe({**RunFolder(run).recipe().model_dump(mode="json"), "adapt": {"rank": 1, "on": ["attention"]}})
    train(recipe, tmp_path / "adapted", start_from=run, report=False)
    cost = shrink(tmp_path / "adapted", tmp_path / "few", to="int8", seconds=0.01)
    assert abs(cost.loss.difference) < 0.005 * cost.loss.before
    monkeypatch.setattr("langue.experiment.shrink.MERGED_AT_MOST", -50.0)
    with pytest.raises(LangueError, match=r"and may by -50 %; take more bits, or allow it by --at-most"):
        shrink(tmp_path / "adapted", tmp_path / "none", to="int8", seconds=0.01)
    shrink(run, tmp_path / "plain", to="int8", seconds=0.01)
    assert not (tmp_path / "none").exists()
