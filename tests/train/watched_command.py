"""`langue`, which also writes down which rows each step of a training sees, into the file that ROWS names."""

import hashlib
import os

import numpy as np

from langue import cli
from langue.data import Loader, MicroBatch
from langue.data.buckets import Buckets

DEALERS = (Loader, Buckets)
deals = {dealer: dealer.__getitem__ for dealer in DEALERS}


def watched(self: Loader | Buckets, step: int) -> list[MicroBatch]:
    found = deals[type(self)](self, step)
    examples = [example for micro in found for example in micro.examples]
    sides = ("ids",) if "ids" in examples[0] else ("source", "target")
    rows = b"".join(np.asarray(example[side]).tobytes() for example in examples for side in sides)
    with open(os.environ["ROWS"], "ab") as file:
        file.write(f"{step} {found[0].first_row} {hashlib.sha256(rows).hexdigest()}\n".encode())
    return found


if __name__ == "__main__":
    for dealer in DEALERS:
        dealer.__getitem__ = watched  # type: ignore[method-assign]
    cli.main()
