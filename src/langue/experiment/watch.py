"""What a run looks at while it trains: its loss on dev data, text that it writes, its best weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch

from langue import machine
from langue.console import remark
from langue.data.part import Part
from langue.errors import LangueError
from langue.evaluate import evaluate_text
from langue.experiment.data import Splits, Store
from langue.experiment.run import RunFolder
from langue.models import Model, save_model
from langue.models.build import CONFIG, WEIGHTS
from langue.models.count import flops_per_token
from langue.recipe import Recipe, SampleSettings
from langue.tasks.generate import Generate
from langue.text import Tokenizer
from langue.train import Watch, processes
from langue.train.device import autocast
from langue.train.disk import sync

DEV_TOKENS = 1 << 17
"""An evaluation on the way looks at no more tokens of each dev store than these, so that it takes no longer than it
teaches; `langue evaluate` looks at all."""


def build_watch(recipe: Recipe, splits: Splits, tokenizer: Tokenizer, folder: RunFolder, device: torch.device) -> Watch:
    """Everything that the trainer asks of its surroundings."""
    precision = recipe.training.precision
    return Watch(
        evaluate=dev_evaluation(splits.dev, tokenizer, precision) if splits.dev else None,
        keep_best=lambda model: keep(model, folder),
        sample=sampling(recipe.samples, tokenizer) if recipe.samples.max_tokens else None,
        bytes_per_token=sum(
            share * store.text_bytes / store.tokens for share, store in zip(splits.shares, splits.train, strict=True)
        ),
        flops_per_token=flops_per_token(recipe.model.architecture()),
        # Processes share the cores of one CPU, but each has a GPU of its own.
        peak=_peak(device, precision) * (processes.start(device)[1] if device.type == "cuda" else 1),
    )


def dev_evaluation(stores: list[Store], tokenizer: Tokenizer, precision: str) -> Callable[[Any], Mapping[str, float]]:
    """Loss and bits per byte over the beginning of each store, each token predicted once."""
    parts = [
        store if store.tokens <= DEV_TOKENS else Part(store, 0, DEV_TOKENS, tokenizer)  # type: ignore[arg-type]
        for store in stores
    ]

    def evaluate(model: Model) -> dict[str, float]:
        found = evaluate_stores(model, parts, tokenizer, precision)
        if processes.is_first():
            remark(f"dev loss {found['loss']:.4f}, {found['bits_per_byte']:.4f} bits per byte")
        return found

    return evaluate


def evaluate_stores(model: Model, stores: list[Store], tokenizer: Tokenizer, precision: str) -> dict[str, float]:
    """Loss in nats per token and bits per byte over all stores together."""
    nats = bits = 0.0
    for store in stores:
        with autocast(model.device, precision):
            found = evaluate_text(model, tokenizer, store, quiet=True)
        nats += found["loss"] * store.tokens
        bits += found["bits_per_byte"] * store.text_bytes
    tokens, size = sum(store.tokens for store in stores), sum(store.text_bytes for store in stores)
    return {"loss": nats / tokens, "bits_per_byte": bits / max(1, size)}


def sampling(settings: SampleSettings, tokenizer: Tokenizer) -> Callable[[Any], str]:
    """A text by the model as it is now.

    Raises:
        LangueError: the tokenizer does not know the prompt.
    """
    if tokenizer.unknown is not None and tokenizer.unknown in tokenizer.encode(settings.prompt):
        raise LangueError(f"samples.prompt {settings.prompt!r} has characters that do not occur in the training text")
    options = settings.model_dump(exclude={"prompt"})

    def sample(model: Model) -> str:
        text = Generate(model, tokenizer).generate(settings.prompt, **options)
        return f"{settings.prompt}{text}"

    return sample


def keep(model: Model, folder: RunFolder) -> None:
    """Put a model in the place of the run's best one; either stands there whole at any time."""
    beside = folder.path / ".model.writing"
    save_model(model, beside)
    for path in (beside / CONFIG, beside / WEIGHTS, beside):
        sync(path)
    if not folder.model.exists():
        os.replace(beside, folder.model)
        return
    # The configuration is the same in all of a run, so that weights and configuration fit at any time.
    for name in (CONFIG, WEIGHTS):
        os.replace(beside / name, folder.model / name)
    beside.rmdir()


@lru_cache
def _peak(device: torch.device, precision: str) -> float:
    """FLOP/s of the machine's matrix multiplication in the precision of the training, measured once a process."""
    with autocast(device, precision):
        dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
    return machine.matmul_peak(device, dtype)
