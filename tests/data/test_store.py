"""A token store gives back what was written, and never what was changed since."""

import json
import shutil

import numpy as np
import pytest

from langue.data import TokenStore
from langue.data.part import StorePart
from langue.data.prepare import prepare
from langue.data.store import manifest_digest
from langue.errors import LangueError
from langue.text import TokenizerSettings, train_tokenizer


@pytest.fixture
def store(tmp_path, numbered_store) -> TokenStore:
    """A copy that may be damaged."""
    return TokenStore.open(shutil.copytree(numbered_store.folder, tmp_path / "copy"))


def test_reading_crosses_shards(store):
    assert len(store.shards) > 5
    whole = store.read(0, store.tokens)
    assert len(whole) == store.tokens
    for start, count in [(0, 1), (96, 2), (97, 97), (50, 400), (store.tokens - 1, 1), (store.tokens, 0)]:
        assert np.array_equal(store.read(start, count), whole[start : start + count])


@pytest.mark.parametrize("shard", [1, 7, 96, 97, 10**9])
def test_the_size_of_shards_changes_nothing(tmp_path, byte_tokenizer, shard):
    texts = [{"text": text} for text in ("abc", "defgh", "i", "jklmnopqrst")]
    found = prepare(texts, byte_tokenizer, tmp_path / "store", shard=shard)
    expected = [token for row in texts for token in [*byte_tokenizer.encode(row["text"]), byte_tokenizer.end]]
    assert found.read(0, found.tokens).tolist() == expected
    assert found.document_ends.tolist() == [4, 10, 12, 24]
    assert all(entry.tokens <= shard for entry in found.shards)


@pytest.mark.parametrize(("start", "count"), [(-1, 2), (0, 10**6)])
def test_places_outside_are_refused(store, start, count):
    with pytest.raises(IndexError):
        store.read(start, count)


def test_every_changed_byte_is_found_and_its_file_named(store):
    files = sorted(store.folder.glob("shard-*"))
    assert len(files) == 2 * len(store.shards)
    for path in [*files, store.folder / "manifest.json"]:
        whole = path.read_bytes()
        for place in sorted({0, len(whole) // 2, len(whole) - 1 - path.name.endswith("json")} - {len(whole)}):
            if not whole:
                continue
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            with pytest.raises(LangueError, match=path.name):
                TokenStore.open(store.folder)
        path.write_bytes(whole)
    TokenStore.open(store.folder)


def test_stores_are_verified_unless_they_were_just_written(store):
    path = store.folder / "shard-00001.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    opened = TokenStore.open(store.folder, verify=False)
    with pytest.raises(LangueError, match=r"shard-00001\.bin is damaged"):
        opened.verify()
    with pytest.raises(LangueError, match=r"shard-00001\.bin is damaged"):
        TokenStore.open(store.folder)


def test_a_missing_or_shortened_file_is_named(store):
    path = store.folder / "shard-00002.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(LangueError, match=r"shard-00002\.bin has 192 bytes instead of 194"):
        TokenStore.open(store.folder)
    path.unlink()
    with pytest.raises(LangueError, match=r"shard-00002\.bin is missing"):
        TokenStore.open(store.folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is damaged"),
        (b"\xff", "is damaged"),
        (b"[]", "holds no token store: manifest.json describes something else"),
        (b'{"format": "other"}', "holds no token store: manifest.json describes something else"),
        (b'{"format": "langue-tokens", "version": 99}', "is of version 99"),
        (b'{"format": "langue-tokens", "version": 1}', "is damaged"),
    ],
)
def test_a_damaged_manifest_is_a_sentence(tmp_path, content, said):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(LangueError, match=said):
        TokenStore.open(tmp_path)


def test_no_store_is_a_sentence(tmp_path):
    with pytest.raises(LangueError, match="holds no token store"):
        TokenStore.open(tmp_path)


def test_the_manifest_says_what_is_in_the_store(store):
    manifest = json.loads((store.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sha256"] == manifest_digest(manifest)
    assert manifest["dtype"] == "uint16"
    assert manifest["documents"] == 40 == len(store.document_ends)
    assert manifest["tokens"] == store.tokens == store.document_ends[-1]
    assert store.text_bytes == store.text_characters == store.tokens - 40


def test_another_tokenizer_is_refused(store, byte_tokenizer):
    store.require(byte_tokenizer)
    other = train_tokenizer(TokenizerSettings(kind="char"), ["abc"])
    with pytest.raises(LangueError, match="another tokenizer"):
        store.require(other)


def test_a_part_reads_like_a_store(store, byte_tokenizer):
    first, count = 37, 500
    part = StorePart(store, first, count, byte_tokenizer)
    assert np.array_equal(part.read(5, 300), store.read(first + 5, 300))
    expected = [end - first for end in store.document_ends.tolist() if first < end < first + count]
    assert part.document_ends.tolist() == [*expected, count]
    assert part.documents == len(expected) + 1
    text = byte_tokenizer.decode(store.read(first, count).tolist())
    assert (part.text_bytes, part.text_characters) == (len(text.encode()), len(text))
    with pytest.raises(IndexError):
        part.read(count, 1)
