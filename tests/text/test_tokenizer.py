"""Tokenizers of all kinds: what goes in comes out, and no text of a user's becomes a special token."""

import errno
import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from langue.data.embedded import embedded_documents
from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.special import SPECIAL

KINDS = ["byte-bpe", "unigram", "wordpiece", "char", "byte"]
BYTE_KINDS = ["byte-bpe", "byte"]
TEXT = [
    "The quick brown fox jumps over the lazy dog.\n  It does so 12 times, and then some more!\n" * 20,
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. " * 10,
    "def f(x):\n\treturn x ** 2  # squared\n" * 10,
]


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return train_tokenizer(TokenizerSettings(kind=request.param, vocab_size=400), TEXT)


@pytest.fixture(scope="module", params=BYTE_KINDS)
def byte_tokenizer(request):
    return train_tokenizer(TokenizerSettings(kind=request.param, vocab_size=400), TEXT)


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_byte_kinds_lose_nothing_of_any_text(byte_tokenizer, text):
    assert byte_tokenizer.decode(byte_tokenizer.encode(text)) == text


@given(st.lists(st.sampled_from([*SPECIAL, "<|", "|>", "a", " ", "\n", "end", "<|e", "nd|>"]), max_size=12))
@settings(max_examples=200, deadline=None)
def test_no_text_becomes_a_special_token(tokenizer, parts):
    ids = tokenizer.encode("".join(parts))
    allowed = set() if tokenizer.unknown is None else {tokenizer.unknown}
    assert not (tokenizer.specials & set(ids)) - allowed


@given(st.lists(st.text(), max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_batch_is_its_texts(tokenizer, texts):
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


@given(st.text(alphabet=st.sampled_from("abc é ß\n\t日😀"), max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_stream_shows_no_half_character_and_ends_as_decoding_does(tokenizer, text):
    ids = tokenizer.encode(text)
    stream = tokenizer.stream()
    pieces = [stream.push(token) for token in ids]
    whole = tokenizer.decode(ids)
    if "\N{REPLACEMENT CHARACTER}" not in whole:
        assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
    assert "".join(pieces) + stream.flush() == whole


def test_characters_keep_every_known_character(tmp_path):
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), TEXT)
    for text in TEXT:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocab_size == len(SPECIAL) + len(set("".join(TEXT)))
    assert tokenizer.encode("日") == [tokenizer.unknown]


def test_saving_and_loading_changes_nothing(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    assert again.fingerprint == tokenizer.fingerprint
    assert (again.end, again.pad, again.unknown, again.vocab_size) == (
        tokenizer.end,
        tokenizer.pad,
        tokenizer.unknown,
        tokenizer.vocab_size,
    )
    strange = "<|end|> The fox <|pad|><|unknown|> jumps\n\n über 日本 ​ it"
    assert again.encode(strange) == tokenizer.encode(strange)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "tokenizer.json"]


def test_transformers_reads_the_same_file(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in TEXT:
        ids = tokenizer.encode(text)
        assert theirs.encode(text, add_special_tokens=False) == ids
        assert theirs.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) == tokenizer.decode(ids)


@pytest.mark.parametrize("kind", ["byte-bpe", "char", "byte"])
def test_the_same_text_gives_the_same_tokenizer(kind):
    first, second = (train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), TEXT) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    other = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), ["Other text, with ÿ."])
    assert (other.fingerprint == first.fingerprint) == (kind == "byte")


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece"])
def test_the_vocabulary_is_as_large_as_it_was_asked_to_be(kind):
    texts = list(itertools.islice(embedded_documents(), 40))
    for size in (700, 800):
        assert train_tokenizer(TokenizerSettings(kind=kind, vocab_size=size), texts).vocab_size == size


def test_special_tokens_stand_in_front_in_every_kind(tokenizer):
    assert [tokenizer.engine.token_to_id(name) for name in SPECIAL] == list(range(len(SPECIAL)))
    assert tokenizer.specials == frozenset(range(len(SPECIAL)))


def test_unknown_exists_where_something_can_be_unknown():
    for kind in KINDS:
        tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), TEXT)
        assert (tokenizer.unknown is None) == (kind in BYTE_KINDS)
        assert (tokenizer.unknown in tokenizer.encode("日")) == (kind not in BYTE_KINDS)


def test_lower_case():
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=300, lowercase=True), TEXT)
    assert tokenizer.encode("THE FOX") == tokenizer.encode("the fox")


@pytest.mark.parametrize(
    ("fields", "texts", "sentence"),
    [
        ({"kind": "byte-bpe", "vocab_size": 100}, TEXT, "vocab_size 100 is too small: .* need 262"),
        ({"kind": "wordpiece", "vocab_size": 20}, TEXT, "vocab_size 20 is too small"),
        ({"kind": "unigram", "vocab_size": 10}, TEXT, "no unigram tokenizer of 10 tokens"),
        ({"kind": "char"}, [], "no text to learn"),
        ({"kind": "byte-bpe"}, iter([]), "no text to learn"),
        ({"path": "/nowhere"}, TEXT, "does not exist"),
    ],
)
def test_what_cannot_be_learnt_is_said(fields, texts, sentence):
    with pytest.raises(LangueError, match=sentence):
        train_tokenizer(TokenizerSettings(**fields), texts)


def test_what_is_no_tokenizer_is_said(tmp_path):
    file = tmp_path / "tokenizer.json"
    for content in (b"", b"\xff\xfe\x00", b"{}", b"[1, 2]", b'{"model": {"type": "Magic"}}'):
        file.write_bytes(content)
        with pytest.raises(LangueError, match="tokenizer"):
            Tokenizer.load(tmp_path)
    with pytest.raises(LangueError, match="holds no tokenizer"):
        Tokenizer.load(tmp_path / "nothing")


def test_a_tokenizer_of_hugging_face_is_welcome(tmp_path):
    own = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), TEXT)
    content = json.loads(own.engine.to_str())
    for token in content["added_tokens"]:
        token["content"] = {"<|end|>": "<|endoftext|>", "<|pad|>": "[PAD]"}.get(token["content"], token["content"])
    content["model"]["vocab"] = {
        {"<|end|>": "<|endoftext|>", "<|pad|>": "[PAD]"}.get(name, name): number
        for name, number in content["model"]["vocab"].items()
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    theirs = Tokenizer.load(tmp_path)
    assert (theirs.end, theirs.pad) == (own.end, own.pad)
    assert theirs.encode("The fox <|endoftext|>") == theirs.encode("The fox <|endoftext|>")
    assert theirs.end not in theirs.encode("The fox <|endoftext|>")


def test_saving_never_leaves_half_a_file(tokenizer, tmp_path: Path, monkeypatch):
    tokenizer.save(tmp_path)
    before = (tmp_path / "tokenizer.json").read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", lambda *places: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
        with pytest.raises(LangueError, match="the disk is full"):
            tokenizer.save(tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "tokenizer.json"]
