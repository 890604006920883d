"""Two processes that learn vectors together: the gradient of one."""

from __future__ import annotations

import multiprocessing
import socket

import numpy as np
import pytest
import torch
import torch.distributed as distributed

from langue.models import ModelConfig, build
from langue.parallel.processes import same_rows
from langue.tasks.embed.objective import EmbedObjective
from langue.tasks.embed.settings import EmbedSettings

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


def work(rank: int, port: int, kind: str, alike: bool, pipe) -> None:
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    if alike:
        with same_rows():
            sums = step(kind, slice(None))
    else:
        sums = step(kind, slice(0, 4) if rank == 0 else slice(4, 7))
        for each in sums:
            distributed.all_reduce(each)
    pipe.send([each.numpy() for each in sums])
    distributed.barrier()


@pytest.mark.parametrize(
    ("kind", "alike"), [("contrastive", False), ("cosent", False), ("cosine", False), ("contrastive", True)]
)
def test_two_processes_have_the_gradient_of_one(kind, alike):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    ours, theirs = zip(*(context.Pipe(duplex=False) for _ in range(2)), strict=True)
    workers = [context.Process(target=work, args=(rank, port, kind, alike, theirs[rank])) for rank in range(2)]
    for worker in workers:
        worker.start()
    try:
        found = [pipe.recv() if pipe.poll(90) else None for pipe in ours]
    finally:
        for worker in workers:
            worker.join(10)
            worker.kill()
    expected = step(kind, slice(None))
    for each in found:
        for part, whole in zip(each, expected, strict=True):
            np.testing.assert_allclose(part, whole.numpy(), atol=2e-5 * max(1.0, float(whole.abs().max())))
