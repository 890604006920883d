"""Tokenizer files that are small and would take a text beyond any bound: one sentence, at once."""

import json
import os
import sys
import time
from contextlib import suppress

import pytest

from langue.console import muffled
from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.hostile import may_run_away

TEXT = "the quick brown fox " * 20


@pytest.fixture
def content():
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=300), [TEXT])
    return json.loads(tokenizer.engine.to_str())


def written(folder, content):
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder


HUGE = "x" * 10_000_000
GROWING = {
    "replacement": {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": HUGE}},
    "prefix": {"normalizer": {"type": "Prepend", "prepend": HUGE}},
    "sequence": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "o"}, "content": HUGE}],
        }
    },
    "decoder": {"decoder": {"type": "Replace", "pattern": {"String": "o"}, "content": HUGE}},
    "frame": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}] * 10_000,
            "special_tokens": {},
        }
    },
}


@pytest.mark.parametrize("name", GROWING)
def test_what_would_grow_without_bound_is_refused(tmp_path, content, name):
    begun = time.monotonic()
    with pytest.raises(LangueError, match=r"tokenizer\.json is hostile or damaged: it(s \w+)? would put"):
        Tokenizer.load(written(tmp_path, {**content, **GROWING[name]}))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("pattern", ["(a+)+b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a*)*(a*)*(a*)*b"])
def test_a_pattern_that_never_ends_is_said(tmp_path, content, pattern):
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    tokenizer = Tokenizer.load(written(tmp_path, {**content, "pre_tokenizer": split}))
    begun = time.monotonic()
    for encode in (tokenizer.encode, lambda text: tokenizer.encode_batch([text, "b"]), tokenizer.prompt):
        try:
            encode("a" * 40)
        except LangueError as error:
            assert "the tokenizer's own rules fail on it" in str(error)  # noqa: PT017 - some patterns end after all
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5000, "9" * 400, "\x00", "null", "[]", '{"version": 1e999}'])
def test_what_is_no_tokenizer_is_said(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(LangueError, match=r"tokenizer\.json cannot be read: .*; it is no tokenizer, or damaged"):
        Tokenizer.load(tmp_path)


def test_usual_steps_are_no_harm(tmp_path, content):
    step = {"type": "Replace", "pattern": {"String": "fox"}, "content": "a fox of thirty letters or more"}
    tokenizer = Tokenizer.load(written(tmp_path, {**content, "normalizer": step}))
    assert "thirty" in tokenizer.decode(tokenizer.encode("the fox"))


def run_away(folder, content, pattern):
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return Tokenizer.load(written(folder, {**content, "pre_tokenizer": split}))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "a*a*a*a*a*$"])
def test_of_a_pattern_that_runs_away_our_sentence_alone_is_said(tmp_path, content, pattern, capfd):
    tokenizer = run_away(tmp_path, content, pattern)
    text = "a" * 200 + "!"
    for encode in (tokenizer.encode, lambda text: tokenizer.encode_batch([text, text]), tokenizer.encode_places):
        with pytest.raises(LangueError, match="the tokenizer's own rules fail on it"):
            encode(text)
    assert capfd.readouterr().err == ""


def test_what_others_write_meanwhile_is_written_after_all(tmp_path, content, capfd):
    with muffled():
        print("before", file=sys.stderr)
        os.write(2, b"by itself\n")
    assert capfd.readouterr().err == "before\nby itself\n"
    with suppress(ValueError), muffled():
        print("before", file=sys.stderr)
        raise ValueError("no panic")
    assert capfd.readouterr().err == "before\n"
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "after\n"


PUBLISHED = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{M}]*[\p{Ll}\p{Lm}\p{M}]+(?i:'s|'t)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*""",
    r"[\s\S]",
    r"\n|<(?=\|)",
]


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_patterns_that_are_in_use_need_no_guard(pattern, tmp_path, content):
    assert not may_run_away(run_away(tmp_path, content, pattern).engine)
