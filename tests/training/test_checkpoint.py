"""Checkpoints: whole or not there, damage always found, and the one before still good."""

import os
import re
import shutil
import subprocess
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import langue
from langue.errors import LangueError
from langue.models import build
from langue.training import checkpoint
from langue.training.checkpoint import Checkpoint, latest, load, save, verify
from ready_python import ready_python
from tiny_training import everything, same, trainer

FILES = ["model.safetensors", "optimizer.safetensors", "average.safetensors", "state.json", "manifest.json"]


@pytest.fixture
def folder(tmp_path):
    training = trainer(tmp_path, steps=8, average=0.9)
    training.run()
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000004", "step-00000008"]
    return tmp_path / "checkpoints"


def test_a_checkpoint_holds_what_it_should_and_nothing_that_runs(folder):
    assert sorted(file.name for file in (folder / "step-00000008").iterdir()) == sorted(FILES)
    found = latest(folder)
    assert found.step == 8
    assert found.state["seed"] == 0
    assert not any(b"pickle" in file.read_bytes() for file in (folder / "step-00000008").iterdir())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing", "empty"])
def test_damage_is_named_and_the_one_before_is_used(folder, name, damage):
    path = folder / "step-00000008" / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        if damage == "flipped":
            content[len(content) // 2] ^= 1
        path.write_bytes({"flipped": content, "truncated": content[:-1], "empty": b""}[damage])
    with pytest.raises(LangueError, match=f"step-00000008 is damaged: .*{name}"):
        load(folder / "step-00000008")
    with pytest.warns(UserWarning, match=f"step-00000008 is damaged: .*{name}"):
        assert latest(folder).step == 4
    assert sorted(p.name for p in folder.iterdir()) == ["step-00000004", "step-00000008.damaged"]


def test_a_flip_of_any_byte_is_found(folder):
    """Every file, at many places from first to last."""
    for name in FILES:
        path = folder / "step-00000008" / name
        content = path.read_bytes()
        for place in {0, len(content) - 1, *range(0, len(content), max(1, len(content) // 15))}:
            path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
            with pytest.raises(LangueError, match="damaged"):
                verify(folder / "step-00000008")
        path.write_bytes(content)
    verify(folder / "step-00000008")


def test_a_file_that_somebody_put_there_is_not_read_and_not_removed(folder):
    (folder / "step-00000008" / "other.safetensors").write_bytes(b"mine")
    assert sorted(load(folder / "step-00000008").tensors) == ["average", "model", "optimizer"]
    for step in (9, 10):
        save(folder, Checkpoint(step, {}, holding(step)), keep=1)
    assert [path.name for path in (folder / "step-00000008").iterdir()] == ["other.safetensors"]
    assert latest(folder).step == 10


def test_a_white_space_too_many_is_found(folder):
    """Every byte is accounted for, even where a change would mean nothing."""
    path = folder / "step-00000008" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"\n  ", b"\n\t ", 1))
    with pytest.raises(LangueError, match=r"manifest\.json is not as Langue writes it"):
        verify(folder / "step-00000008")


def test_a_file_that_cannot_be_read_is_damage(folder):
    path = folder / "step-00000008" / "optimizer.safetensors"
    path.unlink()
    path.mkdir()
    with pytest.warns(UserWarning, match=r"optimizer\.safetensors cannot be read"):
        assert latest(folder).step == 4


def test_where_nothing_is_whole_there_is_nothing(folder):
    for path in folder.glob("step-*"):
        (path / "state.json").unlink()
    with pytest.warns(UserWarning, match="damaged"):
        assert latest(folder) is None
    assert latest(folder / "nowhere") is None


def test_only_the_last_are_kept_and_what_a_kill_left_is_no_checkpoint(tmp_path):
    (tmp_path / ".step-00000009.writing").mkdir()
    (tmp_path / "step-abc").mkdir()
    for step in (1, 2, 3, 10):
        save(tmp_path, Checkpoint(step, {}, {"model": {"w": torch.tensor([float(step)])}}), keep=2)
    assert sorted(p.name for p in tmp_path.glob("step-0*")) == ["step-00000003", "step-00000010"]
    assert latest(tmp_path).tensors["model"]["w"].item() == 10.0


def holding(value):
    return {"model": {"w": torch.tensor([float(value)])}}


def test_what_kills_left_of_other_steps_goes_when_the_next_stands(tmp_path):
    code = f"""
        import os, signal
        from pathlib import Path
        from langue.files import replacing
        with replacing(Path({str(tmp_path)!r}) / "step-00000002") as place:
            place.mkdir()
            (place / "model.safetensors").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([*ready_python(), "-c", textwrap.dedent(code)]).returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    assert latest(tmp_path) is None
    save(tmp_path, Checkpoint(3, {}, holding(3)), keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_a_damaged_one_does_not_push_a_whole_one_out(tmp_path):
    for step in (4, 7):
        save(tmp_path, Checkpoint(step, {}, holding(step)), keep=2)
    (tmp_path / "step-00000007" / "state.json").unlink()
    with pytest.warns(UserWarning, match="step-00000007 is damaged"):
        assert latest(tmp_path).step == 4
    save(tmp_path, Checkpoint(8, {}, holding(8)), keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000004", "step-00000007.damaged", "step-00000008"]


@pytest.mark.parametrize("keep", [1, 2])
def test_what_was_just_written_is_never_removed(tmp_path, keep):
    """Not even when training went on from an earlier step than the last."""
    for step in (4, 8):
        save(tmp_path, Checkpoint(step, {}, holding(step)), keep=2)
    save(tmp_path, Checkpoint(6, {}, holding(6)), keep)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["step-00000004", "step-00000006", "step-00000008"][2 - keep :]


@pytest.mark.parametrize("place", range(1, 16))
def test_a_crash_at_any_moment_of_saving_leaves_the_old_or_the_new(tmp_path, monkeypatch, place):
    """A power cut at each of the calls that change the disk's names or wait for it."""
    save(tmp_path, Checkpoint(1, {}, holding(1)), keep=1)
    calls = []

    def until(function):
        def counted(*arguments, **options):
            calls.append(function)
            if len(calls) >= place:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return counted

    for module, name in ((os, "replace"), (os, "fsync"), (shutil, "rmtree"), (checkpoint, "save_file")):
        monkeypatch.setattr(module, name, until(getattr(module, name)))
    with suppress(KeyboardInterrupt):
        save(tmp_path, Checkpoint(2, {}, holding(2)), keep=1)
    monkeypatch.undo()
    found = latest(tmp_path)
    assert found.tensors["model"]["w"].item() == found.step
    if len(calls) < place:
        assert found.step == 2
    save(tmp_path, Checkpoint(3, {}, holding(3)), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_nothing_in_the_house_reads_or_writes_pickles():
    house = Path(langue.__file__).parent
    unsafe = re.compile(
        r"\b(import pickle|from pickle|torch\.(save|load)\b|(joblib|shelve|marshal)\b|allow_pickle(?!=False))"
    )
    assert not [path for path in house.rglob("*.py") if unsafe.search(path.read_text(encoding="utf-8"))]


def test_saving_a_step_again_replaces_it(tmp_path):
    for value in (1.0, 2.0):
        save(tmp_path, Checkpoint(5, {}, {"model": {"w": torch.tensor([value])}}), keep=2)
    assert latest(tmp_path).tensors["model"]["w"].item() == 2.0


FULL = """
import resource, sys, torch
from pathlib import Path
from langue.errors import LangueError
from langue.models import build
from langue.training.checkpoint import Checkpoint, save
folder = Path(sys.argv[1])
save(folder, Checkpoint(1, {}, {"model": {"w": torch.zeros(10)}}), keep=1)
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save(folder, Checkpoint(2, {}, {"model": {"w": torch.zeros(100_000)}}), keep=1)
except LangueError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence_and_the_old_checkpoint_is_whole(tmp_path):
    done = subprocess.run([*ready_python(), "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "could not be written" in done.stdout
    assert "by --resume of langue train; what was saved before is whole" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert latest(tmp_path).step == 1


def test_what_is_not_trained_is_written_once_for_all_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr("tiny_training.build", lambda *arguments, **options: half_frozen(build(*arguments, **options)))
    whole = trainer(None, average=0.9, steps=8)
    whole.run()
    training = trainer(tmp_path, average=0.9, steps=8, checkpoint_every=3)
    training.run(pause=lambda: training.progress.step == 7)
    names = {name for name, parameter in training.model.named_parameters() if not parameter.requires_grad}
    (file,) = (tmp_path / "checkpoints").glob("frozen-*.safetensors")
    assert load_file(file).keys() == names
    found = latest(tmp_path / "checkpoints")
    assert not names & (found.tensors["model"].keys() | found.tensors["average"].keys())
    assert found.weights(averaged=True).keys() == dict(training.model.named_parameters()).keys()
    # A first value that became another meanwhile is the run's own again.
    again = trainer(tmp_path, average=0.9, steps=8, checkpoint_every=3)
    with torch.no_grad():
        again.model.embedding.table.weight.add_(1)
    again.resume(found)
    again.run()
    assert same(everything(again), everything(whole))


def half_frozen(model):
    model.embedding.requires_grad_(False)
    return model


@pytest.mark.parametrize("fault", ["missing", "flipped"])
def test_damaged_frozen_weights_are_named(tmp_path, monkeypatch, fault):
    monkeypatch.setattr("tiny_training.build", lambda *arguments, **options: half_frozen(build(*arguments, **options)))
    trainer(tmp_path, steps=2).run()
    (file,) = (tmp_path / "checkpoints").glob("frozen-*.safetensors")
    if fault == "missing":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-3] ^= 4
        file.write_bytes(content)
    with pytest.raises(LangueError, match=file.name):
        checkpoint.load(next((tmp_path / "checkpoints").glob("step-*")))
