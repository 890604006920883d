"""Distillation: a trained model has a say in what another one learns, whatever its task."""
