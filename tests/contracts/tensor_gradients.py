"""One of two processes that share out the layers of every variant; run as a script by test_tensor_parallel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from variants import ALL, batch_of, config_of, precise_model_of, random_ids

from langue.errors import LangueError
from langue.kernels import dropping_by
from langue.models import build
from langue.nn.linear import Linear, linear_factory
from langue.objectives import Causal
from langue.parallel import Strategy, is_first, strategy_of, total_norm, wait, whole
from langue.randomness import row_keys
from langue.training.algorithm import LossModule


def measured(variant: str, strategy: Strategy) -> dict[str, Tensor]:
    """Loss, gradients and their length of a pass with dropout and padding, and what the model says afterwards."""
    model = precise_model_of(variant, dropout=0.3).train()
    module = LossModule(model, Causal())
    strategy.place(module)
    valid = torch.arange(9) < torch.tensor([[9], [6], [2]])
    batch = batch_of(model, random_ids(3, 9), targets=random_ids(3, 9, seed=5), valid=valid)
    with strategy.accumulating(module, True), dropping_by(row_keys(0, 100, 3, 1)):
        total, _, _ = module(batch)
        total.backward()
    parameters = dict(model.named_parameters())
    gradients = {name: whole(p.grad, p) for name, p in parameters.items() if p.grad is not None}
    numbers = {"loss": total.detach(), "norm": total_norm(list(parameters.values()))}
    with strategy.gathered(module), torch.no_grad():
        numbers["logits"] = model.eval()(batch)
    assert {name: p.shape for name, p in parameters.items() if p.grad is not None and p.grad.shape != p.shape} == {}
    return {**numbers, **gradients}


class Adapted(Linear):
    """A linear layer of another kind."""


def refusals() -> Iterator[str]:
    """What is said of models that cannot be shared out."""
    unfit = ({"heads": 3, "width": 24}, {"key_heads": 1}, {"feedforward_width": 25}, {"query_key_norm": "joint"})
    for changes in (*unfit, {"mixer": "lstm"}, {}):
        feedforward = {"feedforward": "none"} if "mixer" in changes else {}
        with linear_factory(Linear if changes else Adapted):
            model = build(config_of("decoder:attention", **changes, **feedforward))
        try:
            strategy_of("tensor", torch.device("cpu")).place(model)
        except LangueError as error:
            yield str(error)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    found = {}
    for variant in ALL:
        strategy = strategy_of("tensor", torch.device("cpu"))
        with suppress(LangueError):
            found |= {f"{variant}/{name}": value for name, value in measured(variant, strategy).items()}
    print("\n".join(refusals()))
    if is_first():
        save_file({name: value.contiguous() for name, value in found.items()}, folder / "found.safetensors")
    wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
