"""Stopped anywhere and gone on with, a training ends where it would have ended, bit for bit."""

import json
import os
import signal
import time
from dataclasses import replace

import pytest
import torch

from langue.adapters import AdapterConfig
from langue.errors import LangueError
from langue.objectives import Causal
from langue.training import Watch, checkpoint, latest
from tiny_training import Rows, everything, same, trainer, watching

TIMES = ("seconds", "tokens_per_second", "waited", "peak_share", "crc32")


def lines(folder):
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in found]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    training = trainer(folder, average=0.9)
    training.run()
    return training, folder


class Interrupt(Causal):
    """Sends this process signals while a step is on its way."""

    def __init__(self, step, *numbers):
        super().__init__()
        self.until, self.numbers = step, numbers

    def loss(self, model, batch):
        if self.until == 0:
            for number in self.numbers:
                os.kill(os.getpid(), number)
        self.until -= 1
        return super().loss(model, batch)


@pytest.mark.parametrize(("step", "number"), [*((step, signal.SIGTERM) for step in range(11)), (5, signal.SIGINT)])
def test_a_signal_saves_and_the_rest_follows_bit_for_bit(whole, tmp_path, step, number):
    expected, folder = whole
    first = trainer(tmp_path, average=0.9, objective=Interrupt(step, number))
    first.run()
    assert first.stopped == "interrupted"
    assert first.progress.step == step + 1
    second = trainer(tmp_path, average=0.9)
    second.resume(latest(tmp_path / "checkpoints"))
    second.run()
    assert same(everything(second), everything(expected))
    assert second.progress.best == expected.progress.best
    assert second.progress.tokens == expected.progress.tokens
    # Also a line that had gathered but some of its steps when the signal came.
    assert lines(tmp_path) == lines(folder)
    last = "checkpoints/step-00000012"
    for name in ("model", "optimizer", "average"):
        assert (tmp_path / last / f"{name}.safetensors").read_bytes() == (
            folder / last / f"{name}.safetensors"
        ).read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_hybrid_goes_on_bit_for_bit(tmp_path, optimizer):
    layers = ["gru", "attention", {"mixer": "window", "window": 3}]
    expected = trainer(layers=layers, optimizer=optimizer)
    expected.run()
    first = trainer(tmp_path, layers=layers, optimizer=optimizer, objective=Interrupt(5, signal.SIGTERM))
    first.run()
    second = trainer(tmp_path, layers=layers, optimizer=optimizer)
    second.resume(latest(tmp_path / "checkpoints"))
    second.run()
    assert same(everything(second), everything(expected))


ADAPTER = AdapterConfig(rank=2, dropout=0.1)


def test_adapters_go_on_bit_for_bit(tmp_path):
    expected, first, second = (
        trainer(adapter=ADAPTER),
        trainer(tmp_path, adapter=ADAPTER, objective=Interrupt(5, signal.SIGTERM)),
        trainer(tmp_path, adapter=ADAPTER),
    )
    before = {name: parameter.clone() for name, parameter in first.model.named_parameters()}
    expected.run()
    first.run()
    second.resume(latest(tmp_path / "checkpoints"))
    second.run()
    assert same(everything(second), everything(expected))
    for name, parameter in second.model.named_parameters():
        assert parameter.requires_grad == name.endswith((".up", ".down"))
        assert torch.equal(parameter, before[name]) != parameter.requires_grad, name


@pytest.mark.parametrize("moment", ["evaluate", "keep_best", "sample", "save_file"])
def test_a_signal_between_steps_spoils_nothing(whole, tmp_path, monkeypatch, moment):
    """It comes while something else is going on, which is finished first; so is the step after."""
    expected, folder = whole
    sent = []

    def shot(function):
        def once(*arguments, **options):
            found = function(*arguments, **options)
            if not sent:
                sent.append(os.kill(os.getpid(), signal.SIGTERM))
            return found

        return once

    watch = watching()
    if moment == "save_file":
        monkeypatch.setattr(checkpoint, moment, shot(checkpoint.save_file))
    else:
        watch = replace(watch, **{moment: shot(watch.evaluate)})
    first = trainer(tmp_path, average=0.9, watch=watch)
    first.run()
    assert (first.stopped, first.progress.step) == ("interrupted", 5 if moment == "save_file" else 4)
    second = trainer(tmp_path, average=0.9)
    second.resume(latest(tmp_path / "checkpoints"))
    second.run()
    assert same(everything(second), everything(expected))
    if moment != "sample":  # which puts a text into the line
        assert lines(tmp_path) == lines(folder)


