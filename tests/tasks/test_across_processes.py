"""Two processes that learn vectors together: the gradient of one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as distributed
from safetensors.torch import load_file, save_file

from langue.models import ModelConfig, build
from langue.parallel import process_group, wait
from langue.parallel.processes import same_rows
from langue.tasks.embed.objective import EmbedObjective
from langue.tasks.embed.settings import EmbedSettings
from two_processes import outputs_of_two

CONFIG = ModelConfig(
    form="encoder", vocab_size=50, width=16, heads=2, layers=1, context=16, embedder={"pooling": "mean"}
)


def examples(kind: str) -> list[dict]:
    """Seven rows; of those of the second process one has a negative, and another repeats an anchor of the first's."""
    draws = np.random.default_rng(0)
    rows = [[draws.integers(1, 50, draws.integers(2, 12)) for _ in range(2)] for _ in range(7)]
    rows[5][0] = rows[1][0]
    if kind == "contrastive":
        rows[4].append(draws.integers(1, 50, 5))
    return [{"ids": row, "target": float(number % 3)} for number, row in enumerate(rows)]


def step(kind: str, some: slice) -> list[torch.Tensor]:
    """Sums of loss and count, and all gradients, of some of the rows."""
    model, objective = (
        build(CONFIG),
        EmbedObjective(EmbedSettings(loss=kind, sizes=(16, 4), symmetric=kind == "contrastive")),
    )
    loss = objective.loss(model, objective.batch(examples(kind)[some]))
    loss.total.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    return [loss.total.detach()[None], loss.count.float()[None], *found.values()]


@pytest.mark.parametrize(
    ("kind", "alike"), [("contrastive", False), ("cosent", False), ("cosine", False), ("contrastive", True)]
)
def test_two_processes_have_the_gradient_of_one(kind, alike, tmp_path):
    outputs_of_two(__file__, kind, int(alike), tmp_path)
    expected = step(kind, slice(None))
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        for number, whole in enumerate(expected):
            tolerance = 2e-5 * max(1.0, float(whole.abs().max()))
            np.testing.assert_allclose(found[str(number)].numpy(), whole.numpy(), atol=tolerance)


def main(kind: str, alike: bool, folder: Path) -> None:
    """One of the two processes."""
    torch.set_num_threads(1)
    rank, _ = process_group(torch.device("cpu"))
    if alike:
        with same_rows():
            sums = step(kind, slice(None))
    else:
        sums = step(kind, slice(0, 4) if rank == 0 else slice(4, 7))
        for each in sums:
            distributed.all_reduce(each)
    save_file({str(number): value.contiguous() for number, value in enumerate(sums)}, folder / f"{rank}.safetensors")
    wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "1", Path(sys.argv[3]))
