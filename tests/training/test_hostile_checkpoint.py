"""Checkpoints whose hashes are right and whose content is not: one sentence names the file, and nothing has changed."""

import json
import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from langue.errors import LangueError
from langue.experiment.start import read_start
from langue.files import seal
from langue.training.average import mean_weights
from langue.training.checkpoint import latest, load
from langue.training.types import Progress
from tiny_training import everything, same, trainer

ODD = ["x", None, True, [], {}, [1], {"a": 1}, -1, -2.5, 1.5, 2**62, 10**30, 1e300, math.nan, math.inf, "\ud800"]
SOUND = {
    "best": [None, -1, -2.5, 1.5, 2**62, 1e300],
    "unlogged": [{}],
    "seconds": [1.5],
    "best_step": [-1],
    "tokens": [2**62],
    "seed": [-1, 2**62],
}
"""Of the odd values those that a training could have written."""


@pytest.fixture(scope="module", params=["adamw", "muon"])
def written(request, tmp_path_factory):
    """The folder of a checkpoint, and the optimizer of its training."""
    folder = tmp_path_factory.mktemp(request.param)
    training = trainer(folder, steps=4, average=0.9, optimizer=request.param)
    training.run()
    return folder / "checkpoints" / "step-00000004", request.param


@pytest.fixture
def place(written, tmp_path):
    return shutil.copytree(written[0], tmp_path / "checkpoints" / written[0].name), written[1]


def change_state(path, change):
    state = json.loads((path / "state.json").read_text())
    change(state)
    (path / "state.json").write_text(json.dumps(state))
    seal(path)


def refuse(place, file):
    """Resume, and look at what is said; the sentence."""
    path, optimizer = place
    training = trainer(average=0.9, optimizer=optimizer)
    before, progress = everything(training), training.progress.model_dump()
    with pytest.raises(LangueError) as caught:
        training.resume(load(path))
    assert str(path / file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert same(everything(training), before)
    assert training.progress.model_dump() == progress
    return str(caught.value)


def test_a_sound_one_is_taken_up(place):
    path, optimizer = place
    training = trainer(average=0.9, optimizer=optimizer)
    seal(path)
    training.resume(load(path))
    assert training.progress.step == 4


@pytest.mark.parametrize("name", Progress.model_fields)
def test_a_value_that_no_training_writes(place, name):
    for value in ODD:
        if value not in SOUND.get(name, []):
            change_state(place[0], lambda state, value=value: state.update({name: value}))
            refuse(place, "state.json")


@pytest.mark.parametrize("name", ["seed", "tokens", "best", "unlogged"])
def test_a_value_that_is_missing(place, name):
    change_state(place[0], lambda state: state.pop(name))
    assert f"state.json is damaged: it does not say {name}" in refuse(place, "state.json")


@pytest.mark.parametrize("name", ["tokns", "", "__class__", "a\nb", "self", "model_config"])
def test_a_name_that_nobody_knows(place, name):
    change_state(place[0], lambda state: state.update({name: 1}))
    assert "unknown key" in refuse(place, "state.json")


def test_the_step_of_another_folder(place):
    change_state(place[0], lambda state: state.update(step=5))
    assert "step cannot be 5 in step-00000004" in refuse(place, "state.json")
    with pytest.warns(UserWarning, match="step cannot be 5"):
        assert latest(place[0].parent) is None


@pytest.mark.parametrize("value", [[], "x", None])
def test_what_is_no_state(place, value):
    (place[0] / "state.json").write_text(json.dumps(value))
    seal(place[0])
    refuse(place, "state.json")


def lose(tensors):
    del tensors[sorted(tensors)[-1]]


def rename(tensors):
    tensors["x/y"] = tensors.pop(sorted(tensors)[0])


def add(tensors):
    tensors["x"] = torch.zeros(2)


def reshape(tensors):
    name = sorted(tensors)[0]
    tensors[name] = tensors[name].reshape(-1, 1, 1)


def recast(tensors):
    name = sorted(tensors)[-1]
    tensors[name] = tensors[name].to(torch.int64)


@pytest.mark.parametrize("change", [lose, rename, add, reshape, recast])
@pytest.mark.parametrize("name", ["model", "optimizer", "average"])
def test_tensors_of_another_training(place, name, change):
    path = place[0] / f"{name}.safetensors"
    tensors = load_file(path)
    lost = f"{sorted(tensors)[-1].rpartition('/')[0]}/"
    if change is lose and name == "optimizer" and sum(key.startswith(lost) for key in tensors) == 1:
        return  # a parameter that never had a gradient has no state either
    change(tensors)
    save_file(tensors, path)
    seal(place[0])
    assert "does not fit the training" in refuse(place, path.name)


@pytest.mark.parametrize("name", ["model", "optimizer", "average"])
def test_a_file_that_is_missing_or_no_tensors(place, name):
    path = place[0] / f"{name}.safetensors"
    path.write_bytes(b"no tensors")
    seal(place[0])
    refuse(place, path.name)
    path.unlink()
    seal(place[0])
    assert f"{path} is missing" in refuse(place, path.name)


def test_weights_that_are_missing_are_no_traceback_to_whoever_wants_them(place):
    (place[0] / "model.safetensors").unlink()
    seal(place[0])
    with pytest.raises(LangueError, match=r"model\.safetensors is missing"):
        mean_weights([place[0]])
    with pytest.raises(LangueError):
        read_start(place[0])
