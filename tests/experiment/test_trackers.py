"""Trackers get the numbers of metrics.jsonl, from their own files, and go on with the same run."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import struct
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelled_rows import learn, sentences, write_recipe, write_rows
from langue import cli
from langue.errors import LangueError
from langue.experiment import trackers as module
from langue.experiment.trackers import KINDS, check_installed
from langue.files.metric_rows import read_lines

ALL = "[tensorboard, trackio, wandb, mlflow]"
STEPS = {"training__schedule": "constant", "training__log_to": ALL}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A run of 20 steps that was gone on with to 40, and beside it what trackers keep elsewhere."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(folder / "trackio"))
        for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
            patch.delitem(sys.modules, name)  # which has read that when it was imported
        for name in ("WANDB_MODE", "WANDB_API_KEY", "MLFLOW_TRACKING_URI", "TRACKIO_SPACE_ID"):
            patch.delenv(name, raising=False)
        write_recipe(folder)
        write_rows(folder / "test.jsonl", sentences(20, seed=9))
        learn(folder, training__steps=20, data__test=str(folder / "test.jsonl"), **STEPS)
        learn(folder, training__steps=40, data__test=str(folder / "test.jsonl"), resume=True, **STEPS)
    return folder


@pytest.fixture(scope="module")
def written(store) -> dict[str, list[tuple[int, float]]]:
    """The numbers of metrics.jsonl, each with its step, by split and name."""
    numbers = defaultdict(list)
    for line in read_lines(store / "run" / "metrics.jsonl"):
        for name, value in line.values.items():
            if name != "step" and isinstance(value, int | float):
                numbers[f"{line.values['split']}/{name}"].append((line.values["step"], float(value)))
    assert {key.partition("/")[0] for key in numbers} == {"train", "dev", "test"}
    assert [step for step, _ in numbers["train/loss"]] == [10, 20, 30, 40]
    return dict(numbers)


def test_tensorboards_event_files(store, written):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(store / "run" / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    assert set(events.Tags()["scalars"]) == set(written)
    for name, values in written.items():
        theirs = [(event.step, event.value) for event in events.Scalars(name)]
        assert theirs == [(step, pytest.approx(value, rel=1e-6)) for step, value in values]  # they are float32


def test_trackios_database(store, written):
    with sqlite3.connect(store / "trackio" / "langue.db") as database:
        rows = database.execute("SELECT run_id, step, metrics FROM metrics ORDER BY id").fetchall()
    assert len({run for run, _, _ in rows}) == 1
    theirs = defaultdict(list)
    for _, step, metrics in rows:
        for name, value in json.loads(metrics).items():
            theirs[name].append((step, value))
    assert dict(theirs) == written


def records(path: Path) -> Iterator[bytes]:
    """The records of a file of wandb's: LevelDB's log format, in blocks of 32 KiB behind a header of 7 bytes."""
    data, record, place = path.read_bytes(), b"", 7
    while len(data) - place >= 7:
        room = 32768 - place % 32768
        if room < 7:
            place += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        record += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def test_wandbs_offline_files(store, written):
    from wandb.proto.wandb_internal_pb2 import Record

    theirs, ids = defaultdict(list), set()
    for path in sorted((store / "run" / "wandb").glob("offline-run-*/*.wandb")):
        for data in records(path):
            record = Record.FromString(data)
            if record.WhichOneof("record_type") == "run":
                ids.add(record.run.run_id)
            items = record.history.item
            values = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
            for name, value in values.items():
                if not name.startswith("_"):
                    theirs[name].append((values.get("_step", record.history.step.num), value))
    assert ids == {json.loads((store / "run" / "trackers.json").read_text())["id"]}
    assert dict(theirs) == written


def test_mlflows_store(store, written):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(store / "mlruns").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("langue").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["training.learning_rate"] == "0.02"
    for name, values in written.items():
        history = client.get_metric_history(run.info.run_id, name)
        assert [(metric.step, metric.value) for metric in history] == values


def test_trackers_that_are_not_installed_are_named_in_one_sentence(tmp_path, monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name in ("wandb", "mlflow") else real(name))
    recipe = write_recipe(tmp_path)
    options = ["--training.log_to", "[wandb, tensorboard, mlflow]", "--no-report"]
    assert cli.run(["train", str(recipe), "--out", str(tmp_path / "run"), *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "langue: training.log_to: wandb and mlflow are not installed; pip install 'langue[wandb,mlflow]' adds them"
    ]
    assert not (tmp_path / "run").exists()
    with pytest.raises(LangueError, match=r"wandb is not installed; pip install 'langue\[wandb\]' adds it"):
        check_installed(["wandb"])


class Failing(module.Tracker):
    """A tracker whose disk is full from its second line on."""

    module = "json"
    lines: list[dict] = []  # noqa: RUF012
    ends: list[str] = []  # noqa: RUF012

    def begin(self, run):
        self.lines.clear()

    def log(self, step, numbers):
        if self.lines:
            raise OSError(28, "No space left on device")
        self.lines.append({"step": step, **numbers})

    def end(self, how):
        self.ends.append(how)


def test_a_tracker_that_fails_ends_no_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(KINDS, "wandb", Failing)
    run = learn(tmp_path, training__log_to="[wandb]", training__steps=30)
    assert run.step == 30
    assert len(Failing.lines) == 1
    assert capsys.readouterr().err.count("json gets no more of this training: No space left on device") == 1
    assert Failing.ends == []


def test_without_trackers_nothing_is_imported_or_written(tmp_path):
    learn(tmp_path, training__steps=2)
    assert not (tmp_path / "run" / "trackers.json").exists()


def test_steps_that_come_again_after_a_crash_are_there_once(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step, rows in ((0, [(10, 3.0), (20, 2.0), (30, 1.0)]), (20, [(30, 1.5), (40, 0.5)])):
        tracker = module.TensorBoard()
        tracker.begin(module.TrackedRun(tmp_path, "abc", {}, step))
        for place, loss in rows:
            tracker.log(place, {"train/loss": loss})
        tracker.end("failed")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [
        (10, 3.0), (20, 2.0), (30, 1.5), (40, 0.5)
    ]  # fmt: skip
