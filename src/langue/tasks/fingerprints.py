"""Fingerprints of what a run has read: a resumed run reads some of it again, and goes on only if it is the same."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from langue.data.labelled import Labelled
from langue.data.parallel import Pair
from langue.errors import LangueError

FILE = "sources.json"
"""In a run's folder: SHA-256 by the name of the source."""
NAMED = 5
"""Sources that a message names."""


class Fingerprints:
    """SHA-256 of what is read of each source, taken while it is read."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}

    def add(self, source: str, content: Any) -> None:
        """Take in what comes next in a source: a row, a text, or a fingerprint of something larger."""
        text = json.dumps(content, default=_plain, skipkeys=True)
        self._hashes.setdefault(source, hashlib.sha256()).update(text.encode() + b"\n")

    def of_rows(self, rows: Iterable[Labelled]) -> None:
        """Take in rows of tables, each under the name of the file that its place begins with."""
        for row in rows:
            self.add(row.place.rpartition(", ")[0], row.values)

    def of_pairs(self, pairs: Iterable[Any]) -> Iterator[Any]:
        """Take in pairs that somebody else reads, one after the other."""
        for pair in pairs:
            if isinstance(pair, Pair):
                self._add_pair(pair)
            yield pair

    def _add_pair(self, pair: Pair) -> None:
        """Take in a row of a table, or a line of each of two aligned files under its own name."""
        if pair.target_place is None:
            self.add(pair.place, [pair.source, pair.target, pair.tags])
            return
        self.add(pair.place, [pair.source, pair.tags])
        self.add(pair.target_place, pair.target)

    def by_source(self) -> dict[str, str]:
        """The fingerprint of each source so far."""
        return {source: digest.hexdigest() for source, digest in self._hashes.items()}


def of_weights(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str:
    """The fingerprint of a model that a training begins with."""
    digest = hashlib.sha256(json.dumps(config, default=str, sort_keys=True).encode())
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_sources(path: Path, fingerprints: Mapping[str, str], what: str) -> None:
    """Compare what was read just now with what a run has written down when it began.

    Args:
        path: the file that it has written.
        fingerprints: fingerprints by name.
        what: "data", of which all must be found again, or "weights", of which those to begin with are read once.

    Raises:
        LangueError: names what has changed, is new or is gone.
    """
    known = read_sources(path).get(what, {})
    others = [name for name, digest in known.items() if fingerprints.get(name, digest) != digest]
    gone = [name for name in known if name not in fingerprints and what == "data"]
    new = [name for name in fingerprints if name not in known]
    changes = [(others, "changed"), (gone, "gone"), (new, "new")]
    changed = "; ".join(f"{word} since then: {_named(names)}" for names, word in changes if names)
    if changed:
        raise LangueError(
            f"the {what} are not those that {path.parent} began with: {changed}; put back what was there, or train "
            f"anew with another --out"
        )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def read_sources(path: Path) -> dict[str, dict[str, str]]:
    """The fingerprints that a run has written down; none where it is only being set up."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def in_text(data: Mapping[str, str], weights: Mapping[str, str]) -> str:
    """The file that a run writes."""
    return json.dumps({"data": dict(data), "weights": dict(weights)}, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """A stand-in for what JSON cannot say, the same for equal values."""
    if isinstance(value, bytes | bytearray | memoryview):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.shape, hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta | decimal.Decimal | Path):
        return str(value)
    return type(value).__name__
