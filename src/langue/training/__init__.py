"""Training: one loop, its optimizers and schedules, and checkpoints that can be trusted."""

from langue.training.algorithm import Algorithm, Supervised
from langue.training.checkpoint import Checkpoint, latest
from langue.training.device import choose_device
from langue.training.muon import Muon
from langue.training.optimizer import Optimizers, build_optimizer, freeze
from langue.training.settings import TrainingSettings
from langue.training.trainer import Trainer
from langue.training.types import Deciding, StepMetrics, Watch

__all__ = [
    "Algorithm",
    "Checkpoint",
    "Deciding",
    "Muon",
    "Optimizers",
    "StepMetrics",
    "Supervised",
    "Trainer",
    "TrainingSettings",
    "Watch",
    "build_optimizer",
    "choose_device",
    "freeze",
    "latest",
]
