"""Evaluation: how good a model is, in the field's usual numbers."""

from langue.evaluate.language_model import evaluate_text

__all__ = ["evaluate_text"]
