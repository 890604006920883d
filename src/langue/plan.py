"""A plan: what a training will need and take, worked out from its recipe before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean

import torch

from langue import machine
from langue.errors import LangueError
from langue.experiment.auto_batch import sized
from langue.experiment.fit import free_memory, refuse
from langue.experiment.resolve import begin_from
from langue.experiment.teacher import teacher_beside
from langue.models import ModelConfig
from langue.models.count import TrainingMemory, flops_per_token, memory, parameters, weight_bytes
from langue.recipe import Recipe
from langue.tasks.distill.settings import TaughtRecipe
from langue.tasks.training_task import training_task
from langue.tasks.workload import Load
from langue.training import TrainingSettings, choose_device, freeze
from langue.training.device import autocast

PROGRAM = 400 * 2**20
"""Bytes that Python and torch take before there is a model."""
FORWARD_SHARE = 3
"""Floating-point operations of training for each of the forward pass."""
DRAWING = 0.5e-3
"""Seconds of choosing one more token for all texts under way, beside the matrix products."""
DRAWING_LAYER = 0.7e-3
"""Seconds of each layer meanwhile, beside its matrix products."""
LOOKED_AT = 1 << 20
"""Characters of the text that are looked at to learn how many there are of."""


@dataclass(frozen=True)
class Plan:
    """The needs of a training.

    Attributes:
        model: its preset, or how its positions exchange information.
        device: where it will compute.
        vocabulary: tokens of the model.
        parameters: numbers that it is made of.
        learning: those of them that learn.
        adapters: what learns in their place, in words; None where the model does.
        freeze: the recipe's `training.freeze`.
        flops_per_token: floating-point operations of training on one token, without a teacher's.
        teacher_flops: of a teacher's forward pass on one token; 0 where none stands beside the model.
        rows: rows of one forward pass.
        context: tokens of a row, of the longest one where they differ; of pairs, of a target in the largest batch.
        source: of pairs, tokens of a source in the largest batch; None of single rows.
        steps: updates of the weights.
        tokens: tokens that it will be trained on, of an encoder–decoder those of the targets.
        memory: bytes at its peak, by what they hold; the program itself and a teacher come on top.
        teacher_memory: bytes of a teacher's weights.
        checkpoint: bytes of a checkpoint: the adapters, or else the model, and the optimizer's state.
        memory_free: bytes that the device has to give.
        peak: what the device was measured to do, in FLOP/s.
        share: what a model of this kind and size usually gets out of that.
        seconds: how long it will take.
        drawn: tokens at most that the model draws itself, to learn from them.
        drawing: seconds that this takes, of all.
        batch_tokens: tokens that a batch is to hold, where batches are counted by them.
        dropped: how many records the training will leave out, by reason.
        uncounted: what takes time beside, in words.
    """

    model: str
    device: str
    vocabulary: int
    parameters: int
    learning: int
    adapters: str | None
    freeze: str | int | None
    flops_per_token: int
    teacher_flops: int
    rows: int
    context: int
    source: int | None
    steps: int
    tokens: float
    memory: TrainingMemory
    teacher_memory: int
    checkpoint: int
    memory_free: int
    peak: float
    share: float
    seconds: float
    drawn: float
    drawing: float
    batch_tokens: int | None
    dropped: Mapping[str, int]
    uncounted: str = ""

    @property
    def flops(self) -> float:
        """Floating-point operations of the whole training."""
        return self.tokens * (self.flops_per_token + self.teacher_flops)

    @property
    def memory_needed(self) -> int:
        """Bytes at the peak, the program itself included."""
        return self.memory.total + self.teacher_memory + PROGRAM

    def check(self) -> None:
        """Refuse what cannot fit.

        Raises:
            LangueError: says how much memory is missing and what would fit.
        """
        a_row = (self.memory.activations + self.memory.logits) / self.rows
        refuse(
            self.memory_needed,
            self.memory_free,
            a_row,
            self.rows,
            self.device,
            self.batch_tokens,
            self.adapters is None,
        )


def make_plan(recipe: Recipe, start_from: Path | None = None) -> Plan:
    """Work out a plan; the machine is measured for a moment.

    Running text is read once, for what of it cannot be used; labelled rows and pairs are encoded as well, since how
    long they are decides.

    Raises:
        LangueError: the data or the tokenizer cannot be read, a training would refuse the data because too much of them
            would be left out, or a row does not fit into a batch.
    """
    recipe = sized(begin_from(recipe, start_from))
    load = training_task(recipe).load_of(recipe)
    training, device = recipe.training, choose_device(recipe.training.device)
    peak, learned = _peak(training, device), parameters(load.config)
    share = mean(usual_share(spec.mixer.kind, learned) for spec in load.config.layer_pattern)
    teacher_memory, teacher_flops = teacher_needs(recipe, load)
    drawing = drawing_seconds(load, peak)
    step_seconds = load.tokens_per_step * (load.flops_per_token + teacher_flops) / (peak * share) + drawing
    steps = steps_within(training, load, step_seconds)
    frozen = partial(freeze, settings=training)
    needed = memory(load.config, load.rows, load.longest, training.optimizer, load.source, training.recompute, frozen)
    saved = needed.gradients if load.config.adapter else 4 * learned
    return Plan(
        model=recipe.model.preset or load.config.described,
        device=str(device),
        vocabulary=load.config.vocab_size,
        parameters=learned,
        learning=needed.gradients // 4,
        adapters=None if load.config.adapter is None else load.config.adapter.described,
        freeze=training.freeze,
        flops_per_token=load.flops_per_token,
        teacher_flops=teacher_flops,
        rows=load.rows,
        context=load.longest,
        source=load.source,
        steps=steps,
        tokens=steps * load.tokens_per_step,
        memory=needed if load.predicts_tokens else replace(needed, logits=0),
        teacher_memory=teacher_memory,
        checkpoint=saved * (2 if training.average else 1) + needed.optimizer,
        memory_free=free_memory(device),
        peak=peak,
        share=share,
        seconds=steps * step_seconds,
        drawn=steps * load.drawn_rows * load.drawn_steps,
        drawing=steps * drawing,
        batch_tokens=training.batch_tokens,
        dropped=load.dropped,
        uncounted=uncounted_of(recipe, load),
    )


def _peak(training: TrainingSettings, device: torch.device) -> float:
    """FLOP/s of the fastest matrix products at a training's precision."""
    with autocast(device, training.precision):
        half = torch.is_autocast_enabled(device.type)
    return machine.matmul_peak(device, torch.bfloat16 if half else torch.float32)


