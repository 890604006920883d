"""Several devices or processes that train one model: who holds which part of it, and how what they did is put together.

| strategy | each process holds | by |
|---|---|---|
| `Single` | everything, alone | nothing |
| `Replicated` | everything, and learns from its share of the rows | `DistributedDataParallel` |
| `Sharded` | a share of every parameter, and learns from its share of the rows | `fully_shard` (FSDP2) |
| `TensorParallel` | a share of heads and feedforward layers, everything else, and learns from all rows | `tensor.py` |
"""

from langue.parallel.processes import broadcast_number, calls_of_all, is_first, others_have_rows, process_group, wait
from langue.parallel.strategy import (
    Replicated,
    Single,
    Strategy,
    outline_of,
    part_of,
    strategy_of,
    total_norm,
    whole,
    whole_all,
)

__all__ = [
    "Replicated",
    "Single",
    "Strategy",
    "broadcast_number",
    "calls_of_all",
    "is_first",
    "others_have_rows",
    "outline_of",
    "part_of",
    "process_group",
    "strategy_of",
    "total_norm",
    "wait",
    "whole",
    "whole_all",
]
