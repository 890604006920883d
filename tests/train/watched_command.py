"""`langue`, which also writes down which rows each step of a training sees, into the file that ROWS names."""

import hashlib
import os

import numpy as np

from langue import cli
from langue.data import Loader, MicroBatch

deal = Loader.__getitem__


def watched(self: Loader, step: int) -> list[MicroBatch]:
    found = deal(self, step)
    rows = b"".join(np.asarray(example["ids"]).tobytes() for micro in found for example in micro.examples)
    with open(os.environ["ROWS"], "ab") as file:
        file.write(f"{step} {found[0].first_row} {hashlib.sha256(rows).hexdigest()}\n".encode())
    return found


if __name__ == "__main__":
    Loader.__getitem__ = watched  # type: ignore[method-assign]
    cli.main()