def steps_within(training: TrainingSettings, load: Load, step_seconds: float) -> int:
    """The updates of a training, by the bound that is nearest.

    Raises:
        LangueError: there is none but a number of epochs, and nobody knows how long one is.
    """
    nearest = min(
        training.steps or math.inf,
        (training.epochs or math.inf) * load.steps_per_epoch,
        (training.seconds or math.inf) / step_seconds,
        (training.tokens or math.inf) * load.tokens_per_target / load.tokens_per_step,
        (training.flops or math.inf) / (load.flops_per_token * load.tokens_per_step),
    )
    if math.isinf(nearest):
        raise LangueError(
            "langue plan cannot tell how long an epoch is before the text is prepared; give training.steps"
        )
    return max(1, math.ceil(nearest - 1e-9))


def teacher_needs(recipe: Recipe, load: Load) -> tuple[int, int]:
    """Bytes of the weights of a teacher that reads every batch, and floating-point operations of its forward pass for
    one token of the model's; 0 of both where there is none.

    Raises:
        LangueError: there is no such teacher.
    """
    teacher = teacher_beside(recipe)
    if teacher is None:
        return 0, 0
    gives_logits = load.predicts_tokens and recipe.distill.what == "logits"  # type: ignore[attr-defined]
    times = _flops_of(teacher, load, gives_logits) / _flops_of(load.config, load, load.predicts_tokens)
    return weight_bytes(teacher), round(times * load.flops_per_token / FORWARD_SHARE)


def _flops_of(config: ModelConfig, load: Load, gives_logits: bool) -> int:
    """Floating-point operations of a model's training on one token of the longest rows, with its head or without."""
    head = 0 if gives_logits else 6 * config.vocab_size * config.width
    return flops_per_token(config, load.longest, load.source) - head


def uncounted_of(recipe: Recipe, load: Load) -> str:
    """The things that take time beside the training, in words."""
    settings = recipe.distill if isinstance(recipe, TaughtRecipe) else None
    writes = settings is not None and settings.what == "texts"
    return " and ".join(filter(None, [load.uncounted, "the teacher writes, before the first step" if writes else ""]))


def drawing_seconds(load: Load, peak: float) -> float:
    """Seconds in which a model draws the texts of one update, all of the longest length, a token of each at a time.

    On one core of 51 GFLOP/s, 16 or 64 rows of 1 to 8 layers, 64 to 256 wide, took what is worked out here within a
    third.
    """
    products = load.drawn_rows * load.flops_per_token / FORWARD_SHARE / peak
    return load.drawn_steps * (DRAWING + DRAWING_LAYER * len(load.config.layer_specs) + products)


def usual_share(mixer: str, learned: int) -> float:
    """The share of the matrix-multiply peak that a training step usually gets.

    Small matrices and torch's own work for each layer keep small models back, and recurrence goes step by step. On two
    cores, attention of 0.9M parameters got 0.47 and of 12M 0.7; GRU and LSTM of 0.9M got 0.38 and 0.47.
    """
    share = min(0.75, 0.46 + 0.2 * max(0.0, math.log10(learned / 1e6)))
    return 0.9 * share if mixer in ("rnn", "gru", "lstm") else share
