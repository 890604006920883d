"""One of several processes that train together; run as a script by test_processes, which compares what they leave.

Its environment says which one it is, as torchrun's would.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from langue.data import Loader
from langue.data.buckets import Buckets
from langue.parallel import process_group, wait
from langue.training import Trainer, Watch
from tiny_training import Rows, everything, trainer


class Stream(Rows):
    """The rows of `Rows`, in any stretch that is asked for."""

    size = 1 << 40

    def rows(self, first: int, count: int) -> list:
        return [self.row(number) for number in range(first, first + count)]


def plain(rank: int, world: int, folder: Path | None = None, **changes: Any) -> tuple[Trainer, Stream]:
    """Rows with different numbers of targets, two micro-batches a step, and dropout."""
    stream = Stream()
    rows = Loader(stream, batch_size=4, accumulate=2, rank=rank, world=world)
    return trainer(folder, rows=rows, dropout=0.2, optimizer="adamw", average=0.9, steps=6, **changes), stream


def stopping(rank: int, world: int) -> Trainer:
    """SIGTERM comes to the first process alone, and between two steps."""
    return trainer(rows=Loader(Stream(), 4, 1, rank, world), watch=shot(rank), steps=100)


def shot(rank: int) -> Watch:
    """SIGTERM comes to the first process at its first evaluation, after three steps; the fourth is finished."""

    def evaluate(model: object) -> dict[str, float]:
        if rank == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": 1.0}

    return Watch(evaluate=evaluate)


def patient(rank: int, world: int) -> Trainer:
    """To the first process no evaluation is better than the first; to the other, each is."""
    losses = iter(range(100))
    watch = Watch(evaluate=lambda model: {"loss": float(next(losses)) * (1 - 2 * rank)})
    return trainer(rows=Loader(Stream(), 4, 1, rank, world), watch=watch, steps=100, patience=2)


def timed(rank: int, world: int, folder: Path) -> Trainer:
    """A budget of seconds, by clocks that differ: only the first process writes checkpoints, after each step."""
    changes = {"steps": None, "seconds": 0.3, "schedule": "linear", "warmup_steps": 0, "checkpoint_every": 1}
    return trainer(folder, rows=Loader(Stream(), 4, 1, rank, world), **changes)


def uneven(rank: int, world: int) -> Trainer:
    """Batches of so many tokens, of which some have a single example, and one of the processes has none."""
    return trainer(rows=uneven_batches(rank, world), optimizer="adamw", average=0.9, steps=UNEVEN_STEPS)


UNEVEN_STEPS = 20


def uneven_batches(rank: int, world: int) -> Buckets:
    """One example in seven is said to be long."""
    examples = [Rows().row(number) for number in range(40)]
    lengths = np.array([60 if number % 7 == 0 else 3 + number % 4 for number in range(40)])
    return Buckets(examples, lengths, 0, batch_size=4, batch_tokens=40, rank=rank, world=world)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    (folder / "broken-off").mkdir(exist_ok=True)
    rank, world = process_group(torch.device("cpu"))
    first, stream = plain(rank, world)
    found = {"plain": first, "stopping": stopping(rank, world), "patient": patient(rank, world)}
    found["broken-off"] = plain(rank, world, folder / "broken-off", watch=shot(rank))[0]
    found["uneven"] = uneven(rank, world)
    found["timed"] = timed(rank, world, folder / "timed")
    ends = {}
    for name, training in found.items():
        begun = time.monotonic()
        training.run()
        wall = time.monotonic() - begun
        save_file(everything(training), folder / f"{name}-{rank}.safetensors")
        ends[name] = {"step": training.progress.step, "stopped": training.stopped}
    (folder / f"ends-{rank}.json").write_text(json.dumps({**ends, "rows": stream.asked, "seconds of timed": wall}))
    wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
