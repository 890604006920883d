"""The run folder: what `langue train` leaves, and what every other verb takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.files import check_folder, claim, is_unfinished
from langue.recipe import Recipe
from langue.tasks.fingerprints import FILE
from langue.tasks.folders import ENVIRONMENT, RECIPE
from langue.tasks.recipes import read_recipe
from langue.training.trainer import INTERRUPTED


class RunFolder:
    """The places in a run's folder.

    Attributes:
        path: the folder.
        recipe_file: everything resolved; written last when a run is set up.
        environment_file: versions and machine, which tell a run from a folder that holds a recipe.
        sources_file: fingerprints of what the run has read.
        metrics_file: one JSON object a line.
        data: token stores by split, where the run prepared them itself.
        model: the best weights and their configuration.
        checkpoints: checkpoints, from which training is resumed.
        card: the model card.
    """

    def __init__(self, path: Path):
        self.path = path
        self.recipe_file, self.environment_file = path / RECIPE, path / ENVIRONMENT
        self.sources_file, self.metrics_file = path / FILE, path / "metrics.jsonl"
        self.data, self.model, self.checkpoints = path / "data", path / "model", path / "checkpoints"
        self.card = path / "README.md"

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def is_run(self) -> bool:
        return self.recipe_file.is_file() and self.environment_file.is_file()

    def recipe(self) -> Recipe:
        """The recipe that the run was trained by.

        Raises:
            LangueError: the folder holds no run.
        """
        if not self.is_run():
            lacking = [file.name for file in (self.recipe_file, self.environment_file) if not file.is_file()]
            verb = "is" if len(lacking) == 1 else "are"
            raise LangueError(f"{self.path} is no run folder: {' and '.join(lacking)} {verb} missing")
        check_folder(self.path)
        return read_recipe(self.recipe_file)

    def copy_held_out(self, folder: Path) -> None:
        """Copy the token stores of the run's dev and test data into a folder that is being made, to measure by."""
        for store in sorted([*self.data.glob("dev*"), *self.data.glob("test*")]):
            if store.is_dir():
                shutil.copytree(store, folder / "data" / store.name)

    @contextmanager
    def claim(self, *, resume: bool) -> Iterator[None]:
        """Hold the folder against other processes; one in which no run came about is as it was before.

        Raises:
            LangueError: there is a run and it is not to be resumed, or none and it is, or the folder is someone else's.
        """
        if self.path.exists() and not self.path.is_dir():
            raise LangueError(f"{self.path} is a file; name a folder for the run")
        if resume and not self.is_run():
            begun = "; a training that was being set up was broken off there" if is_unfinished(self.path) else ""
            raise LangueError(f"{self.path} holds no run to go on with{begun}; leave out --resume to begin one")
        if not resume and self.is_run():
            raise LangueError(f"{self.path} holds a run; go on with it by --resume, or choose another --out")
        busy = f"{self.path} is being trained by another process; wait for it or stop it"
        taken = f"{self.path} is not empty; choose another --out"
        with claim(self.path, self.is_run, busy=busy, taken=taken):
            yield


@dataclass(frozen=True)
class Run:
    """The result of a training.

    Attributes:
        folder: where it lies.
        step: updates of the weights.
        tokens: targets that were predicted on the way.
        seconds: wall time of the training.
        best_step: when the kept weights were made.
        metrics: of the kept weights: loss in nats per token and bits_per_byte on dev data, where there is any, and
            test_loss and test_bits_per_byte on test data.
        stopped: why it ended.
        dropped: how many records were left out when the run prepared its data, by reason.
        signal: the number of the signal that asked for an end, also where it came too late to interrupt anything.
    """

    folder: RunFolder
    step: int
    tokens: int
    seconds: float
    best_step: int
    metrics: Mapping[str, float]
    stopped: str
    dropped: Mapping[str, int]
    signal: int | None = None

    @property
    def interrupted(self) -> bool:
        """True if the training can be gone on with."""
        return self.stopped == INTERRUPTED

    def _repr_html_(self) -> str:
        """The run as a notebook shows it."""
        from langue.report.notebook import run_fragment

        return run_fragment(self.folder.path)

    def summary(self) -> dict[str, Any]:
        """The same for a script to read."""
        return {
            "run": str(self.folder.path),
            "step": self.step,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
            "best_step": self.best_step,
            "metrics": dict(self.metrics),
            "stopped": self.stopped,
            "dropped": dict(self.dropped),
        }
