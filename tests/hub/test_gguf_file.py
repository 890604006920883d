"""GGUF files by themselves: every way of packing against its definition, and files that lie."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_gguf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langue.errors import LangueError
from langue.hub.gguf import read_gguf, write_gguf
from langue.hub.gguf_file import KINDS, GGUFFile


def written(path: Path, numbers: np.ndarray, kind: str) -> GGUFFile:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("x", numbers, raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GGUFFile(path)


def unpacked(file: GGUFFile) -> np.ndarray:
    return np.concatenate([piece for _, piece in file.rows("x")])


# How coarse each way of packing is: the largest error, as a part of the largest number of a block.
SIMPLE = {"F32": 0.0, "F16": 2**-11, "BF16": 2**-8, "Q8_0": 0.51 / 127, "Q5_0": 1.01 / 16, "Q5_1": 1.01 / 31}
SIMPLE |= {"Q4_0": 1.01 / 8, "Q4_1": 1.01 / 15}


@pytest.mark.parametrize("kind", SIMPLE)
def test_simple_packings_give_back_what_was_packed(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langue.hub.gguf_file._AT_ONCE", 128)
    numbers = np.random.default_rng(0).standard_normal((9, 64)).astype(np.float32)
    file = written(tmp_path / "x.gguf", gguf.quants.quantize(numbers, gguf.GGMLQuantizationType[kind]), kind)
    assert file.tensors["x"].shape == (9, 64)
    error = np.abs(unpacked(file) - numbers).reshape(-1, 32).max(1)
    assert (error <= SIMPLE[kind] * np.abs(numbers).reshape(-1, 32).max(1)).all()
    assert [first for first, _ in file.rows("x")] == [0, 2, 4, 6, 8]


def scales(packed: bytes, j: int) -> tuple[int, int]:
    """Scale and minimum of the j-th stretch of 32 numbers, six bits each (llama.cpp's get_scale_min_k4)."""
    if j < 4:
        return packed[j] & 63, packed[j + 4] & 63
    return packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4


def q4_or_5_k(block: bytes, fifth: bool) -> list[float]:
    d, least = struct.unpack("<2e", block[:4])
    high, low = (block[16:48], block[48:]) if fifth else (bytes(32), block[16:])
    numbers = []
    for j in range(8):
        scale, minimum = scales(block[4:16], j)
        for place in range(32):
            nibble = low[32 * (j // 2) + place] >> 4 * (j % 2) & 15
            numbers.append(d * scale * (nibble + 16 * (high[place] >> j & 1)) - least * minimum)
    return numbers


def q6_k(block: bytes) -> list[float]:
    low, high, scale = block[:128], block[128:192], struct.unpack("<16b", block[192:208])
    (d,) = struct.unpack("<e", block[208:])
    numbers = []
    for place in range(256):
        half, within = divmod(place, 128)
        quarter, column = divmod(within, 32)
        nibble = low[64 * half + 32 * (quarter % 2) + column] >> 4 * (quarter // 2) & 15
        value = nibble | (high[32 * half + column] >> 2 * quarter & 3) << 4
        numbers.append(d * scale[place // 16] * (value - 32))
    return numbers


DEFINITIONS: dict[str, tuple[int, list[int], Callable[[bytes], list[float]]]] = {
    # Bytes of a block, where its half-precision numbers stand, and what it means.
    "Q4_K": (144, [0, 2], lambda block: q4_or_5_k(block, False)),
    "Q5_K": (176, [0, 2], lambda block: q4_or_5_k(block, True)),
    "Q6_K": (210, [208], q6_k),
}


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_packings_in_blocks_of_256_mean_what_their_definition_says(kind: str, tmp_path: Path) -> None:
    size, halves, definition = DEFINITIONS[kind]
    blocks = np.random.default_rng(1).integers(0, 256, (3, 2, size), dtype=np.uint8)
    for place in halves:
        blocks[..., place : place + 2] = np.frombuffer(np.float16(0.01).tobytes(), np.uint8)
    file = written(tmp_path / "x.gguf", blocks.reshape(3, 2 * size), kind)
    expected = np.array([definition(block.tobytes()) for block in blocks.reshape(-1, size)]).reshape(3, 512)
    np.testing.assert_allclose(unpacked(file), expected, rtol=1e-5, atol=1e-5)


def test_every_packing_that_is_read_is_tested() -> None:
    assert set(KINDS) == SIMPLE.keys() | DEFINITIONS.keys()


def test_an_unknown_packing_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "x.gguf", np.zeros((2, 84), np.uint8), "Q2_K")
    with pytest.raises(LangueError, match="packs x as Q2_K"):
        unpacked(file)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(tiny_gguf.model("llama", layers=1), tiny_gguf.tokenizer(), path, "Q8_0")
    return path.read_bytes()


def header(tensors: int = 0, values: int = 0, version: int = 3, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, values) + rest


def text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def tensor(shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(b"x") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


HUGE = 1 << 60
HOSTILE = {
    "empty": (b"", "cannot be read"),
    "not GGUF": (b"PK\3\4 and so on and on", "is not a GGUF file"),
    "version 1": (header(version=1), "version 1"),
    "version 9": (header(version=9), "version 9"),
    "other byte order": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "other byte order"),
    "many settings": (header(values=HUGE), "declares 1152921504606846976 settings"),
    "many tensors": (header(tensors=HUGE), "declares 1152921504606846976 tensors"),
    "long name": (header(values=1, rest=struct.pack("<Q", HUGE) + bytes(20)), "bytes of text"),
    "long text": (header(values=1, rest=text(b"a") + struct.pack("<IQ", 8, HUGE)), "bytes of text"),
    "long list": (header(values=1, rest=text(b"a") + struct.pack("<IIQ", 9, 4, HUGE)), "numbers"),
    "long list of texts": (header(values=1, rest=text(b"a") + struct.pack("<IIQ", 9, 8, HUGE)), "texts"),
    "list of lists": (header(values=1, rest=text(b"a") + struct.pack("<IIQ", 9, 9, 1) + bytes(99)), "unknown type 9"),
    "unknown type": (header(values=1, rest=text(b"a") + struct.pack("<I", 99) + bytes(9)), "unknown type 99"),
    "no UTF-8": (header(values=1, rest=text(b"\xff\xfe") + bytes(20)), "not UTF-8"),
    "twice": (header(values=2, rest=2 * (text(b"a") + struct.pack("<II", 4, 1))), "stands there twice"),
    "tensor twice": (header(tensors=2, rest=2 * tensor((8,), 0, 0) + bytes(99)), "x stands there twice"),
    "no dimensions": (header(tensors=1, rest=tensor((), 0, 0) + bytes(99)), "0 dimensions"),
    "99 dimensions": (header(tensors=1, rest=text(b"x") + struct.pack("<I", 99) + bytes(999)), "99 dimensions"),
    "large": (header(tensors=1, rest=tensor((HUGE, HUGE), 0, 0) + bytes(99)), "beyond the file"),
    "far": (header(tensors=1, rest=tensor((8,), 0, HUGE) + bytes(99)), "beyond the file"),
    "empty tensor": (header(tensors=1, rest=tensor((0, 8), 0, 0) + bytes(99)), "the shape"),
    "half a block": (header(tensors=1, rest=tensor((33,), 8, 0) + bytes(99)), "cannot pack"),
    "unknown packing": (header(tensors=1, rest=tensor((32,), 999, 0) + bytes(99)), "unknown way 999"),
    "no alignment": (header(values=1, rest=text(b"general.alignment") + struct.pack("<II", 4, 3)), "no power of two"),
    "no architecture": (header(rest=bytes(64)), "does not say its general.architecture"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_lie_are_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    content, word = HOSTILE[name]
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(LangueError, match=word) as caught:
        read_gguf(tmp_path / "x.gguf")
    assert "\n" not in str(caught.value)


def test_what_does_not_exist_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LangueError, match="does not exist"):
        read_gguf(tmp_path / "x.gguf")
    with pytest.raises(LangueError, match="cannot be read"):
        read_gguf(tmp_path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_anywhere_is_refused(part: float, whole: bytes, tmp_path: Path) -> None:
    # What follows the last tensor may be missing: at most 31 bytes of padding.
    (tmp_path / "x.gguf").write_bytes(whole[: int(part * (len(whole) - 32))])
    with pytest.raises(LangueError):
        read_gguf(tmp_path / "x.gguf")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 3000), value=st.integers(0, 255))
def test_no_changed_byte_does_worse_than_an_error(place: int, value: int, whole: bytes, tmp_path: Path) -> None:
    changed = bytearray(whole)
    changed[place] = value
    (tmp_path / "x.gguf").write_bytes(changed)
    with suppress(LangueError):
        read_gguf(tmp_path / "x.gguf")
