"""Evaluation: how good a model is, in the field's usual numbers."""
