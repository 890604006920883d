"""The formats of low-bit weights by name."""

from __future__ import annotations

from langue.quantization.bf16 import BF16
from langue.quantization.format import Format, WritableFormat
from langue.quantization.ggml import Q4_0, Q4_1, Q4_K, Q6_K, Q8_0
from langue.quantization.int8 import Int8
from langue.quantization.nf4 import NF4

WRITABLE: dict[str, WritableFormat] = {format.name: format for format in (Int8(), Q8_0(), Q4_0(), Q4_1(), NF4())}

FORMATS: dict[str, Format] = {**WRITABLE, **{format.name: format for format in (BF16(), Q4_K(), Q6_K())}}
