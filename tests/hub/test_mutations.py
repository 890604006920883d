"""Other people's files, changed at random: read or refused in one sentence, within bounds of time and memory."""

from __future__ import annotations

import random
import re
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf
from tests.hub.published import save
from tests.hub.test_ctranslate2 import convert

from langue.errors import LangueError
from langue.hub import read_published
from langue.hub.gguf import read_gguf, write_gguf
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

NUMBERS = [0, 1, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
VALUES = [b'"', b"{", b"[", b"null", b"true", b"-1", b"1e400", b"9" * 400, b'"\\ud800"', b"NaN", b"[[[[", b"{}", b"[]"]
VALUE = re.compile(rb'(?<=[:\[,])\s*("[^"]*"|-?[\d.eE+-]+|true|false|null)')

SECONDS = 15
"""For one file; all of these are read in a fraction of one."""
MEMORY = 16 << 30
"""Bytes of addresses that this process may have, much of which torch reserves."""


def changed(content: bytes, text: bool, draw: random.Random) -> bytes:
    """Some bytes flipped, left out, repeated or replaced, by numbers and values that are likely to hurt."""
    found = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        if not found:
            break
        place, what = draw.randrange(len(found)), draw.random()
        values = list(VALUE.finditer(bytes(found))) if text and what < 0.4 else []
        if values:
            value = draw.choice(values)
            found[value.start() : value.end()] = draw.choice(VALUES)
        elif what < 0.5:
            found[place] ^= 1 << draw.randrange(8)
        elif what < 0.6:
            del found[place : place + draw.choice([1, 4, 16, len(found) // 3 + 1])]
        elif what < 0.7:
            found[place:place] = found[place : place + draw.choice([1, 8, 64])]
        elif what < 0.9 and not text:
            size = draw.choice([2, 4, 8])
            found[place : place + size] = (draw.choice(NUMBERS) % (1 << 8 * size)).to_bytes(size, "little")
        else:
            found[place : place + 1] = draw.choice(VALUES)
    return bytes(found)


def header(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file with another header, or another length of it."""
    length = int.from_bytes(content[:8], "little")
    text = changed(content[8 : 8 + length], True, draw)
    told = len(text) if draw.random() < 0.8 else draw.choice(NUMBERS)
    return told.to_bytes(8, "little") + text + content[8 + length :]


def front(content: bytes, draw: random.Random) -> bytes:
    """A file whose first part, which says what the rest is, was changed; its hash is not looked for."""
    content = content.replace(b"langue.sha256", b"other.nothing")
    return changed(content[:9000], False, draw) + content[9000:]


def anywhere(content: bytes, draw: random.Random) -> bytes:
    return changed(content, False, draw)


def text(content: bytes, draw: random.Random) -> bytes:
    return changed(content, True, draw)


def use_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder)
    for some in ("the fox", "a <|end|> é日 " * 5, ""):
        ids = tokenizer.encode(some)
        tokenizer.decode(ids)
        tokenizer.prompt(some, special=True)
        tokenizer.pair(ids)
    tokenizer.encode_batch(["a b", "c"])


def make_tokenizers(home: Path) -> None:
    for kind in ("byte-bpe", "wordpiece", "unigram"):
        settings = TokenizerSettings(kind=kind, vocab_size=60 if kind == "unigram" else 300)
        tokenizer = train_tokenizer(settings, ["the quick brown fox jumps over 12 dogs\n" * 20])
        tokenizer.save(home / kind)
        (home / kind / "generation_config.json").write_text('{"eos_token_id": [3, 4]}')
        (home / kind / "tokenizer_config.json").write_text(
            '{"eos_token": "<|end|>", "added_tokens_decoder": {"0": {"content": "<|pad|>", "special": true}}}'
        )


def make_models(home: Path) -> None:
    for name in ("gpt2", "llama", "bert words", "t5", "bart"):
        save(name, home / name)


def make_gguf(home: Path) -> None:
    for name, kind in (("llama", "F16"), ("qwen2", "Q8_0")):
        write_gguf(tiny_gguf.model(name), tiny_gguf.tokenizer(), home / name / "model.gguf", kind)  # type: ignore[arg-type]


def make_ctranslate2(home: Path) -> None:
    convert(home / "plain")
    convert(home / "packed", "int8")


Door = tuple[Callable[[Path], None], str, Callable[[bytes, random.Random], bytes], Callable[[Path], Any]]
DOORS: dict[str, Door] = {
    "config": (make_models, "config.json", text, read_published),
    "weights": (make_models, "*.safetensors", header, read_published),
    "index": (lambda home: save("gpt2", home / "shards", max_shard_size="20KB"), "*.index.json", text, read_published),
    "tokenizer": (make_tokenizers, "*.json", text, use_tokenizer),
    "gguf": (make_gguf, "model.gguf", front, lambda folder: read_gguf(folder / "model.gguf")),
    "ctranslate2": (make_ctranslate2, "model.bin", anywhere, read_published),
}


@pytest.fixture
def bounded() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def mutate(door: str, rounds: int, home: Path) -> tuple[int, int]:
    """How many changed files were read, and how many refused."""
    make, pattern, change, read = DOORS[door]
    home.mkdir()
    make(home)
    folders, draw, done = sorted(home.iterdir()), random.Random(door), [0, 0]
    sentences: list[str] = []
    for number in range(rounds):
        work = home.parent / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(draw.choice(folders), work)
        file = draw.choice(sorted(work.glob(pattern)))
        file.write_bytes(change(file.read_bytes(), draw))
        begun = time.monotonic()
        try:
            read(work)
            done[0] += 1
        except LangueError as error:
            done[1] += 1
            sentences.append(str(error))
        assert time.monotonic() - begun < SECONDS, f"round {number}"
    assert not [sentence for sentence in sentences if "\n" in sentence]
    return done[0], done[1]


@pytest.mark.parametrize("door", DOORS)
def test_a_changed_file_is_read_or_refused(door: str, tmp_path: Path, bounded: None) -> None:
    assert mutate(door, 60, tmp_path / "home")[1] > 10


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_thousands_of_changed_files(door: str, tmp_path: Path, bounded: None) -> None:
    assert mutate(door, 2000, tmp_path / "home")[1] > 300
