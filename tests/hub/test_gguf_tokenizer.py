"""Tokenizers through GGUF: the same numbers as before, and SentencePiece's merging as its definition says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import gguf
import pytest
import tiny_gguf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, normalizers, pre_tokenizers

from langue.errors import LangueError
from langue.hub.gguf_file import GGUFFile
from langue.hub.gguf_tokenizer import read_tokenizer, write_tokenizer
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def finish(writer: gguf.GGUFWriter) -> GGUFFile:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GGUFFile(writer.path)


def through(tokenizer: Tokenizer, path: Path, vocab_size: int = 320) -> Tokenizer:
    writer = gguf.GGUFWriter(path, "llama")
    write_tokenizer(writer, tokenizer, vocab_size)
    return read_tokenizer(finish(writer))


def cut(tokenizer: Tokenizer, rule: str) -> Tokenizer:
    """The same tokenizer with another way of cutting text into words, spelled as Hugging Face's own files do."""
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=rule == "smollm", trim_offsets=False)
    first = {
        "smollm": pre_tokenizers.Digits(individual_digits=True),
        "qwen2": pre_tokenizers.Split(Regex(WORDS), "isolated"),
        "llama-bpe": pre_tokenizers.Split(Regex(WORDS.replace(r"\p{N}|", r"\p{N}{1,3}|")), "isolated"),
    }
    if rule == "qwen2":
        tokenizer.engine.normalizer = normalizers.NFC()
    if rule == "llama-bpe":
        tokenizer.engine.model.ignore_merges = True
    tokenizer.engine.pre_tokenizer = pre_tokenizers.Sequence([first[rule], bytewise])
    return tokenizer


@pytest.mark.parametrize("rule", ["gpt-2", "smollm", "qwen2", "llama-bpe"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.text("the boat'S 1984\n\t,") | st.just("<|end|> it's 12345 <|pad|>"))
def test_numbers_survive(rule: str, text: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pair = PAIRS.get(rule)
    if pair is None:
        before = tiny_gguf.tokenizer() if rule == "gpt-2" else cut(tiny_gguf.tokenizer(), rule)
        pair = PAIRS[rule] = before, through(before, tmp_path / "x.gguf")
    before, after = pair
    assert after.encode(text) == before.encode(text)
    assert after.decode(before.encode(text)) == before.decode(before.encode(text))


PAIRS: dict[str, tuple[Tokenizer, Tokenizer]] = {}


def test_offices_survive(tmp_path: Path) -> None:
    before = tiny_gguf.tokenizer()
    after = through(before, tmp_path / "x.gguf")
    assert (after.end, after.pad) == (before.end, before.pad)
    assert after.specials == before.specials
    # Numbers of the model that no token of the tokenizer had.
    assert after.vocab_size == 320


def test_the_rule_is_written_by_its_name(tmp_path: Path) -> None:
    for rule in ("smollm", "qwen2", "llama-bpe"):
        writer = gguf.GGUFWriter(tmp_path / rule, "llama")
        write_tokenizer(writer, cut(tiny_gguf.tokenizer(), rule), 320)
        assert finish(writer).settings["tokenizer.ggml.pre"] == rule


@pytest.mark.parametrize("kind", ["byte", "char", "unigram", "wordpiece"])
def test_other_kinds_cannot_be_written(kind: str, tmp_path: Path) -> None:
    other = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=80), [tiny_gguf.TEXT])
    with pytest.raises(LangueError, match="byte-level BPE"):
        write_tokenizer(gguf.GGUFWriter(None, "llama"), other, 400)


def sentencepiece(tokens: list[str], scores: list[float], kinds: list[int], path: Path) -> GGUFFile:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_eos_token_id(2)
    return finish(writer)


PIECES = ["▁", "a", "b", "c", "ab", "bc", "abc", "▁a", "▁ab", "ca", "aa", "bca"]
SCORES = [-20.0 - n for n in range(4)] + [-3.0, -1.0, -4.0, -6.0, -2.0, -5.0, -7.0, -8.0]


def merged(text: str, scores: dict[str, float]) -> list[str]:
    """SentencePiece's BPE: over and over the neighbours whose union scores best become one, the leftmost of equals."""
    parts = list("▁" + text.replace(" ", "▁"))
    while True:
        unions = [(scores[a + b], -n) for n, (a, b) in enumerate(pairwise(parts)) if a + b in scores]
        if not unions:
            return parts
        place = -max(unions)[1]
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("abc ", min_size=1, max_size=12))
def test_sentencepieces_merging(text: str, tmp_path: Path) -> None:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256)), *PIECES]
    kinds = [2, 3, 3, *[6] * 256, *[1] * len(PIECES)]
    if "sentencepiece" not in READ:
        READ["sentencepiece"] = read_tokenizer(sentencepiece(tokens, [0.0] * 259 + SCORES, kinds, tmp_path / "x.gguf"))
    tokenizer = READ["sentencepiece"]
    found = [tokens[number] for number in tokenizer.encode(text)]
    assert found == merged(text, dict(zip(PIECES, SCORES, strict=True)))
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.end == 2
    # What no piece covers becomes its bytes.
    assert tokenizer.decode(tokenizer.encode(text + "é")) == text + "é"


READ: dict[str, Tokenizer] = {}


def test_scores_that_are_too_few_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LangueError, match="3 tokens, but 2 scores"):
        read_tokenizer(sentencepiece(["<unk>", "<s>", "</s>"], [0.0, 0.0], [2, 3, 3], tmp_path / "x.gguf"))
