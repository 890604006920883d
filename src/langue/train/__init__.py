"""Training: one loop, its optimizers and schedules, and checkpoints that can be trusted."""

from langue.door import make_callable
from langue.train.algorithm import Algorithm, Supervised
from langue.train.checkpoint import Checkpoint, latest
from langue.train.device import choose_device
from langue.train.muon import Muon
from langue.train.optimizer import Optimizers, build_optimizer, freeze
from langue.train.settings import TrainingSettings
from langue.train.trainer import Trainer
from langue.train.types import Deciding, StepMetrics, Watch

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

# langue.train(recipe, out) is the public function.
make_callable(__name__, "langue.experiment:train")
