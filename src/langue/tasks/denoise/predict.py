"""Denoising as a task: what an encoder–decoder that learnt from text alone makes of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from langue.hub import PretrainedModel
from langue.metrics.check import check_columns
from langue.metrics.significance import CorpusStatistics, as_mean, mean_of
from langue.metrics.translation import Languages
from langue.randomness import RowRandomness
from langue.tasks.denoise.objective import DenoiseObjective
from langue.tasks.denoise.settings import DenoiseSettings
from langue.tasks.losses import RowLosses
from langue.tasks.rewriting.predict import Rewrite
from langue.text import Tokenizer


class Denoise(Rewrite):
    """A model to go on from: `langue train … --start-from RUN` teaches it to translate or to summarise."""

    name = "denoise"
    hint = "others begin from it, by --start-from {path} of langue train"
    columns = ("text", "text")
    long = "cut"
    measure_options = ("columns", "predictions")
    row_kind = "text"
    noise = DenoiseSettings()

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: Any = None) -> Denoise:
        task = super().open(pretrained, tokenizer, recipe)
        if recipe is not None:
            task.noise = recipe.denoise
        return task

    def row_losses(self, rows: Sequence[Any]) -> RowLosses:
        """Rows of tokens, spoilt in the same way each time."""
        objective = DenoiseObjective(self.tokenizer, self.noise, self.start)
        batches = [objective.batch([{"ids": row}], RowRandomness(0, number)) for number, row in enumerate(rows)]
        return RowLosses(objective, batches, self.loss_unit)

    def statistics(
        self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None
    ) -> CorpusStatistics:
        """The share of texts that came out as they were."""
        check_columns(predicted, expected)
        same = np.array([text == right for text, right in zip(predicted, expected, strict=True)], dtype=np.float64)
        return CorpusStatistics({"exact_match": (as_mean(same), mean_of)})
