"""The tokenizer files of a Marian folder, written: each side's pieces in a file of SentencePiece's, and one numbering.

`langue.text.pieces` reads what is written here, and says what the files are.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from pathlib import Path
from typing import Any

from langue.content import write_json
from langue.errors import LangueError
from langue.text import Tokenizer
from langue.text.foreign import MARIAN
from langue.text.piece_engine import APART, ELSEWHERE, SPACE
from langue.text.pieces import CONTROL, NORMAL, UNIGRAM, UNKNOWN


def write_marian_tokenizer(source: Tokenizer, target: Tokenizer, config: dict[str, Any], folder: Path) -> None:
    """Write source.spm, target.spm, vocab.json and tokenizer_config.json, from which a `MarianTokenizer` is made.

    Args:
        source: of what is read.
        target: of what is written, with the same numbers.
        config: the rest of tokenizer_config.json.
        folder: where to.

    Raises:
        LangueError: the two were not read from such files.
    """
    numbers = _numbers(target)
    if numbers != _numbers(source):
        raise LangueError(
            "at Hugging Face Marian alone reads and writes by two tokenizers, which share their numbers, and these do "
            "not; write it with --format onnx or langue"
        )
    for file, tokenizer in zip(MARIAN, (source, target), strict=True):
        (folder / file).write_bytes(_model_file(json.loads(tokenizer.engine.to_str()), tokenizer))
    for file, content in (("vocab.json", numbers), ("tokenizer_config.json", {**config, "separate_vocabs": False})):
        write_json(folder / file, content)


def _numbers(tokenizer: Tokenizer) -> dict[str, int]:
    """The tokens in order, by their own names."""
    numbers = tokenizer.engine.get_vocab(with_added_tokens=True)
    return {name.removeprefix(ELSEWHERE): number for name, number in sorted(numbers.items(), key=lambda item: item[1])}


def _model_file(content: dict[str, Any], tokenizer: Tokenizer) -> bytes:
    """The `ModelProto` of an engine that was made of one."""
    steps = (content["normalizer"] or {}).get("normalizers", [])
    by_type = {step["type"]: step for step in steps}
    if content["model"]["type"] != "Unigram" or by_type.get("Prepend", {}).get("prepend") != SPACE:
        raise LangueError(
            "Marian's two files are written with the tokenizers of a Marian folder, and these are others; "
            "write it with --format onnx or langue"
        )
    unknown, end = (tokenizer.engine.id_to_token(number) for number in (content["model"]["unk_id"], tokenizer.end))
    others = {added["content"] for added in content["added_tokens"]}
    alphabet = _alphabet(steps)
    pieces = [(unknown, 0.0, UNKNOWN), (end, 0.0, CONTROL)]
    for name, score in content["model"]["vocab"]:
        is_letter = len(name) == 1 and alphabet is not None and name not in alphabet
        if not name.startswith(ELSEWHERE) and name not in others and not is_letter:
            pieces.append((name, score, NORMAL))
    characters = base64.b64decode(by_type.get("Precompiled", {}).get("precompiled_charsmap", ""))
    collapse = any(step["type"] == "Replace" and step["pattern"] == {"Regex": " {2,}"} for step in steps)
    message = [
        _bytes(1, _bytes(1, str(name).encode()) + _float(2, score) + _whole(3, kind)) for name, score, kind in pieces
    ]
    # The unknown one is the first, the end the second; there is none that begins or pads.
    message.append(_bytes(2, _whole(3, UNIGRAM) + _whole(40, 0) + _whole(41, -1) + _whole(42, 1) + _whole(43, -1)))
    message.append(_bytes(3, _bytes(2, characters) + _whole(3, 1) + _whole(4, int(collapse)) + _whole(5, 1)))
    return b"".join(message)


def _alphabet(steps: list[dict[str, Any]]) -> set[str] | None:
    """The characters that the side's own pieces have, where the other side lends it some."""
    for step in steps:
        if step["type"] == "Replace" and step["content"] == APART and step["pattern"].get("Regex", "").startswith("[^"):
            return {chr(int(number, 16)) for number in re.findall(r"\\x\{([0-9a-f]+)\}", step["pattern"]["Regex"])}
    return None


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; negative numbers are those of 64 bits."""
    value &= (1 << 64) - 1
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])
