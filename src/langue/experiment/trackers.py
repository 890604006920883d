"""Trackers of experiments that a recipe names: each gets the numbers of metrics.jsonl, and goes on with its run where
the training does.

None of them reaches the network unless its own environment says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextvars import copy_context
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from langue.console import remark, say
from langue.content import read_json
from langue.errors import LangueError, reason
from langue.experiment.run import RunFolder
from langue.extra import need
from langue.files import write_text
from langue.recipe import Recipe
from langue.training import Trainer
from langue.training.settings import TrackerName
from langue.training.trainer import INTERRUPTED

FILE = "trackers.json"
"""The file of a run's folder with the name that trackers know it by."""

PROJECT = "langue"
"""The project, or experiment, that runs belong to where the tracker's environment names no other."""

Ending = Literal["finished", "interrupted", "failed"]


class TrackedRun(NamedTuple):
    """A training as trackers know it.

    Attributes:
        folder: the run's.
        id: the same in all of its sessions, and no other run's.
        config: the recipe's fields by their dotted names.
        step: that it goes on from.
    """

    folder: Path
    id: str
    config: Mapping[str, Any]
    step: int

    @property
    def name(self) -> str:
        return self.folder.resolve().name


class Tracker(ABC):
    """A tracker of one training."""

    module: ClassVar[str]
    """The module that it needs, which the extra of its own name brings."""

    @abstractmethod
    def begin(self, run: TrackedRun) -> None:
        """Begin a run, or go on with it."""

    @abstractmethod
    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take the numbers of one line of metrics.jsonl, by `split/name`."""

    @abstractmethod
    def end(self, how: Ending) -> None:
        """Write down what is left."""


class TensorBoard(Tracker):
    """Event files in the run's folder `tensorboard`: `tensorboard --logdir RUNS` shows those of many runs."""

    module = "tensorboard"

    def begin(self, run: TrackedRun) -> None:
        library = need("torch.utils.tensorboard", "tensorboard", "training.log_to: tensorboard")
        # Of a resumed run, events after the checkpoint come again.
        purge = run.step + 1 if run.step else None
        self.writer = library.SummaryWriter(str(run.folder / "tensorboard"), purge_step=purge)
        if not run.step:
            self.writer.add_text("recipe", "\n".join(f"    {key}: {value}" for key, value in run.config.items()))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def end(self, how: Ending) -> None:
        self.writer.close()


class TrackIO(Tracker):
    """A project of trackio's in its own folder (TRACKIO_DIR), which `trackio show` opens; on a Space where
    TRACKIO_SPACE_ID names one."""

    module = "trackio"

    def begin(self, run: TrackedRun) -> None:
        library = need("trackio", "trackio", "training.log_to: trackio")
        name = f"{run.name}-{run.id}"
        # In a context of its own, since it would end a training that runs beside this one.
        self.run = copy_context().run(
            library.init,
            os.environ.get("TRACKIO_PROJECT", PROJECT),
            name=name,
            resume="allow",
            config=dict(run.config),
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.run.log(dict(numbers), step=step)

    def end(self, how: Ending) -> None:
        self.run.finish()


class WeightsAndBiases(Tracker):
    """A run of wandb's: offline in the run's folder `wandb`, unless WANDB_MODE or WANDB_API_KEY is set."""

    module = "wandb"

    def begin(self, run: TrackedRun) -> None:
        named = "WANDB_MODE" in os.environ or "WANDB_API_KEY" in os.environ
        if not named:
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
            say(f"wandb stays offline, in {run.folder / 'wandb'}: wandb sync sends it; WANDB_MODE=online does at once")
        library = need("wandb", "wandb", "training.log_to: wandb")
        self.run = library.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=run.id,
            resume="allow",
            reinit="create_new",
            mode=None if named else "offline",
            dir=os.environ.get("WANDB_DIR", str(run.folder)),
            config=dict(run.config),
            settings=library.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True),
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.run.log(dict(numbers), step=step)

    def end(self, how: Ending) -> None:
        self.run.finish(exit_code=1 if how == "failed" else 0)


