"""One of several processes that learn from rewards; run as a script by test_playing, which compares them."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from langue.experiment import train
from langue.tasks.recipes import read_recipe

if __name__ == "__main__":
    torch.set_num_threads(1)
    train(read_recipe(Path(sys.argv[1])), Path(sys.argv[2]), start_from=Path(sys.argv[3]), report=False)
