"""One of several processes that learn from rewards; run as a script by test_playing, which compares them."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from langue.experiment import train
from langue.objectives.padding import PIECE_TOKENS
from langue.tasks.recipes import read_recipe


def main(recipe: Path, out: Path, start: str, *fields: str) -> None:
    torch.set_num_threads(1)
    PIECE_TOKENS["cpu"] = 20  # of which a row or two have room
    begin = {"resume": True} if start == "resume" else {"start_from": Path(start)}
    train(read_recipe(recipe, dict(field.split("=") for field in fields)), out, report=False, **begin)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
