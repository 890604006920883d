"""The frames of streams that have no header of their own (MPEG layers 1 to 3, AC-3, E-AC-3), so that one which was cut
short in the middle of a frame is noticed."""

from __future__ import annotations

TAIL = 1 << 16
"""Bytes at the end that are looked at; a frame has 4,096 at most."""

CHAIN = 4
"""Frames in succession after which bytes are no longer taken for frames by chance."""

HEAD = 6
"""Bytes of a frame that tell its length."""

_LAYER_2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_3 = (32, 40, *_LAYER_2[1:-1])
_LOW_1 = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_AC3 = (*_LAYER_3, 384, 448, 512, 576, 640)
"""Kilobits a second by a number in the header: ISO 11172-3 and 13818-3, 2.4.2.3, and ATSC A/52, table 5.18."""

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def ends_within_a_frame(tail: bytes) -> bool:
    """True for the end of a stream of frames whose last one is not whole; tags and the like may follow the last."""
    starts = (place for place in range(max(0, len(tail) - HEAD)) if tail[place] in (0x0B, 0xFF))
    place = next((start for start in starts if _is_chain(tail, start)), None)
    if place is None:
        return False
    while length := frame_length(tail[place : place + HEAD]):
        place += length
    return place > len(tail)


def _is_chain(tail: bytes, place: int) -> bool:
    for _ in range(CHAIN):
        length = frame_length(tail[place : place + HEAD])
        if not length:
            return False
        place += length
    return place <= len(tail)


def frame_length(head: bytes) -> int:
    """Bytes of the frame that begins with a head, or 0 where none does."""
    if len(head) < HEAD:
        return 0
    if head[:2] == b"\x0b\x77":
        return _ac3_length(head)
    return _mpeg_length(head) if head[0] == 0xFF and head[1] >= 0xE0 else 0


def _mpeg_length(head: bytes) -> int:
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return 0
    if version == 3:
        table = (tuple(range(32, 449, 32)), _LAYER_2, _LAYER_3)[layer - 1]
    else:
        table = _LOW_1 if layer == 1 else _LOW
    bits_a_sample = 1000 * table[bits - 1] / _RATES[version][rate]
    if layer == 1:
        return 4 * (int(12 * bits_a_sample) + padding)
    return int((72 if layer == 3 and version != 3 else 144) * bits_a_sample) + padding


def _ac3_length(head: bytes) -> int:
    if head[5] >> 3 > 10:  # E-AC-3
        return 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    rate, code = head[4] >> 6, head[4] & 0x3F
    if rate == 3 or code >> 1 >= len(_AC3):
        return 0
    kilobits = _AC3[code >> 1]
    return 2 * (2 * kilobits, 320 * kilobits // 147 + (code & 1), 3 * kilobits)[rate]
