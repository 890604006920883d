"""The learning rate's course: a pure function of the step and of how far the training has come."""

from __future__ import annotations

import math

from langue.training.settings import TrainingSettings


def learning_rate_factor(settings: TrainingSettings, step: int, progress: float) -> float:
    """The factor of the greatest learning rate in step 0, 1, ….

    It rises to 1 at the end of the warm-up, and falls from there on, over what is left of the training.

    Args:
        settings: schedule, warmup_steps or warmup_share, final_share and decay_share.
        step: how many steps came before.
        progress: the share of the training's budget that is used up, 0 … 1.
    """
    return _rise(settings, step, progress) * _fall(settings, step, min(1.0, progress))


def _rise(settings: TrainingSettings, step: int, progress: float) -> float:
    """The step that is under way counts, or the first would be lost at a rate of 0."""
    share, steps = settings.warmup_share, settings.warmup_steps
    if share is None:
        return min(1.0, (step + 1) / steps) if steps else 1.0
    first = 1 / settings.steps if settings.steps else 0.01 * share
    one = progress / step if step else first
    return min(1.0, (progress + one) / share)


def _fall(settings: TrainingSettings, step: int, progress: float) -> float:
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "inverse_sqrt":  # Vaswani et al. 2017, section 5.3
        return _inverse_sqrt(settings, step, progress)
    final, warm = settings.final_share, _warm_share(settings, step, progress)
    since = (progress - warm) / (1 - warm) if progress > warm else 0.0
    if settings.schedule == "cosine":  # Loshchilov & Hutter 2017, equation 5, one period
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * since))
    if settings.schedule == "wsd":  # Hu et al. 2024, "MiniCPM", section 4.2: warm-up, stable, decay
        # Where the warm-up reaches into what should be the decay, that begins when the warm-up is over.
        since = min(since, max(0.0, 1 - (1 - progress) / settings.decay_share))
    return 1 - (1 - final) * since


def _warm_share(settings: TrainingSettings, step: int, progress: float) -> float:
    """The share of the training that its warm-up takes.

    Where it is given in steps and the budget is not, that follows from how much the steps so far have used up.
    """
    share, steps = settings.warmup_share, settings.warmup_steps
    if share is not None:
        return share
    return progress * steps / max(steps, step) if steps else 0.0


def _inverse_sqrt(settings: TrainingSettings, step: int, progress: float) -> float:
    share = settings.warmup_share
    if share is None:
        return math.sqrt(max(1, settings.warmup_steps) / max(1, settings.warmup_steps, step + 1))
    if not settings.steps:
        return math.sqrt(share / max(share, progress))
    # In a budget of steps, warm-up ends with a whole one and the one under way counts, as where it is given in steps.
    warm = math.ceil(round(share * settings.steps, 6))
    return math.sqrt(warm / max(warm, step + 1, progress * settings.steps))
