"""A model, data and a trainer small enough to be trained hundreds of times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from langue.adapters import AdapterConfig
from langue.data import MicroBatch
from langue.models import ModelConfig, build, with_adapters
from langue.objectives import Causal
from langue.parallel import whole_all
from langue.quantization import QuantizationConfig
from langue.training import Supervised, Trainer, TrainingSettings, Watch

VOCAB, CONTEXT = 11, 8


class Rows:
    """Row r of an endless stream of random tokens, dealt out in micro-batches."""

    def __init__(self, batch_size: int = 4, accumulate: int = 1):
        self.batch_size, self.accumulate = batch_size, accumulate
        self.asked: list[int] = []

    def __getitem__(self, step: int) -> list[MicroBatch]:
        firsts = [(step * self.accumulate + number) * self.batch_size for number in range(self.accumulate)]
        return [MicroBatch([self.row(first + k) for k in range(self.batch_size)], first) for first in firsts]

    def row(self, number: int) -> dict[str, np.ndarray]:
        self.asked.append(number)
        ids = np.random.default_rng(number).integers(VOCAB, size=CONTEXT + 1)
        # Documents of different lengths, so that rows have different numbers of targets.
        return {"ids": ids, "documents": (np.arange(CONTEXT + 1) >= 2 + number % 5).astype(np.int64)}


def settings(**changes) -> TrainingSettings:
    fields = {"steps": 12, "learning_rate": 0.01, "warmup_steps": 2, "checkpoint_every": 4, "device": "cpu"}
    return TrainingSettings(**{**fields, "log_every": 2, "evaluate_every": 3, **changes})


def trainer(
    folder: Path | None = None, *, rows: Rows | None = None, objective=None, watch: Watch | None = None,
    dropout: float = 0.2, double: bool = False, layers: Any = 2, adapter: AdapterConfig | None = None,
    bits: QuantizationConfig | None = None, **changes,
) -> Trainer:  # fmt: skip
    config = settings(**changes)
    fields = {"vocab_size": VOCAB, "width": 16, "layers": layers, "heads": 2, "context": CONTEXT, "dropout": dropout}
    model = build(ModelConfig(**fields), seed=1)
    model = model if adapter is None else with_adapters(model, adapter, seed=1, quantization=bits)
    model = model.double() if double else model
    return Trainer(
        model,
        Supervised(objective or Causal(), rows or Rows(), config.seed),
        config,
        folder,
        watch or watching(),
    )


def watching() -> Watch:
    """A dev loss that is a pure function of the weights."""
    return Watch(evaluate=lambda model: {"loss": float(sum(p.double().square().sum() for p in model.parameters()))})


def everything(training: Trainer) -> dict[str, torch.Tensor]:
    """All tensors that a training has, whole, and copied."""
    found = {**whole_all(dict(training.model.named_parameters())), **training.state.optimizer.state()}
    if training.state.average is not None:
        found |= {f"average/{name}": value for name, value in training.state.average.state().items()}
    return {name: value.detach().clone() for name, value in found.items()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
