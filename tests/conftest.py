"""What all tests share: one thread, so that parallel workers do not fight over the cores, and a cache of their own."""

import os
import tempfile
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)

# Digests of large files are remembered in the user's cache, which tests have no business with.
_CACHE = tempfile.TemporaryDirectory(prefix="langue-tests-")
os.environ["XDG_CACHE_HOME"] = os.environ["LOCALAPPDATA"] = _CACHE.name

LONGEST = (
    *("reliability/test_doors", "tasks/test_whisper", "parallel/test_processes", "cli/test_several_processes"),
    *("cli/test_interrupt", "contracts/test_tensor_parallel", "cli/test_train", "parallel/test_strategies"),
    *("models/test_count", "search/test_damage", "training/test_kill", "tests/test_race"),
    "tasks/test_across_processes",
    *("search/test_index", "reliability/test_crashes", "tests/test_allocator", "tasks/test_transcribing"),
    *("reliability/test_flips", "tasks/test_translating", "hub/test_piece_folders", "cli/test_index_verbs"),
)
"""Files that take longest, which begin first, lest one of them run alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest in front; tests of one file stay in their order."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}

    def rank(item: pytest.Item) -> int:
        return ranks.get("/".join(Path(item.path).with_suffix("").parts[-2:]), len(ranks))

    items.sort(key=rank)
