"""Shrinking to few bits: runs that every verb takes, what they cost, and nothing where something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import langue
from langue import cli
from langue.errors import LangueError
from langue.experiment import RunFolder, train
from langue.experiment.shrink import shrink
from langue.models import load_model
from langue.quantization.formats import WRITABLE
from langue.quantization.linear import quantized_layers
from langue.tasks.recipes import read_recipe
from tiny import text, write_tiny

RECIPE = """\
task: generate
tokenizer: {kind: char}
model: {preset: llama-nano, layers: 2, width: 64, heads: 4, key_heads: 2, context: 32, feedforward_width: 128}
data: {train: text.txt, dev: 0.3}
training: {steps: 30, batch_size: 8, checkpoint_every: 30, device: cpu, learning_rate: 3.0e-3}
samples: {max_tokens: 0}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bits")
    train(read_recipe(write_tiny(folder, RECIPE)), folder / "run", report=False)
    (folder / "short.txt").write_text("a", encoding="utf-8")
    (folder / "other.txt").write_text(text(400, seed=5), encoding="utf-8")
    return folder / "run"


@pytest.mark.parametrize("format", WRITABLE)
def test_what_comes_out_is_a_run_of_fewer_bits(format: str, run: Path) -> None:
    out = run.with_name(format)
    cost = shrink(run, out, to=format, seconds=0.01)  # type: ignore[arg-type]
    model = load_model(out / "model")
    formats = {layer.format.name for layer in quantized_layers(model).values()}
    assert formats == ({format, "q8_0"} if WRITABLE[format].bits < 8 else {format})
    assert cost.before.parameters == cost.after.parameters
    assert cost.after.disk < 0.4 * cost.before.disk
    assert cost.steps == [f"to {format}" + (" by gptq" if WRITABLE[format].bits < 8 else "")]
    assert abs(cost.loss.difference) < 0.02
    assert RunFolder(out).recipe().model.architecture() == model.config
    task = langue.load(out, "cpu")
    assert len(task.generate("the ", max_tokens=3, seed=1)) == 3
    measured = langue.evaluate(out, run.with_name("other.txt"))["metrics"]["loss"]
    assert measured == pytest.approx(langue.evaluate(run, run.with_name("other.txt"))["metrics"]["loss"], abs=0.05)


def test_fewer_bits_are_widened_when_they_learn_on(run: Path) -> None:
    out = run.with_name("learning")
    shrink(run, out, to="int8", seconds=0.01)
    done = train(read_recipe(out / "recipe.yaml"), run.with_name("further"), start_from=out, report=False)
    assert done.step == 30
    assert load_model(run.with_name("further") / "model").config.quantization is None


def test_parts_go_before_bits(run: Path) -> None:
    out = run.with_name("both")
    cost = shrink(run, out, keep="heads:0.5", to="q8_0", seconds=0.01)
    assert cost.steps == ["keep heads:0.5", "to q8_0"]
    assert load_model(out / "model").config.heads == 2


def test_faults_are_one_sentence_and_leave_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run.with_name("nothing")
    for options, fault in (
        ({"to": "int3"}, "there is no format 'int3'; did you mean int8?"),
        ({"method": "gptq"}, "method gptq is a way to round to few bits; say to which, such as --to q4_0"),
        ({"to": "q4_0", "calibrate": run.with_name("short.txt")}, "short.txt"),
    ):
        with pytest.raises(LangueError, match=fault.replace("?", r"\?")):
            shrink(run, out, **options, seconds=0.01)  # type: ignore[arg-type]
        assert not out.exists()
    assert cli.run(["shrink", str(run), "--to", "int3", "--out", str(out)]) == 2
    assert "int8" in capsys.readouterr().err
