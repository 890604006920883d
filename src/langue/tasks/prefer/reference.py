"""The reference of preferences: log-probabilities under the weights that a training began from, worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from langue.console import progress
from langue.data.examples import EncodedExample
from langue.errors import LangueError
from langue.files import check_file, replacing_listed
from langue.files.arrays import write_array
from langue.models import Model, evaluating
from langue.objectives.completions import Completion, completion_batch, text_log_probabilities
from langue.objectives.padding import by_length
from langue.tasks.framing import batch_tokens
from langue.tasks.prefer.data import completions_in


def reference_file(folder: Path, split: str) -> Path:
    """The file in a run with the log-probabilities of a split."""
    return folder / f"reference-{split}.npy"


def reference_log_probabilities(model: Model, examples: Sequence[EncodedExample]) -> np.ndarray:
    """(examples, 2) log-probability of both texts of each example, in nats, in float64."""
    rows = [row for example in examples for row in completions_in(example.ids, example.segments)]
    return log_probabilities_of(model, rows).reshape(-1, 2)


@torch.inference_mode()
def log_probabilities_of(model: Model, rows: Sequence[Completion]) -> np.ndarray:
    """(rows,) log-probability of the text of each, in nats."""
    logs = np.zeros(len(rows))
    lengths = [len(row.ids) + (0 if row.source is None else len(row.source)) for row in rows]
    with evaluating(model), progress("the reference", float(len(rows)), "texts") as advance:
        for numbers in by_length(lengths, batch_tokens(model)):
            batch = completion_batch([rows[number] for number in numbers]).to(model.device)
            logs[numbers] = text_log_probabilities(model, batch)[0].double().cpu().numpy()
            advance(len(numbers))
    return logs


def write_references(folder: Path, references: dict[str, np.ndarray]) -> None:
    """Keep the log-probabilities of each split in a run."""
    with replacing_listed(folder) as stage:
        for split, values in references.items():
            write_array(reference_file(stage, split), values)


def read_references(folder: Path, split: str, count: int) -> np.ndarray:
    """(examples, 2) of a split.

    Raises:
        LangueError: they are not there, or of other rows.
    """
    file = reference_file(folder, split)
    try:
        values = np.load(check_file(file), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise LangueError(f"{file}, what the reference holds of the texts, cannot be read: {error}") from None
    if values.shape != (count, 2):
        raise LangueError(f"{file} is of {len(values):,} pairs, but the data have {count:,}")
    return values
