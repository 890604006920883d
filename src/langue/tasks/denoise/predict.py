"""Denoising as a task: what an encoder–decoder that learnt from text alone makes of a text."""

from __future__ import annotations

from collections.abc import Sequence

from langue.metrics.classification import accuracy
from langue.metrics.translation import Languages
from langue.tasks.rewriting.predict import Rewrite


class Denoise(Rewrite):
    """A model to go on from: `langue train … --start-from RUN` teaches it to translate or to summarise."""

    name = "denoise"
    hint = "others begin from it, by --start-from {path} of langue train"
    columns = ("text", "text")
    long = "cut"

    def score(self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None) -> dict[str, float]:
        """Share of texts that came out as they were."""
        return {"exact_match": accuracy(predicted, expected)}
