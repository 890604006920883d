"""Many texts to one array of token numbers, on one core or, of much text, on all of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Lock
from typing import IO, NamedTuple

import numpy as np

from langue import machine
from langue.errors import LangueError
from langue.text.encoding import encoding
from langue.text.tokenizer import Tokenizer
from langue.text.word_cache import WordEncoder

MUCH = 1 << 24
"""Characters after which processes are started: what one core encodes in the time that their start takes them all."""

MOST_PROCESSES = 16
"""Processes at most; so many keep up with any reader."""

LENGTH = np.dtype("<i8")


class FlatTokens(NamedTuple):
    """The tokens of some texts, one text after the other."""

    tokens: np.ndarray
    """(tokens,)"""
    lengths: np.ndarray
    """(texts,) int64: how many are each text's."""


class LocalEncoder:
    """Encodes in this process."""

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype):
        self._tokenizer, self._dtype = tokenizer, dtype
        self._words = WordEncoder(tokenizer.engine, dtype) if WordEncoder.fits(tokenizer.engine) else None
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> FlatTokens:
        """The tokens of texts; several threads may ask."""
        with encoding(texts), self._lock:
            raw = self._words.encode(texts) if self._words else None
        if raw is None:
            raw = [np.array(ids, self._dtype).tobytes() for ids in self._tokenizer.encode_batch(texts)]
        lengths = np.fromiter(map(len, raw), LENGTH, len(raw)) // self._dtype.itemsize
        return FlatTokens(np.frombuffer(b"".join(raw), self._dtype), lengths)


class ProcessEncoder:
    """Encodes in a process of its own, since Python's threads share one core.

    Numbers and text go through its pipes as they are, nothing is pickled. It needs no guard in the user's program, as
    the processes of `multiprocessing` do, and ends when its pipes are closed, be it because we were killed.
    """

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype):
        self._dtype = dtype
        # The processes are our way to use all cores; the engine's own would only get into their way.
        self._process = machine.start_python("langue.text.worker", dtype.str, TOKENIZERS_PARALLELISM="false")
        try:
            send(self._input, [tokenizer.engine.to_str(), json.dumps(tokenizer.roles)])
        except OSError:
            raise _ended() from None

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def encode(self, texts: Sequence[str]) -> FlatTokens:
        """The tokens of texts.

        Raises:
            LangueError: the tokenizer fails on them, or the process ended.
        """
        assert self._process.stdout is not None
        try:
            send(self._input, texts)
            faults = receive(self._process.stdout)
            if faults:
                raise LangueError(faults[0])
            lengths = read_numbers(self._process.stdout, LENGTH, len(texts))
            return FlatTokens(read_numbers(self._process.stdout, self._dtype, int(lengths.sum())), lengths)
        except (OSError, EOFError):
            raise _ended() from None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _ended() -> LangueError:
    return LangueError("a process that encodes text was ended from outside; is there enough memory?")


def send(file: IO[bytes], texts: Sequence[str]) -> None:
    """Write how many texts there are, how long each is, and all of them."""
    with encoding(texts):
        raw = [text.encode() for text in texts]
    file.write(np.array([len(raw), *map(len, raw)], LENGTH).tobytes() + b"".join(raw))
    file.flush()


def receive(file: IO[bytes]) -> list[str]:
    """Read what `send` wrote.

    Raises:
        EOFError: nothing more will come.
    """
    (count,) = read_numbers(file, LENGTH, 1)
    return [str(file.read(length), "utf-8") for length in read_numbers(file, LENGTH, int(count)).tolist()]


def read_numbers(file: IO[bytes], dtype: np.dtype, count: int) -> np.ndarray:
    """(count,) numbers from a file.

    Raises:
        EOFError: there are not so many.
    """
    raw = file.read(count * dtype.itemsize)
    if len(raw) < count * dtype.itemsize:
        raise EOFError
    return np.frombuffer(raw, dtype)


class Encoders:
    """Encodes for as many threads as `count` says at a time; after much text, each has a process to itself."""

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype):
        # A program frozen into one file has no Python to start.
        can_start = bool(sys.executable) and not getattr(sys, "frozen", False)
        cores = min(machine.cores(), MOST_PROCESSES)
        self._processes = cores if can_start and cores > 1 else 0
        self.count = max(2, self._processes)  # that the engine is busy while an array is made
        self._tokenizer, self._dtype = tokenizer, dtype
        self._local = LocalEncoder(tokenizer, dtype)
        self._free: SimpleQueue[ProcessEncoder | None] = SimpleQueue()
        for _ in range(self._processes):
            self._free.put(None)
        self._seen = 0

    def encode(self, texts: Sequence[str]) -> FlatTokens:
        """The tokens of texts; the same whoever encodes them."""
        self._seen += sum(map(len, texts))
        if not self._processes or self._seen <= MUCH:
            return self._local.encode(texts)
        process = self._free.get()
        try:
            process = process or ProcessEncoder(self._tokenizer, self._dtype)
            return process.encode(texts)
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End all processes, when no thread asks any more."""
        for _ in range(self._processes):
            process = self._free.get()
            if process is not None:
                process.close()
        self._processes = 0
