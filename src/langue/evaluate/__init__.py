"""Evaluation: how good a model is, in the field's usual numbers."""

from langue.door import make_callable
from langue.tasks.generate.evaluate import evaluate_text

__all__ = ["evaluate_text"]

# langue.evaluate(run, data) is the public function.
make_callable(__name__, "langue.evaluate.run:evaluate")
