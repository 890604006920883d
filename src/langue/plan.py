"""A plan: what a training will need and take, worked out from its recipe before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from langue import machine
from langue.data import Tally, find_sources, read_documents
from langue.errors import LangueError
from langue.experiment.data import is_store, members
from langue.experiment.fit import free_memory, refuse, rows_of
from langue.experiment.resolve import begin_from
from langue.models.count import TrainingMemory, flops_per_token, memory, parameters
from langue.recipe import Recipe
from langue.text import Tokenizer, train_tokenizer
from langue.train import choose_device
from langue.train.device import autocast

PROGRAM = 400 * 2**20
"""Bytes that Python and torch take before there is a model."""
LOOKED_AT = 1 << 20
"""Characters of the text that are looked at to learn how many there are of."""


@dataclass(frozen=True)
class Plan:
    """What a training will need.

    Attributes:
        device: where it will compute.
        vocabulary: tokens of the model.
        parameters: numbers that it learns.
        flops_per_token: floating-point operations of training on one token.
        rows: rows of one forward pass.
        context: tokens of a row.
        steps: updates of the weights.
        tokens: tokens that it will be trained on.
        memory: bytes at its peak, by what they hold; the program itself comes on top.
        memory_free: bytes that the device has to give.
        peak: what the device was measured to do, in FLOP/s.
        share: what a model of this kind and size usually gets out of that.
        seconds: how long it will take.
    """

    device: str
    vocabulary: int
    parameters: int
    flops_per_token: int
    rows: int
    context: int
    steps: int
    tokens: float
    memory: TrainingMemory
    memory_free: int
    peak: float
    share: float
    seconds: float

    @property
    def flops(self) -> float:
        """Floating-point operations of the whole training."""
        return self.tokens * self.flops_per_token

    @property
    def memory_needed(self) -> int:
        """Bytes at the peak, the program itself included."""
        return self.memory.total + PROGRAM

    def check(self) -> None:
        """Refuse what cannot fit.

        Raises:
            LangueError: says how much memory is missing and what would fit.
        """
        a_row = (self.memory.activations + self.memory.logits) / self.rows
        refuse(self.memory_needed, self.memory_free, a_row, self.rows, self.device)


def make_plan(recipe: Recipe) -> Plan:
    """Work out a plan; the machine is measured for a moment, and up to a megabyte of the text is read.

    Raises:
        LangueError: the text or the tokenizer cannot be read, or a row does not fit into a batch.
    """
    if recipe.task not in ("generate", "fill"):
        raise LangueError(f"langue plan knows trainings on running text, not task: {recipe.task}")
    recipe = begin_from(recipe, None)
    for source in members(recipe.data):
        find_sources(source)
    training, context = recipe.training, recipe.model.context
    device = choose_device(training.device)
    config = recipe.model.architecture().model_copy(update={"vocab_size": _vocabulary(recipe)})
    rows = rows_of(training, context)
    with autocast(device, training.precision):
        half = torch.is_autocast_enabled(device.type)
    peak = machine.matmul_peak(device, torch.bfloat16 if half else torch.float32)
    cost, learned = flops_per_token(config), parameters(config)
    share = usual_share(config.mixer, learned)
    a_step = rows * context * training.accumulate
    rate = peak * share / cost
    bounds = {
        "steps": (training.steps or math.inf) * a_step,
        "seconds": (training.seconds or math.inf) * rate,
        "tokens": training.tokens or math.inf,
        "flops": (training.flops or math.inf) / cost,
    }
    if math.isinf(min(bounds.values())):
        raise LangueError(
            "langue plan cannot tell how long an epoch is before the text is prepared; give training.steps"
        )
    steps = math.ceil(min(bounds.values()) / a_step)
    return Plan(
        device=str(device),
        vocabulary=config.vocab_size,
        parameters=learned,
        flops_per_token=cost,
        rows=rows,
        context=context,
        steps=steps,
        tokens=steps * a_step,
        memory=memory(config, rows, context, training.optimizer),
        memory_free=free_memory(device),
        peak=peak,
        share=share,
        seconds=steps * a_step / rate,
    )


def usual_share(mixer: str, learned: int) -> float:
    """What share of the matrix-multiply peak a training step usually gets.

    Small matrices and torch's own work for each layer keep small models back, and recurrence goes step by step. On two
    cores, attention of 0.9M parameters got 0.47 and of 12M 0.7; GRU and LSTM of 0.9M got 0.38 and 0.47.
    """
    share = min(0.75, 0.46 + 0.2 * max(0.0, math.log10(learned / 1e6)))
    return 0.9 * share if mixer in ("rnn", "gru", "lstm") else share


def _vocabulary(recipe: Recipe) -> int:
    """Tokens of the model, as far as that can be known before the tokenizer is trained."""
    if recipe.model.vocab_size:
        return recipe.model.vocab_size
    if recipe.tokenizer.path is not None:
        return Tokenizer.load(recipe.tokenizer.path).vocab_size
    if recipe.tokenizer.kind not in ("char", "byte"):
        return recipe.tokenizer.vocab_size
    return train_tokenizer(recipe.tokenizer, _beginning(recipe)).vocab_size


def _beginning(recipe: Recipe) -> Iterator[str]:
    """The beginning of the text that is to be learnt."""
    seen = 0
    for source in members(recipe.data):
        if is_store(source):
            raise LangueError("data.train is a token store already; name its tokenizer: --tokenizer.path DIR")
        for piece in read_documents(find_sources(source), recipe.data, Tally()):
            yield piece.text[:LOOKED_AT]
            seen += len(piece.text)
            if seen >= LOOKED_AT:
                return
