"""A memory of words gives what the engine gives, for every text and every tokenizer that it takes on."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Engine

from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.special import SPECIAL
from langue.text.word_cache import WordEncoder, split

TEXT = ["The quick brown fox isn't lazy; it's 12 years old, and they'll say so.\n\n  Zwölf Boxkämpfer!\t" * 20]
U4 = np.dtype("<u4")
WORDS = [
    "'s",
    "'S",
    "'",
    "'ll",
    " ",
    "  ",
    "\n",
    "\t ",
    "a",
    "Zwölf",
    "12",
    "²",
    "…",
    "日本",
    "é",
    "\u3000",
    "\x1c",
    "\x85",
]
WORDS += ["😀", "𝔸", "𐐀x", "𝟙", "\U0010ffff", "fox", "<|end|>", "\ufeff", "\u200b", "\u0301"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=400), TEXT)


def by_the_engine(text: str) -> list[str]:
    found = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    return [text[start:end] for _, (start, end) in found]


def test_words_are_the_engines_for_every_character_of_the_basic_plane():
    every = (chr(point) for point in range(0x10000) if not 0xD800 <= point < 0xE000)
    text = "".join(f"a{each}1{each}!{each} {each}\n{each}  {each}" for each in every)
    assert split(text) == by_the_engine(text)


def test_contractions_are_words():
    text = "I've we're they'll it's I'm he'd don't o'clock 'S 'vex 'relax 'llama 'samovar 've're 'l 'v"
    assert split(text) == by_the_engine(text)


@given(st.lists(st.text(max_size=3) | st.sampled_from(WORDS), max_size=12).map("".join))
@settings(max_examples=500, deadline=None)
def test_words_begin_and_end_where_the_engines_do(text):
    found = split(text)
    assert "".join(found) == text
    assert [word for each in found for word in by_the_engine(each)] == by_the_engine(text)
    if all(ord(character) < 0x10000 for character in text):
        assert found == by_the_engine(text)


@pytest.fixture
def memory(tokenizer, monkeypatch) -> WordEncoder:
    """One that thinks nothing too new, and forgets often."""
    monkeypatch.setattr(sys.modules[WordEncoder.__module__], "MOST_NEW", 1.0)
    monkeypatch.setattr(sys.modules[WordEncoder.__module__], "KNOWN", 20)
    return WordEncoder(tokenizer.engine, U4)


def test_tokens_are_the_engines(tokenizer, memory):
    @given(st.lists(st.lists(st.text(max_size=3) | st.sampled_from(WORDS), max_size=8).map("".join), max_size=4))
    @settings(max_examples=300, deadline=None)
    def check(texts):
        found = memory.encode(texts)
        assert found is not None
        assert [np.frombuffer(raw, U4).tolist() for raw in found] == tokenizer.encode_batch(texts)

    check()


def test_the_memory_is_bounded(memory):
    for number in range(50):
        assert memory.encode([f"word{number} again and again and again"]) is not None
        assert len(memory._known) <= 20 + 7


def test_text_of_which_most_is_new_is_left_to_the_engine(tokenizer):
    words = WordEncoder(tokenizer.engine, U4)
    assert words.encode(["".join(map(chr, range(0x4E00, 0x5200)))]) is None
    assert words.encode(["the same " * 100]) is not None


def _engine(model: models.Model | None = None, **pre: bool) -> Engine:
    engine = Engine(model or models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **pre})
    engine.decoder = decoders.ByteLevel()
    engine.encode_special_tokens = True
    engine.add_special_tokens(SPECIAL)
    return engine


def _changed(engine: Engine, **changes: object) -> Engine:
    for name, value in changes.items():
        setattr(engine, name, value)
    return engine


def _with_a_token(engine: Engine) -> Engine:
    engine.add_tokens([AddedToken("hello world", special=False)])
    return engine


def test_only_what_is_encoded_word_by_word_fits(tokenizer):
    assert WordEncoder.fits(tokenizer.engine)
    assert WordEncoder.fits(_engine())
    assert not WordEncoder.fits(_engine(add_prefix_space=True))
    assert not WordEncoder.fits(_engine(use_regex=False))
    assert not WordEncoder.fits(_engine(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")], dropout=0.5)))
    assert not WordEncoder.fits(_engine(models.WordPiece(vocab={"a": 0, "[UNK]": 1}, unk_token="[UNK]")))
    assert not WordEncoder.fits(_changed(_engine(), normalizer=normalizers.NFC()))
    assert not WordEncoder.fits(_changed(_engine(), pre_tokenizer=pre_tokenizers.Whitespace()))
    assert not WordEncoder.fits(_changed(_engine(), encode_special_tokens=False))
    assert not WordEncoder.fits(_with_a_token(_engine()))


@pytest.mark.parametrize("kind", ["unigram", "wordpiece", "char", "byte"])
def test_no_other_kind_fits(kind):
    assert not WordEncoder.fits(train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), TEXT).engine)
