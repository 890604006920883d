"""Fine-tuning by adapters, or of the whole model, by Langue or by PEFT: the least that their users write.

    python -m benchmarks.peers.adapters '{"by": "peft", "kind": "lora", "folder": …, "rows": [[…]], "steps": 12}'

prints one JSON object: the seconds and the loss of each step, and the process's peak of memory in bytes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

RATE, WHOLE_RATE = 2e-4, 2e-5


def main(given: dict[str, Any]) -> dict[str, Any]:
    """Train once."""
    torch.manual_seed(0)
    rows = torch.tensor(given["rows"])
    step = (_langue if given["by"] == "langue" else _peft)(given)
    seconds, losses = [], []
    for batch in rows.chunk(given["steps"]):
        begun = time.perf_counter()
        losses.append(step(batch[:, :-1].contiguous(), batch[:, 1:].contiguous()))
        seconds.append(time.perf_counter() - begun)
    return {"seconds": seconds, "losses": losses, "peak": _peak()}


def _peak() -> int:
    """Bytes that this process has held at most, of Linux; `getrusage` counts what its parent held when it began."""
    lines = Path("/proc/self/status").read_text().split("\n")
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _langue(given: dict[str, Any]) -> Callable[[Tensor, Tensor], float]:
    from langue.adapters import AdapterConfig
    from langue.batch import Batch
    from langue.hub import read_published
    from langue.models import with_adapters
    from langue.objectives import Causal
    from langue.quantization import QuantizationConfig
    from langue.training import TrainingSettings, build_optimizer

    model = read_published(given["folder"]).model
    if given["kind"] is not None:
        config = AdapterConfig(kind=given["kind"], rank=16, alpha=32, on=("attention", "feedforward"))
        bits = None if given["base"] == "fp32" else QuantizationConfig(format=given["base"], table="int8")
        model = with_adapters(model, config, quantization=bits)
    if given.get("recompute"):
        model.recompute()
    rate = RATE if given["kind"] else WHOLE_RATE
    optimizer = build_optimizer(
        model.train(), TrainingSettings(optimizer="adamw", learning_rate=rate, weight_decay=0.0)
    )
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def step(inputs: Tensor, targets: Tensor) -> float:
        loss = Causal().loss(model, Batch(inputs, targets=targets))
        (loss.total / loss.count).backward()
        optimizer.step(1.0)
        for parameter in parameters:
            parameter.grad = None
        return float((loss.total / loss.count).detach())

    return step


def _peft(given: dict[str, Any]) -> Callable[[Tensor, Tensor], float]:
    import peft
    import transformers

    transformers.logging.set_verbosity_error()
    base = transformers.AutoModelForCausalLM.from_pretrained(given["folder"], dtype="float32")
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = peft.LoraConfig(r=16, lora_alpha=32, target_modules=names, use_dora=given["kind"] == "dora")
    model = peft.get_peft_model(base, config).train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, fused=True)

    def step(inputs: Tensor, targets: Tensor) -> float:
        loss = model(input_ids=inputs, shift_labels=targets, labels=targets).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
