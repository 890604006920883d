"""Two processes that hold a model in any way train it as one process does, and one goes on from what they saved."""

import shutil
from pathlib import Path

import pytest
import torch
from parallel_training import ADAPTED, training
from safetensors.torch import load_file

from langue.training import latest
from tiny_training import everything
from two_processes import outputs_of_two

KINDS = (("replicated",), ("sharded",), ("tensor",), ("replicated", "adapted"), ("sharded", "adapted"))


@pytest.fixture(scope="module", params=KINDS, ids=" ".join)
def trained(request, tmp_path_factory):
    """Kind, what else is another than usual, folder, and how many numbers each process held."""
    folder = tmp_path_factory.mktemp(request.param[0])
    outputs = outputs_of_two(Path(__file__).with_name("parallel_training.py"), folder, *request.param)
    return request.param[0], ADAPTED if request.param[1:] else {}, folder, [int(output) for output in outputs]


def test_they_train_as_one(trained):
    _, changes, folder, _ = trained
    alone = training(0, 1, **changes)
    alone.run()
    expected, found = everything(alone), load_file(folder / "trained.safetensors")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-9, rtol=1e-9, msg=name)


def test_each_holds_its_part(trained):
    kind, changes, _, held = trained
    named = dict(training(0, 1, **changes).model.named_parameters())
    whole = sum(parameter.numel() for parameter in named.values())
    shared_out = sum(parameter.numel() for name, parameter in named.items() if "mixer" in name or "feedforward" in name)
    if kind == "sharded":
        assert sum(held) == whole + sum(parameter.ndim == 0 for parameter in named.values())
        assert max(held) < 0.55 * whole
    elif kind == "tensor":
        assert held == [whole - shared_out // 2] * 2
        assert shared_out > 0.8 * whole
    else:
        assert held == [whole, whole]


def test_one_process_goes_on_from_what_they_saved(trained, tmp_path):
    _, changes, folder, _ = trained
    shutil.copytree(folder / "run", tmp_path / "run")
    longer = training(0, 1, tmp_path / "run", steps=6, **changes)
    longer.resume(latest(tmp_path / "run" / "checkpoints"))
    assert longer.progress.step == 4
    longer.run()
    alone = training(0, 1, steps=6, **changes)
    alone.run()
    for name, value in everything(alone).items():
        torch.testing.assert_close(everything(longer)[name], value, atol=1e-9, rtol=1e-9, msg=name)
