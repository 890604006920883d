"""The learning rate's course: a pure function of the step and of how far the training has come."""

from __future__ import annotations

import math

from langue.train.settings import TrainingSettings


def learning_rate_factor(settings: TrainingSettings, step: int, progress: float) -> float:
    """What the greatest learning rate is multiplied by in step 0, 1, ….

    Args:
        settings: schedule, warmup_steps or warmup_share, final_share and decay_share.
        step: how many steps came before.
        progress: the share of the training's budget that is used up, 0 … 1.
    """
    if settings.warmup_share is not None:
        # The first step has used up nothing of the budget yet, and would be lost at a rate of 0.
        one = progress / step if step else 0.01 * settings.warmup_share
        warm = min(1.0, (progress + one) / settings.warmup_share)
    else:
        warm = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    return warm * _fall(settings, step, min(1.0, progress))


def _fall(settings: TrainingSettings, step: int, progress: float) -> float:
    final = settings.final_share
    if settings.schedule == "cosine":  # Loshchilov & Hutter 2017, equation 5, one period
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
    if settings.schedule == "linear":
        return 1 - (1 - final) * progress
    if settings.schedule == "wsd":  # Hu et al. 2024, "MiniCPM", section 4.2: warm-up, stable, decay
        return 1 - (1 - final) * max(0.0, 1 - (1 - progress) / settings.decay_share)
    if settings.schedule == "inverse_sqrt":  # Vaswani et al. 2017, section 5.3
        start = max(1, settings.warmup_steps)
        return math.sqrt(start / max(start, step + 1))
    return 1.0
