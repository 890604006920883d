"""Evaluation: how good a model is, in the field's usual numbers."""

from langue.tasks.generate.evaluate import evaluate_text

__all__ = ["evaluate_text"]
