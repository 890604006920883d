"""Formats of low-bit weights hold the very bits that gguf and bitsandbytes do."""

from __future__ import annotations

import hashlib

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from langue.quantization.format import WritableFormat
from langue.quantization.formats import FORMATS, WRITABLE
from langue.quantization.nf4 import LEVELS

GGML = ("q8_0", "q4_0", "q4_1")
NUMBERS = st.floats(-100, 100, width=32, allow_subnormal=False).map(lambda number: number if abs(number) > 1e-3 else 0)
MATRICES = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.sampled_from([64, 128, 192])), elements=NUMBERS
).map(torch.from_numpy)


@pytest.mark.parametrize("name", GGML)
@settings(deadline=None, max_examples=60)
@given(weight=MATRICES)
def test_blocks_are_those_of_gguf_to_the_bit(name: str, weight: Tensor) -> None:
    kind = gguf.GGMLQuantizationType[name.upper()]
    expected = gguf.quants.quantize(weight.numpy(), kind)
    blocks = WRITABLE[name].quantize(weight)["packed"]
    np.testing.assert_array_equal(blocks.numpy(), expected)
    same_bits(WRITABLE[name].dequantize({"packed": blocks}), gguf.quants.dequantize(expected, kind))


@pytest.mark.parametrize("name", ["q8_0", "q4_0", "q4_1", "q4_k", "q6_k"])
def test_any_bytes_are_unpacked_as_gguf_unpacks_them(name: str) -> None:
    kind, format = gguf.GGMLQuantizationType[name.upper()], FORMATS[name]
    draws = np.random.default_rng(0)
    blocks = draws.integers(0, 256, (9, 3, format.size), dtype=np.uint8)
    for start in {"q4_1": (0, 2), "q4_k": (0, 2), "q6_k": (208,)}.get(name, (0,)):  # no NaN among the scales
        blocks[..., start : start + 2] = draws.standard_normal((9, 3, 1)).astype(np.float16).view(np.uint8)
    rows = blocks.reshape(9, -1)
    same_bits(format.dequantize({"packed": torch.from_numpy(rows)}), gguf.quants.dequantize(rows, kind))
    assert rows.nbytes * 8 == pytest.approx(format.bits * 9 * 3 * format.block)


def test_normal_floats_are_packed_as_bitsandbytes_packs_them() -> None:
    """Recorded from bitsandbytes 0.50.2: `quantize_4bit(weight, blocksize=64, compress_statistics=True, "nf4")`."""
    numbers = torch.arange(96 * 128)
    weight = ((numbers * 7919) % 2003 - 1001).float() / (1000 + (numbers // 512) * 37 % 1500)
    parts = WRITABLE["nf4"].quantize(weight.view(96, 128))
    assert digest(parts["codes"]) == "ec2b7ceb7c309a77ad531432c2e37e302cfef4b96b59c3630cb7a3aacf8c26fa"
    assert digest(parts["scales"]) == "28927067316b29392cf52f2c16e97e43f0a610c236e3847767cc14791cba453e"
    torch.testing.assert_close(parts["offset"], torch.tensor(0.719279944896698))
    torch.testing.assert_close(parts["groups"], torch.tensor([0.2817201018333435]))


def test_normal_floats_are_unpacked_as_bitsandbytes_unpacks_them() -> None:
    """Recorded from its `dequantize_4bit`, of codes and scales of every value."""
    numbers = torch.arange(96 * 64)
    parts = {
        "codes": ((numbers * 131 + 7) % 256).to(torch.uint8).view(96, 64),
        "scales": ((numbers[:192] * 73 + 5) % 256).to(torch.uint8).view(96, 2),
        "groups": torch.tensor([0.75]),
        "offset": torch.tensor(1.25),
    }
    weight = WRITABLE["nf4"].dequantize(parts)
    assert digest(weight) == "46c371b035e735f2909f14ebc2cd37d5e76c3fc9f1e212e03c4ecad4cdd06b35"


@pytest.mark.parametrize("name", WRITABLE)
@settings(deadline=None, max_examples=40)
@given(weight=MATRICES)
def test_no_number_moves_farther_than_half_a_level(name: str, weight: Tensor) -> None:
    format = WRITABLE[name]
    restored = format.dequantize(format.quantize(weight))
    largest = format.blocks(weight).abs().amax(-1, keepdim=True)
    # Of the largest number: half the widest step, and what fp16 or eight bits leave of the scale; Q4_0 cuts one end.
    half = {"int8": 0.5 / 127, "q8_0": 0.5 / 127, "q4_0": 1 / 8, "q4_1": 1 / 15, "nf4": 0.153}[name]
    scales = {"int8": 0, "nf4": 0.1 * largest.max()}.get(name, 2**-9 * largest)
    assert (format.blocks(restored - weight).abs() <= half * largest + scales + 1e-5).all()


@pytest.mark.parametrize("name", WRITABLE)
def test_levels_on_a_grid_come_back_as_they_were(name: str) -> None:
    format, weight = WRITABLE[name], torch.randn(6, 192, generator=torch.Generator().manual_seed(1))
    blocks = format.blocks(weight)
    grid = format.fit(blocks)
    levels = format.round(blocks, grid)
    again, held = format.unpack(format.pack(levels, grid))
    assert torch.equal(again, levels)
    assert all(torch.equal(part, other) for part, other in zip(held, format.held(grid), strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_some_rows_are_those_of_the_whole(name: str) -> None:
    format, draws = FORMATS[name], torch.Generator().manual_seed(2)
    if isinstance(format, WritableFormat):
        parts = format.quantize(torch.randn(40, 512, generator=draws))
    else:
        parts = {"packed": torch.randint(0, 60, (40, 2 * format.size), generator=draws, dtype=torch.uint8)}
    whole = format.dequantize(parts)
    for rows in (slice(3, 37), torch.tensor([39, 0, 7, 7])):
        assert torch.equal(format.dequantize(parts, rows), whole[rows])
    assert {key: (tuple(part.shape), part.dtype) for key, part in parts.items()} == format.parts(40, 512)


def test_a_level_of_normal_floats_holds_its_share_of_a_normal_distribution() -> None:
    """Zero aside, the levels of either sign are the quantiles of the paper's appendix E."""
    normal = torch.distributions.Normal(0.0, 1.0)
    offset = 0.9677083
    upper = normal.icdf(torch.linspace(offset, 0.5, 9)[:-1])
    lower = -normal.icdf(torch.linspace(offset, 0.5, 8)[:-1])
    levels = torch.cat([upper, torch.zeros(1), lower]).sort().values / upper.max()
    torch.testing.assert_close(torch.tensor(LEVELS), levels, atol=1e-4, rtol=0)


def same_bits(ours: Tensor, theirs: np.ndarray) -> None:
    np.testing.assert_array_equal(ours.numpy().view(np.uint32), theirs.view(np.uint32))


def digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
