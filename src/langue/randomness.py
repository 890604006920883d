"""Every random draw is a pure function of a key such as (seed, step, row); no generator has a history to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import torch

_MASK = (1 << 64) - 1


def mix(*key: int | str) -> int:
    """Hash a key to 64 well-mixed bits.

    Each part is absorbed by the finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014), so that neighbouring keys give unrelated bits on every machine and Python.
    """
    return mix_more(0x9E3779B97F4A7C15, *key)


def mix_more(state: int, *key: int | str) -> int:
    """The hash of a longer key, from that of its beginning."""
    for part in key:
        number = int.from_bytes(part.encode(), "little") if isinstance(part, str) else part
        while True:
            state = (state + (number & _MASK) + 0x9E3779B97F4A7C15) & _MASK
            state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
            state ^= state >> 31
            number >>= 64
            if number in (0, -1):
                break
    return state


def numpy_generator(*key: int | str) -> numpy.random.Generator:
    """A NumPy generator for one key."""
    import numpy

    return numpy.random.Generator(numpy.random.PCG64(mix(*key)))


def torch_generator(*key: int | str) -> torch.Generator:
    """A torch generator on the CPU for one key."""
    import torch

    return torch.Generator().manual_seed(mix(*key))


def seed_torch(*key: int | str) -> None:
    """Seed torch's global generators, from which its own kernels draw, for one key.

    `torch.manual_seed` would also write down a stack trace for each kind of device that is not in use, which takes a
    third of a millisecond.
    """
    import torch

    seed = mix(*key)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def row_keys(seed: int, first_row: int, examples: int, places: int) -> numpy.ndarray:
    """(examples · places,) uint64: `mix(seed, "dropout", row, place)` of each text of each row in succession."""
    import numpy

    rows = numpy.arange(first_row, first_row + examples).astype(numpy.uint64)
    keys = _absorb(numpy.uint64(mix(seed, "dropout")), rows)
    return _absorb(keys[:, None], numpy.arange(places).astype(numpy.uint64)).ravel()


def coins(states: numpy.ndarray, parts: numpy.ndarray) -> numpy.ndarray:
    """(N,) float64 in [0, 1]: `mix_more(state, part) / 2⁶⁴` of hashes (N,) uint64 and parts (N,) below 2⁶⁴."""
    import numpy

    return _absorb(states, parts.astype(numpy.uint64)) * 2.0**-64


def _absorb(state: Any, part: numpy.ndarray) -> numpy.ndarray:
    """One step of `mix`, for arrays of numbers below 2⁶⁴."""
    import numpy

    number = numpy.uint64
    with numpy.errstate(over="ignore"):
        state = state + part + number(0x9E3779B97F4A7C15)
        state = (state ^ (state >> number(30))) * number(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> number(27))) * number(0x94D049BB133111EB)
    return state ^ (state >> number(31))


class RowRandomness:
    """Generators for the rows of one batch: `randomness[i]` depends on the seed and the row's global number alone.

    So a mask drawn for a row is the same whatever the batch size, the accumulation or the number of ranks.
    """

    def __init__(self, seed: int, first_row: int):
        self.seed = seed
        self.first_row = first_row

    def __getitem__(self, row: int) -> numpy.random.Generator:
        return numpy_generator(self.seed, self.first_row + row)

    def of_neighbours(self, row: int, count: int) -> numpy.random.Generator:
        """The same for each `count` rows in succession, however batches part them."""
        return numpy_generator(self.seed, (self.first_row + row) // count, "neighbours")
