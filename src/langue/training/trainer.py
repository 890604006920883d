"""The one training loop. It knows neither text nor tasks: it lowers the loss that an algorithm measures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from langue.allocator import lasting_objects
from langue.console import progress
from langue.errors import LangueError
from langue.kernels import dropping_by
from langue.models import Model
from langue.nn.roles import roles
from langue.parallel import (
    Strategy,
    broadcast_number,
    is_first,
    strategy_of,
    total_norm,
    wait,
    whole_all,
)
from langue.randomness import row_keys, seed_torch
from langue.training import checkpoint as checkpoints
from langue.training.algorithm import Algorithm, LossModule
from langue.training.checkpoint import Checkpoint
from langue.training.device import autocast, choose_device
from langue.training.log import Log
from langue.training.pace import Pace
from langue.training.prefetch import Pass
from langue.training.schedule import learning_rate_factor
from langue.training.settings import TrainingSettings
from langue.training.signals import Signals
from langue.training.trained_state import TrainedState
from langue.training.types import Progress, StepMetrics, Watch

ALGORITHM = "algorithm"
"""The part of a checkpoint that belongs to the algorithm."""

INTERRUPTED = "interrupted"
"""The reason for the end of a training that a signal has stopped."""

IDLE = 10
"""Steps after which an adapter that is still zero will not learn any more."""


class Trainer:
    """Lowers the loss of an algorithm until a budget is used up.

    Args:
        model: what is trained; it is moved to the device of the settings, and shared out as the strategy says.
        algorithm: the passes of each update, and their loss.
        config: how to train.
        folder: a run's folder, for metrics.jsonl and checkpoints/; None writes nothing.
        watch: evaluation, samples and the like.
        strategy: of several processes; None takes the one that the settings name.
        companion: a module that the algorithm's loss uses, which learns beside the model; checkpoints keep it, and
            nothing else does.

    Raises:
        LangueError: the device is not there, or there is a budget of FLOPs or epochs that nobody can count.
    """

    def __init__(
        self,
        model: Model,
        algorithm: Algorithm,
        config: TrainingSettings,
        folder: Path | None = None,
        watch: Watch | None = None,
        strategy: Strategy | None = None,
        companion: nn.Module | None = None,
    ):
        self.device = choose_device(config.device)
        self.strategy = strategy or strategy_of(config.parallel, self.device)
        self.model, self.algorithm = model.to(self.device), algorithm
        self.config, self.folder, self.watch = config, folder, watch or Watch()
        if config.flops is not None and not self.watch.flops_per_token:
            raise LangueError("training.flops needs a watch that knows flops_per_token, since it counts by them")
        if config.epochs is not None and not self.watch.steps_per_epoch:
            raise LangueError("training.epochs needs a watch that knows steps_per_epoch, since it counts by them")
        self.module = LossModule(model, algorithm, companion)
        self.strategy.place(self.module)
        self.state = TrainedState(model, config, companion)
        self.parameters = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        self.progress = Progress(seed=config.seed)
        self.stopped: str | None = None
        self.signal: int | None = None
        if config.compile:
            self.module.compile()
        self._log: Log | None = None
        self._signals = Signals()
        self._saved_step = -1
        self._taken = 0
        self._frozen: str | None = None
        self._base = None if model.base is None else model.base.sha256
        self._begun, self._is_running = time.perf_counter(), True
        self._since_log = _SinceLog()
        self._pace = Pace(self.watch.peak) if self.watch.peak and self.watch.flops_per_token else None

    # One step -------------------------------------------------------------------------------------------------------

    def step(self) -> StepMetrics:
        """One update of the weights; one whose loss or gradient is not finite changes nothing but the count of it, and
        one without any gradient, as of rewards that are all the same, no weight either."""
        norm, counts, sums = self._gradients()
        total, count = sums["loss"]
        self.progress.seconds, *signals = counts
        self.signal = self._signal_in(signals)
        # After the clock of the first process has been heard, which all go by.
        factor = learning_rate_factor(self.config, self.progress.step, self.used_budget())
        skipped = not (math.isfinite(total) and math.isfinite(norm)) or count == 0
        if not skipped and norm > 0:  # momentum and weight decay would move weights that nothing pulls at
            self._apply(factor, count, norm)
        for parameter in self.parameters:
            parameter.grad = None
        if not skipped:
            self._note(sums)
            self._taken += 1
        self._count(int(count), skipped)
        return StepMetrics(total / max(1, count), int(count), norm / max(1, count), skipped, factor, sums)

    def _gradients(self) -> tuple[float, list[float], dict[str, tuple[float, float]]]:
        """Gradients of the summed loss over passes and processes.

        Returns:
            Their norm; the seconds of training so far and how often each signal came; and the sums of `StepMetrics`.
        """
        module = self._call  # before the passes begin, since wrapping takes some to try out
        losses = [self._pass(inputs, module) for inputs in self.algorithm.passes(self.progress.step, self.whole)]
        metrics = {name: torch.stack([loss[name] for loss in losses]).sum(0) for name in losses[0]}
        now = self.progress.seconds + time.perf_counter() - self._begun if is_first() else 0.0
        self._begun = time.perf_counter()
        counts = self._exact(torch.tensor([now, *self._signals.times.values()], dtype=torch.float64))
        numbers = torch.cat([counts, *metrics.values()])
        self.strategy.add_up(numbers)
        norm = total_norm(self.parameters)
        # The only time that a step waits for the device.
        norm_value, *values = torch.cat([self._exact(norm)[None], numbers]).tolist()
        rest = values[len(counts) :]
        sums = zip(rest[::2], rest[1::2], strict=True)
        return norm_value, values[: len(counts)], dict(zip(metrics, sums, strict=True))

    @cached_property
    def _call(self) -> nn.Module:
        """The module that is called: wrapped at the first step, since all processes must be there for that."""
        return self.strategy.wrap(self.module, self._try_out)

    def try_step(self) -> None:
        """Work out the gradients of the step that comes and throw them away, to see what it takes."""
        self._try_out()
        for parameter in self.parameters:
            parameter.grad = None

    def _try_out(self) -> None:
        for inputs in self.algorithm.passes(self.progress.step, self.whole):
            self._pass(inputs, self.module)

    def _pass(self, inputs: Pass, module: nn.Module) -> dict[str, Tensor]:
        """One pass forward and backward; (2,) a sum and its count of the loss and of whatever else it measured."""
        seed_torch(self.config.seed, "dropout", inputs.first_row)
        keys = row_keys(self.config.seed, inputs.first_row, inputs.examples, len(inputs.batch.ids) // inputs.examples)
        with self.strategy.accumulating(module, inputs.is_last):
            with autocast(self.device, self.config.precision), dropping_by(keys):
                total, count, metrics = module(inputs.batch.to(self.device))
                if not inputs.counts:
                    total, count, metrics = total * 0, count * 0, {name: sum_ * 0 for name, sum_ in metrics.items()}
            total.backward()
        return {name: self._exact(sum_) for name, sum_ in {"loss": torch.stack([total, count]), **metrics}.items()}

    def _exact(self, numbers: Tensor) -> Tensor:
        """Numbers without a gradient in float64, on the device unless that has no such thing."""
        return numbers.detach().to("cpu" if self.device.type == "mps" else self.device).double()

    def _note(self, sums: Mapping[str, tuple[float, float]]) -> None:
        unlogged = self.progress.unlogged
        for name, (total, count) in sums.items():
            before = unlogged.get(name, [0.0, 0.0])
            unlogged[name] = [before[0] + total, before[1] + count]

    def _signal_in(self, times: list[float]) -> int | None:
        """The signal that all processes end by, of how often each came to any of them; SIGTERM goes before
        SIGUSR1 and that before Ctrl-C."""
        return max((number for number, count in zip(self._signals.times, times, strict=True) if count), default=None)

    def _apply(self, factor: float, count: float, norm: float) -> None:
        """Divide by the number of targets, clip, and let the optimizer act."""
        scale = 1.0 / count
        if self.config.clip_norm and norm * scale > self.config.clip_norm:
            scale = self.config.clip_norm / norm
        torch._foreach_mul_([parameter.grad for parameter in self.parameters if parameter.grad is not None], scale)
        self.state.update(factor, self.progress.step)

    def _count(self, targets: int, skipped: bool) -> None:
        self.progress.step += 1
        self.progress.tokens += targets
        self.progress.skipped += skipped
        self.progress.skipped_in_a_row = self.progress.skipped_in_a_row + 1 if skipped else 0
        if self.progress.skipped_in_a_row >= self.config.max_skipped:
            raise LangueError(
                f"{self.config.max_skipped} steps in a row had a loss or gradient that is not finite, the last of them "
                f"step {self.progress.step}; try a smaller training.learning_rate"
            )

    def used_budget(self) -> float:
        """The share of the training that is over, 0 … 1: that of the bound which is nearest."""
        config, done = self.config, self.progress
        flops = done.tokens * (self.watch.flops_per_token or 0.0)
        pairs = (
            (done.step, config.steps),
            (done.seconds, config.seconds),
            (done.tokens, config.tokens),
            (flops, config.flops),
            (done.step / (self.watch.steps_per_epoch or 1.0), config.epochs),
        )
        return min(1.0, max(value / bound for value, bound in pairs if bound is not None))

    # The whole training ---------------------------------------------------------------------------------------------

    def run(self, pause: Callable[[], bool] = lambda: False) -> None:
        """Train to the end of the budget, evaluating, writing down and saving on the way.

        Ctrl-C, SIGTERM and SIGUSR1 let the step finish, save, and return with `stopped` and `signal` set; a second
        Ctrl-C stops at once.

        Args:
            pause: asked after each step whether to return for now, with `stopped` not set; called again, the training
                goes on. What lies in between costs it no time.
        """
        if self._log is None:
            self._log = Log(self._file("metrics.jsonl"), self.progress.step, self.watch.on_row)
        if self._pace is not None and is_first():
            self._pace.look()
        self._begun, self._is_running = time.perf_counter(), True
        self.model.train()
        if self.watch.from_start and self.progress.step == 0:
            self.evaluate()
        with self._signals.listening(), lasting_objects(), self._bar() as advance:
            advance(self.used_budget())
            while self.stopped is None:
                used = self.used_budget()
                metrics = self.step()
                advance(self.used_budget() - used, metrics.in_words(self.watch.deciding.metric))
                self._after_step(metrics)
                if self.stopped is None and pause():
                    self.progress.seconds, self._is_running = self._clock(), False
                    return
            if self._saved_step != self.progress.step:
                self.save()
            times = torch.tensor([float(times) for times in self._signals.times.values()], device=self.device)
            self.strategy.add_up(times)
            self.signal = self._signal_in(times.tolist())  # also one that came while the last step was seen to

    def _after_step(self, metrics: StepMetrics) -> None:
        step, over = self.progress.step, self.used_budget() >= 1.0
        if self._taken == IDLE:
            self._refuse_idle_adapters()
        self._since_log.add(metrics, self.progress.seconds)
        if step % self.config.log_every == 0 or over:
            self._write_train_line(metrics)
        if step % self.config.evaluate_every == 0 or over:
            self.evaluate()
        if step % self.config.checkpoint_every == 0 or over:
            self.save()
        if over:
            self.stopped = "the budget is used up"
        elif self.config.patience is not None and self.progress.since_best >= self.config.patience:
            self.stopped = f"no new best in {self.config.patience} evaluations"
        elif self.signal is not None:
            self.stopped = INTERRUPTED

    def _refuse_idle_adapters(self) -> None:
        """Refuse to go on with adapters that nothing has moved: each begins with zeros, which an update changes."""
        named = roles(self.model)
        thin = {name: value for name, value in self.state.named(trained=True).items() if name.endswith(".up")}
        thin = {name: value for name, value in thin.items() if named[name].kind == "adapter"}
        if thin and not any(value.any() for value in whole_all(thin).values()):
            raise LangueError(
                f"all adapters are still zero after {IDLE} steps: no gradient reaches them, or "
                f"training.learning_rate {self.config.learning_rate:g} is too small; see adapt.on and training.freeze"
            )

    def evaluate(self) -> Mapping[str, float] | None:
        """Evaluate on dev data, in every process, and let the first keep the model if it is the best so far."""
        if self.watch.evaluate is None:
            return None
        self.model.eval()
        with self.gathered(), torch.no_grad():
            metrics = self.watch.evaluate(self.model)
            value = broadcast_number(metrics[self.watch.deciding.metric])
            is_best = self.watch.deciding.is_better(value, self.progress.best)
            if is_best and self.watch.keep_best is not None and is_first():
                self.watch.keep_best(self.model)
            sample = self.watch.sample(self.model) if self.watch.sample and is_first() else None
        self.model.train()
        if is_best:
            self.progress.best, self.progress.best_step = value, self.progress.step
        self.progress.since_best = 0 if is_best else self.progress.since_best + 1
        extra = {} if sample is None else {"sample": sample}
        self._write(split="dev", **metrics, best=is_best, **extra)
        self._since_log.pause(self._clock())
        return metrics

    @contextmanager
    def whole(self) -> Iterator[Model]:
        """Inside, the model that learns has its own weights whole, in every process."""
        with self.strategy.gathered(self.module):
            yield self.model

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Inside, the model has the weights that are kept, whole, or their average; in every process."""
        averaged = nullcontext() if self.state.average is None else self.state.average.applied(self.model)
        with averaged, self.strategy.gathered(self.module):
            yield

    # Checkpoints ----------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write a checkpoint, if there is a folder; all processes wait for the first, which writes it."""
        folder = self._file("checkpoints")
        tensors = self.state.tensors()
        if held := self.algorithm.state(self.progress.step):
            tensors[ALGORITHM] = dict(held)
        if self._saved_step < 0:
            frozen = whole_all(self.state.named(trained=False))
            self._frozen = None if folder is None else checkpoints.save_frozen(folder, frozen)
        if folder is not None:
            self.progress.seconds = self._clock()
            self._begun = time.perf_counter()
            if self._log is not None:
                self._log.sync()
            state = self.progress.model_dump()
            checkpoint = Checkpoint(state.pop("step"), state, tensors, frozen=self._frozen, base=self._base)
            checkpoints.save(folder, checkpoint, self.config.keep)
            self._since_log.pause(self._clock())
        self._saved_step = self.progress.step
        wait()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint, bit for bit as if nothing had happened.

        Raises:
            LangueError: it belongs to a training with another seed, whose order and dropout are others, or holds what
                this training could not have written; nothing is changed then.
        """
        progress = checkpoint.progress()
        if progress.seed != self.config.seed:
            raise LangueError(
                f"the checkpoint of step {checkpoint.step} was made with training.seed {progress.seed}, "
                f"not {self.config.seed}; set it back, or begin anew"
            )
        if checkpoint.base != self._base:
            raise LangueError(
                f"the checkpoint of step {checkpoint.step} stands on another base; put the right one there"
            )
        self.state.load(checkpoint)
        self.progress = progress
        self.algorithm.load(checkpoint.step, checkpoint.tensors.get(ALGORITHM, {}))
        self._saved_step, self._frozen = checkpoint.step, checkpoint.frozen
        self._since_log = _SinceLog(self.progress.seconds)

    # What is written down -------------------------------------------------------------------------------------------

    def _write_train_line(self, metrics: StepMetrics) -> None:
        rate = self._since_log.tokens_per_second()
        done = self.progress
        means = {name: total / count if count else math.nan for name, (total, count) in done.unlogged.items()}
        waited = self.algorithm.waited(self._since_log.spent)
        values: dict[str, Any] = {"loss": math.nan, **means, "tokens_per_second": rate, "waited": waited}
        if self.watch.bytes_per_token:
            values["bits_per_byte"] = values["loss"] / math.log(2) / self.watch.bytes_per_token
        if self._pace is not None and self.watch.flops_per_token and is_first():
            values["peak_share"] = rate * self.watch.flops_per_token / self._pace.look()
        values["learning_rate"] = self.config.learning_rate * metrics.learning_rate_factor
        self._write(split="train", gradient_norm=metrics.gradient_norm, skipped=self.progress.skipped, **values)
        self._since_log = _SinceLog(self._clock())
        done.unlogged = {}

    def _write(self, **values: Any) -> None:
        if self._log is not None and is_first():
            done = {"step": self.progress.step, "tokens": self.progress.tokens, "seconds": round(self._clock(), 3)}
            self._log.write(step=done.pop("step"), split=values.pop("split"), **values, **done)

    def _clock(self) -> float:
        """Seconds of training so far, over all its sessions."""
        return self.progress.seconds + (time.perf_counter() - self._begun if self._is_running else 0.0)

    def _file(self, name: str) -> Path | None:
        return self.folder / name if self.folder is not None and is_first() else None

    def _bar(self) -> Any:
        quiet = self.folder is None or not is_first()
        return nullcontext(lambda amount, note="": None) if quiet else progress("training", 1.0)


class _SinceLog:
    """Targets and seconds of training since the last line of metrics, in this session."""

    def __init__(self, seconds: float = 0.0):
        self.spent = 0.0
        self.count = 0
        self.last = seconds

    def add(self, metrics: StepMetrics, seconds: float) -> None:
        self.count += metrics.count
        self.spent += seconds - self.last
        self.last = seconds

    def pause(self, seconds: float) -> None:
        """Leave out the time until now, which was no training."""
        self.last = seconds

    def tokens_per_second(self) -> float:
        return self.count / max(1e-9, self.spent)
