"""`langue`, which also writes down what each step of a training learns from, into the file that ROWS names."""

import hashlib
import os
from collections.abc import Iterator

from langue import cli
from langue.training.prefetch import Pass, Prefetch

batches = Prefetch.__getitem__


def watched(self: Prefetch, step: int) -> Iterator[Pass]:
    """Rows that were made and never learnt from are not written down."""
    rows, firsts = hashlib.sha256(), []
    for made in batches(self, step):
        firsts.append(made.first_row)
        for tensor in (made.batch.ids, made.batch.targets, made.batch.source):
            rows.update(b"" if tensor is None else tensor.numpy().tobytes())
        if made.is_last:
            with open(os.environ["ROWS"], "ab") as file:
                file.write(f"{step} {firsts[0]} {rows.hexdigest()}\n".encode())
        yield made


if __name__ == "__main__":
    Prefetch.__getitem__ = watched  # type: ignore[method-assign]
    cli.main()