class MLflow(Tracker):
    """A run of MLflow's: at MLFLOW_TRACKING_URI, or else in files in the folder `mlruns` beside the run's."""

    module = "mlflow"
    PARAMETERS = 100
    """Parameters that it takes at once."""

    def begin(self, run: TrackedRun) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        place = os.environ.get("MLFLOW_TRACKING_URI")
        if place is None:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # all that its small package has
            place = (run.folder.resolve().parent / "mlruns").as_uri()
        self.entities = need("mlflow.entities", "mlflow", "training.log_to: mlflow")
        self.client = need("mlflow.tracking", "mlflow", "training.log_to: mlflow").MlflowClient(tracking_uri=place)
        project = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self.client.get_experiment_by_name(project)
        experiment = known.experiment_id if known else self.client.create_experiment(project)
        runs = self.client.search_runs([experiment], f"tags.`langue.id` = '{run.id}'")
        if runs:
            self.id = runs[0].info.run_id
            self.client.update_run(self.id, "RUNNING")
            return
        self.id = self.client.create_run(experiment, run_name=run.name, tags={"langue.id": run.id}).info.run_id
        values = [self.entities.Param(key, str(value)) for key, value in run.config.items()]
        for start in range(0, len(values), self.PARAMETERS):
            self.client.log_batch(self.id, params=values[start : start + self.PARAMETERS])

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        # Signs that it does not take in a name, such as that of mrr@10.
        names = {name: re.sub(r"[^\w\-. :/]", "_", name) for name in numbers}
        metrics = [self.entities.Metric(names[name], value, now, step) for name, value in numbers.items()]
        self.client.log_batch(self.id, metrics=metrics)

    def end(self, how: Ending) -> None:
        status = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}[how]
        self.client.set_terminated(self.id, status)


KINDS: Mapping[TrackerName, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "trackio": TrackIO,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
}


def check_installed(names: Sequence[TrackerName]) -> None:
    """Refuse trackers that are not installed.

    Raises:
        LangueError: names all of them.
    """
    missing = [name for name in dict.fromkeys(names) if find_spec(KINDS[name].module) is None]
    if missing:
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise LangueError(
            f"training.log_to: {' and '.join(missing)} {verb} not installed; "
            f"pip install 'langue[{','.join(missing)}]' adds {them}"
        )


class Trackers:
    """All trackers of a training.

    Args:
        names: of those that a recipe names, which are installed.
    """

    def __init__(self, names: Sequence[TrackerName]):
        self.trackers = [KINDS[name]() for name in dict.fromkeys(names)]

    @contextlib.contextmanager
    def following(self, folder: RunFolder, trainer: Trainer) -> Iterator[None]:
        """Follow a training inside, from the step that it goes on from to its end, however it comes."""
        if not self.trackers:
            yield
            return
        self.begin(folder.path, folder.recipe(), trainer.progress.step)
        how: Ending = "failed"
        try:
            yield
            how = "interrupted" if trainer.stopped in (None, INTERRUPTED) else "finished"
        finally:
            self.end(how)

    def begin(self, folder: Path, recipe: Recipe, step: int) -> None:
        """Begin a run with all of them, or go on with it from a step.

        Raises:
            LangueError: one cannot be used.
        """
        run = TrackedRun(folder, _identity(folder), dict(_flat(recipe.model_dump(mode="json"))), step)
        for tracker in self.trackers:
            with _quiet():
                try:
                    tracker.begin(run)
                except LangueError:
                    raise
                except Exception as error:  # a library raises whatever it stumbles over
                    raise LangueError(f"training.log_to: {tracker.module} cannot begin: {reason(error)}") from error

    def log(self, row: Mapping[str, Any]) -> None:
        """Give all of them the numbers of a line of metrics.jsonl."""
        split = row["split"]
        numbers = {
            f"{split}/{name}": float(value)
            for name, value in row.items()
            if name != "step" and isinstance(value, int | float)
        }
        for tracker in list(self.trackers):
            self._safely(tracker, lambda tracker=tracker: tracker.log(row["step"], numbers))

    def end(self, how: Ending) -> None:
        """End the run with all of them."""
        for tracker in list(self.trackers):
            self._safely(tracker, lambda tracker=tracker: tracker.end(how))

    def _safely(self, tracker: Tracker, call: Any) -> None:
        """Let nothing that befalls a tracker end a training; it is told, and the tracker gets no more."""
        try:
            with _quiet():
                call()
        except Exception as error:
            self.trackers.remove(tracker)
            remark(f"{tracker.module} gets no more of this training: {reason(error)}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let what libraries print go where all but results goes."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _identity(folder: Path) -> str:
    """The name that trackers know a run by, made up when they first hear of it."""
    path = folder / FILE
    if not path.is_file():
        write_text(path, json.dumps({"id": secrets.token_hex(4)}) + "\n")
    return str(read_json(path)["id"])


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value is not None:
            yield f"{before}{key}", value
