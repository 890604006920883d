"""Training: one loop, its optimizers and schedules, and checkpoints that can be trusted."""

from langue.door import make_callable
from langue.train.checkpoint import Checkpoint, latest
from langue.train.device import choose_device
from langue.train.muon import Muon
from langue.train.optimizer import Optimizers, build_optimizer, freeze
from langue.train.settings import TrainingSettings
from langue.train.terms import Deciding, StepMetrics, Watch
from langue.train.trainer import Trainer

__all__ = [
    "Checkpoint",
    "Deciding",
    "Muon",
    "Optimizers",
    "StepMetrics",
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
