"""GPT-2 at its published size on a GPU: tokens per second and share of the bf16 peak, beside Transformers' own.

Both in bf16 autocast, compiled, with fused attention and fused AdamW.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness import Contestant, Options, Result, Skip, alternate, speedup, spread

SHAPE = {"vocab_size": 50_257, "layers": 12, "heads": 12, "width": 768, "context": 1024, "batch": 16}
PRODUCT, SIDE = "matrix product", 8192


def run(options: Options) -> Result:
    """Both, in turns."""
    if not torch.cuda.is_available():
        raise Skip("gpu needs a CUDA device, and torch sees none")
    rounds = options.rounds or (2 if options.quick else 9)
    contestants = [
        Contestant("Langue gpt2", "benchmarks.gpu:langue_step_maker", SHAPE),
        Contestant("Transformers GPT-2", "benchmarks.gpu:transformers_step_maker", SHAPE),
    ]
    product = Contestant(PRODUCT, "benchmarks.gpu:product_maker", {"side": SIDE})
    times = alternate([product, *contestants], rounds=rounds, seconds=3.0, warm_up=10.0)
    tokens, flops = SHAPE["batch"] * SHAPE["context"], _flops()
    rows: list[dict[str, Any]] = []
    for contestant in contestants:
        middle = statistics.median(times[contestant.name])
        share = flops * tokens / (2 * SIDE**3) * speedup(times, contestant.name, over=PRODUCT)
        rows.append({
            "contestant": contestant.name, "milliseconds": 1000 * middle, "tokens_per_second": tokens / middle,
            "against": speedup(times, "Langue gpt2", over=contestant.name), "peak_share": 100 * share,
            "spread": 100 * spread(times[contestant.name]),
        })  # fmt: skip
    columns = {
        "contestant": "library", "milliseconds": "ms a step", "tokens_per_second": "tokens/s",
        "against": "Langue is × as fast", "peak_share": "% of matmul peak", "spread": "± %",
    }  # fmt: skip
    notes = [
        f"GPT-2 of 124,439,808 parameters, {SHAPE['batch']} rows of {SHAPE['context']} tokens, bf16 autocast, "
        f"compiled; medians of {rounds} rounds in turns. The peak is what a bf16 product of {SIDE} × {SIDE} reached in "
        "the same rounds."
    ]
    return {"title": "GPU", "columns": columns, "rows": rows, "notes": notes}


def _flops() -> float:
    from langue.models import ModelConfig, count

    return count.flops_per_token(ModelConfig.model_validate({"preset": "gpt2"}))


def product_maker(*, side: int, device: str = "cuda") -> Callable[[], None]:
    """A matrix product in bf16."""
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))

    def step() -> None:
        torch.mm(left, right)
        _wait(device)

    return step


def langue_step_maker(*, batch: int, device: str = "cuda", compiled: bool = True, **shape: int) -> Callable[[], None]:
    """A step of Langue's model under its objective."""
    from langue.batch import Batch
    from langue.models import ModelConfig, build
    from langue.objectives import Causal

    model = build(ModelConfig.model_validate({"preset": "gpt2", **shape})).to(device)
    objective = Causal()

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        found = objective.loss(model, Batch(inputs, targets))
        return found.total / found.count

    return _step(model, torch.compile(loss) if compiled else loss, shape, batch, device)


def transformers_step_maker(
    *, batch: int, device: str = "cuda", compiled: bool = True, **shape: int
) -> Callable[[], None]:
    """A step of Transformers' GPT-2."""
    from benchmarks.peers.hugging_face import gpt2

    model = gpt2(**shape).to(device)

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        logits = model(input_ids=inputs).logits
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))

    return _step(model, torch.compile(loss) if compiled else loss, shape, batch, device)


def _step(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], shape: Mapping[str, int], batch: int, device: str
) -> Callable[[], None]:
    from benchmarks.peers.loop import adamw, random_ids

    model.train()
    optimizer, parameters = adamw(model), list(model.parameters())
    ids = random_ids(shape["vocab_size"], batch, shape["context"]).to(device)
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()

    def step() -> None:
        with torch.autocast(device, torch.bfloat16):
            value = loss(inputs, targets)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _wait(device)

    return step


def _wait(device: str) -> None:
    """A GPU works while Python goes on; a step ends when its work is done."""
    if device == "cuda":
        torch.cuda.synchronize()