def test_a_second_sigterm_does_not_break_the_last_save(tmp_path, monkeypatch):
    """A scheduler that is in a hurry may send more than one."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: pytest.fail("nobody listened"))
    whole_save = checkpoint.save_file
    monkeypatch.setattr(
        checkpoint, "save_file", lambda *given: (os.kill(os.getpid(), signal.SIGTERM), whole_save(*given))
    )
    try:
        training = trainer(tmp_path, objective=Interrupt(0, signal.SIGTERM))
        training.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert latest(tmp_path / "checkpoints").step == 1


def test_a_second_ctrl_c_stops_at_once():
    training = trainer(objective=Interrupt(0, signal.SIGINT, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        training.run()
    assert training.progress.step == 0


def test_another_seed_is_another_training(tmp_path):
    first = trainer(tmp_path)
    first.step()
    first.save()
    with pytest.raises(LangueError, match=r"step 1 was made with training\.seed 0, not 3"):
        trainer(tmp_path, seed=3).resume(latest(tmp_path / "checkpoints"))


def test_seconds_go_on_from_where_they_were(tmp_path):
    """Time before a stop counts; time between stop and resumption does not."""
    changes = {"steps": None, "seconds": 0.6, "checkpoint_every": 1000}
    first = trainer(tmp_path, objective=Interrupt(3, signal.SIGTERM), **changes)
    first.run()
    spent = first.progress.seconds
    time.sleep(0.3)
    second = trainer(tmp_path, **changes)
    second.resume(latest(tmp_path / "checkpoints"))
    assert second.progress.seconds == pytest.approx(spent, abs=0.05)
    begun = time.monotonic()
    second.run()
    assert second.progress.seconds >= 0.6
    assert time.monotonic() - begun >= 0.6 - spent - 0.05


def test_a_crash_goes_back_to_the_last_checkpoint_and_no_step_is_written_twice(whole, tmp_path):
    expected, folder = whole

    class Crash(Rows):
        def __getitem__(self, step):
            if step == 7:
                raise RuntimeError("lightning")
            return super().__getitem__(step)

    with pytest.raises(RuntimeError, match="lightning"):
        trainer(tmp_path, average=0.9, rows=Crash()).run()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "spl')  # a line that the crash cut short
    rows = Rows()
    second = trainer(tmp_path, average=0.9, rows=rows)
    second.resume(latest(tmp_path / "checkpoints"))
    second.run()
    assert min(rows.asked) == 4 * 4  # it goes on with the rows of step 4, and asks for none before
    assert same(everything(second), everything(expected))
    assert lines(tmp_path) == lines(folder)


def test_patience_and_skipped_steps_are_remembered(tmp_path):
    def watch():
        return Watch(evaluate=lambda model: {"loss": 1.0})

    first = trainer(tmp_path, steps=100, evaluate_every=2, patience=5, checkpoint_every=6, watch=watch())
    while first.progress.step < 6:
        first._after_step(first.step())
    first.progress.skipped = 2
    first.save()
    second = trainer(tmp_path, steps=100, evaluate_every=2, patience=5, watch=watch())
    second.resume(latest(tmp_path / "checkpoints"))
    assert second.progress == first.progress
    assert second.progress.since_best == 2
    second.run()
    assert second.progress.step == 12


def test_a_loss_that_never_was_finite_is_kept_as_such(tmp_path):
    training = trainer(tmp_path, watch=Watch())
    training.step()
    training.save()
    again = trainer(tmp_path, watch=watching())
    again.resume(latest(tmp_path / "checkpoints"))
    assert again.progress.best is None
