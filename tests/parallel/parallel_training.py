"""One of two processes that train one model by a strategy; run as a script by test_strategies, which compares them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from langue.adapters import AdapterConfig
from langue.data import Loader
from langue.parallel import is_first, strategy_of, wait
from langue.quantization import QuantizationConfig
from langue.training import Trainer
from langue.training.checkpoint import load
from tiny_training import Rows, everything, same, trainer


class Stream(Rows):
    size = 1 << 40

    def rows(self, first: int, count: int) -> list:
        return [self.row(number) for number in range(first, first + count)]


def training(rank: int, world: int, folder: Path | None = None, **changes: Any) -> Trainer:
    """Rows with different numbers of targets, two micro-batches a step, dropout, an average, and Muon beside AdamW."""
    rows = Loader(Stream(), batch_size=4, accumulate=2, rank=rank, world=world)
    settings = {"schedule": "constant", "steps": 4, "optimizer": "muon", "average": 0.9, "checkpoint_every": 2}
    return trainer(folder, rows=rows, dropout=0.2, double=True, **{**settings, **changes})


ADAPTED = {
    "adapter": AdapterConfig(rank=2, kind="dora", dropout=0.1),
    "bits": QuantizationConfig(format="nf4", table="int8"),
}
"""Adapters that need the lengths of a matrix's rows as well, on weights of bytes and of one single number."""


def main(folder: Path, kind: Any, *adapted: str) -> None:
    torch.set_num_threads(1)
    strategy = strategy_of(kind, torch.device("cpu"))
    (folder / "run").mkdir(exist_ok=True)
    changes = {"parallel": kind, **(ADAPTED if adapted else {})}
    whole_run = training(strategy.rank, strategy.shares, folder / "run", **changes)
    held = sum(getattr(p, "_local_tensor", p).numel() for p in whole_run.model.parameters())
    whole_run.run()
    found = everything(whole_run)
    again = training(strategy.rank, strategy.shares, **changes)
    again.resume(load(folder / "run" / "checkpoints" / "step-00000002"))
    again.run()
    assert same(everything(again), found)
    if is_first():
        save_file({name: value.contiguous() for name, value in found.items()}, folder / "trained.safetensors")
    print(held)
    wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
