"""Settings of a measurement: what of a benchmark, how a text or table is read, and what is told beside the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langue.data.settings import ReadSettings

READING = ("max_line_bytes", "max_dropped", "columns")
"""Settings of how files are read that take the place of those of the training."""


class MeasureSettings(ReadSettings):
    """The way in which a model is measured. A task refuses what has no say for it."""

    columns: Mapping[str, str] | str | None = None
    """A table's names of the columns that the model was trained to read, such as '{text: review, label: stars}'; by
    default as in training."""
    benchmark: str | None = None
    """Measure on one task, such as glue/CoLA; the one the run was trained on by default. With beir, an hf: name is
    taken for a search set."""
    split: str | None = None
    """The split of a benchmark: dev, test, … By default dev, of a search set test."""
    predictions: Path | None = None
    """Write the answers: to a file, a benchmark's in its own format, or for a suite to a folder. What a search found is
    written as a run file of TREC's."""
    precision: float | None = None
    """Find the lowest probability from which on a classifier's or tagger's answers are right so often, such as 0.9."""
    mistakes: Any = False
    """Tell all wrong answers of a classifier or tagger as well, the worst first."""
    rerank: Any = None
    """A classifier of pairs, or its folder, that judges the best of what a search found anew."""
    rerank_depth: int | None = None
    """The number of the best that it judges; 100 by default."""
    stride: int | None = None
    """Tokens by which a writer's window slides: from 1 to its context; half of the context by default. A smaller one
    lets the model see more before each token, and takes longer."""
    language: str | None = None
    """Code of the language that a translator or summariser writes, such as zh, which decides how BLEU, TER and ROUGE
    split it; by default as its recipe or tags say, or by the script of what people wrote."""

    @property
    def names(self) -> list[str]:
        """The names of all settings that differ from what they are by default."""
        usual = type(self).model_fields
        return [name for name in self.model_fields_set if getattr(self, name) != usual[name].default]

    @property
    def reading(self) -> dict[str, Any]:
        """Those of `READING` that are not left to the training."""
        return {name: getattr(self, name) for name in READING if name in self.model_fields_set}
