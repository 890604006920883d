"""Tokens per second of a training step, forward + loss + backward + clip + AdamW, beside the peers at the same size.

Input is random: what the tokens say does not change how long a step takes.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.harness import Contestant, Options, Result, alternate, say, speedup, spread


@dataclasses.dataclass(frozen=True)
class Race:
    """Contestants of one size; `langue` names ours, whose lead over the others is told."""

    title: str
    shape: Mapping[str, int]
    langue: tuple[tuple[str, dict[str, Any]], ...]
    peers: tuple[tuple[str, str, dict[str, Any]], ...]


_GPT_PEERS = (
    ("nanoGPT in plain PyTorch", "benchmarks.peers.nanogpt:step_maker", {}),
    ("Transformers GPT-2", "benchmarks.peers.hugging_face:step_maker", {"family": "gpt2"}),
    ("Transformers Llama", "benchmarks.peers.hugging_face:step_maker", {"family": "llama"}),
    ("x-transformers", "benchmarks.peers.x_transformer:step_maker", {}),
)


def _gpt(title: str, preset: str, shape: dict[str, int]) -> Race:
    inside = -(-8 * shape["width"] // (3 * 64)) * 64
    llama = {"preset": "llama-nano", "key_heads": None, "feedforward_width": inside}
    gpt2 = {"preset": "gpt2-nano", "feedforward_width": 4 * shape["width"]}
    ours = (("Langue", {"preset": preset}), ("Langue as GPT-2", gpt2), ("Langue as Llama", llama))
    return Race(title, shape, ours, _GPT_PEERS)


def _recurrent(title: str, kind: str, shape: dict[str, int]) -> Race:
    plain = {
        "mixer": kind, "position": "none", "norm": "none", "residual": False, "feedforward": "none",
        "tie_embeddings": False, "head_bias": True,
    }  # fmt: skip
    peer = (f"plain nn.{kind.upper()} loop", "benchmarks.peers.recurrent:step_maker", {"kind": kind})
    return Race(title, shape, (("Langue", plain),), (peer,))


MICRO = {"vocab_size": 4096, "layers": 6, "heads": 6, "width": 384, "context": 256, "batch": 8}
NANO = {"vocab_size": 65, "layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12}
WIDE = {"vocab_size": 4096, "layers": 4, "width": 512, "context": 128, "batch": 16}
NARROW = {"vocab_size": 65, "layers": 2, "width": 256, "context": 64, "batch": 12}
RACES = (
    _gpt("GPT, 12M parameters", "gpt-micro", MICRO),
    _gpt("GPT, gpt-nano", "gpt-nano", NANO),
    _recurrent("LSTM, 13M parameters", "lstm", WIDE),
    _recurrent("LSTM, 1M parameters", "lstm", NARROW),
    _recurrent("GRU, 11M parameters", "gru", WIDE),
    _recurrent("GRU, 1M parameters", "gru", NARROW),
)

PRODUCT, SIDE = "matrix product", 2048
COLUMNS = {
    "race": "size",
    "contestant": "library",
    "parameters": "parameters",
    "milliseconds": "ms a step",
    "tokens_per_second": "tokens/s",
    "against": "Langue is × as fast",
    "peak_share": "% of matmul peak",
    "spread": "± %",
}


def run(options: Options) -> Result:
    """All races, one after the other."""
    rounds = options.rounds or (2 if options.quick else 9)
    seconds = 0.5 if options.quick else 2.0
    rows: list[dict[str, Any]] = []
    for race in RACES:
        say(f"{race.title} …")
        rows += measure(race, rounds, seconds)
    notes = [
        f"A step is forward, loss, backward, clipping and fused AdamW in fp32; medians of {rounds} rounds in which all "
        "contestants of a size took turns, each in a process of its own, and in a new one after each third of the "
        "rounds. “Langue is × as fast” is the median of the "
        f"ratios within the rounds. The peak is what a {SIDE} × {SIDE} matrix product reached in the same rounds; "
        "operations are counted as 6 for each multiplied parameter and 12 · width · context for each layer of "
        "attention (Chowdhery et al. 2022, “PaLM”, appendix B)."
    ]
    return {"title": "Step speed", "columns": COLUMNS, "rows": rows, "notes": notes}


def measure(race: Race, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """The rows of one race, ours first."""
    ours = [
        Contestant(name, "benchmarks.step_speed:langue_step_maker", {"fields": fields, **race.shape})
        for name, fields in race.langue
    ]
    peers = [Contestant(name, make, {**fields, **race.shape}) for name, make, fields in race.peers]
    product = Contestant(PRODUCT, "benchmarks.step_speed:product_maker")
    times = alternate([product, *ours, *peers], rounds=rounds, seconds=seconds, sittings=min(3, rounds))
    tokens = race.shape["batch"] * race.shape["context"]
    rows = []
    for contestant in [*ours, *peers]:
        values = times[contestant.name]
        middle = statistics.median(values)
        size, flops = _cost(contestant, race)
        work = flops * tokens / (2 * SIDE**3)
        rows.append({
            "race": race.title, "contestant": contestant.name, "parameters": size, "milliseconds": 1000 * middle,
            "tokens_per_second": tokens / middle, "against": speedup(times, "Langue", over=contestant.name),
            "peak_share": 100 * work * speedup(times, contestant.name, over=PRODUCT),
            "spread": 100 * spread(values),
        })  # fmt: skip
    return rows


def product_maker() -> Callable[[], object]:
    """A matrix product large enough to show what the machine can do, by the fastest library at hand."""
    import torch

    from langue import kernels

    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    return lambda: kernels.multiply(left, right)


def _cost(contestant: Contestant, race: Race) -> tuple[int | None, float]:
    """Parameters and operations a token. A peer is counted as the Langue model of its family."""
    from langue.models import count

    families = dict(race.langue)
    twin = {"Transformers Llama": "Langue as Llama", "nanoGPT in plain PyTorch": "Langue as GPT-2",
            "Transformers GPT-2": "Langue as GPT-2"}.get(contestant.name, "Langue")  # fmt: skip
    fields = families.get(contestant.name, families[twin])
    config = configuration(fields, **race.shape)
    return count.parameters(config), count.flops_per_token(config)


def configuration(fields: Mapping[str, Any], *, batch: int = 0, **shape: int) -> Any:
    """Langue's configuration of a size."""
    from langue.models import ModelConfig

    return ModelConfig.model_validate({**fields, **shape})


class _SameBatch:
    """Gives the same rows in every step: the loader has a benchmark of its own."""

    def __init__(self, examples: Sequence[Mapping[str, Any]]):
        from langue.data import MicroBatch

        self._batches = [MicroBatch(examples, first_row=0)]

    def __getitem__(self, step: int) -> Sequence[Any]:
        return self._batches


def langue_step_maker(*, fields: Mapping[str, Any], batch: int, context: int, **shape: int) -> Callable[[], object]:
    """A step of Langue's own Trainer, with all that it does besides: batch, count of targets, check for NaN."""
    from benchmarks.peers.loop import random_ids
    from langue.models import build
    from langue.objectives import Causal
    from langue.training import Supervised, Trainer, TrainingSettings

    model = build(configuration(fields, context=context, **shape)).train()
    settings = TrainingSettings(
        optimizer="adamw", schedule="constant", warmup_steps=0, learning_rate=1e-3, beta2=0.99, batch_size=batch,
        device="cpu", precision="fp32",
    )  # fmt: skip
    rows = random_ids(shape["vocab_size"], batch, context).numpy()
    batches = _SameBatch([{"ids": row} for row in rows])
    return Trainer(model, Supervised(Causal(), batches, settings.seed), settings).step
