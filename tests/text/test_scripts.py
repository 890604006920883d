"""Tokenizers and scripts of all kinds: what a text loses, and what comes back of it."""

import json
import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.data.prepare import prepare
from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.fertility import fertility

THAI = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิต่างมีเหตุผลและมโนธรรม" * 3
KHMER = "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងសមភាពក្នុងសេចក្តីថ្លៃថ្នូរនិងសិទ្ធិ" * 4
KANA = "すべてのにんげんはうまれながらにしてじゆうでありかつそんげんとけんりとについてびょうどうである" * 3
LATIN = "all human beings are born free and equal in dignity and rights " * 3 + "acgt" * 80


def lost_share(tokenizer, text):
    return fertility(tokenizer, {"": [text]})[0].lost_share


@pytest.mark.parametrize("text", [THAI, KHMER, KANA, LATIN], ids=["thai", "khmer", "kana", "latin"])
def test_word_piece_loses_nothing_of_what_it_was_trained_on(text):
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=300), [text])
    assert tokenizer.unknown not in tokenizer.encode(text)
    assert len(tokenizer.encode(text)) < len(text) / 2  # and learns more than letters
    assert tokenizer.decode(tokenizer.encode(text)).replace(" ", "") == text.replace(" ", "")


def test_a_letter_that_is_unknown_takes_no_word_along():
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=300), [LATIN])
    assert tokenizer.unknown_parts(["beingsΩequal and zfree"]) == ["Ω", "z"]
    # A letter that was only ever seen at the beginning of a word begins one.
    seen = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=60), ["Queen queens need " * 9])
    assert seen.unknown_parts(["needQueen"]) == []
    assert seen.decode(seen.encode("needQueen")) == "need Queen"
    assert lost_share(seen, "needXneed") == pytest.approx(1 / 9)


def test_the_alphabet_grows_with_the_vocabulary():
    draw = random.Random(0)
    letters = [chr(point) for point in range(0x4E00, 0x4E00 + 5000)]
    text = "".join(letters) + "".join(draw.choices(letters[:500], k=60_000))
    for size in (1000, 4000, 12_000):
        tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=size), [text])
        known = sum(len(name) == 1 for name in tokenizer.engine.get_vocab())
        assert tokenizer.vocab_size <= size
        assert known >= min(5000, size // 2 - 10)
    assert tokenizer.unknown not in tokenizer.encode(text)


def test_many_letters_in_both_places_still_fit():
    hangul = " ".join(chr(0xAC00 + 7 * n) + chr(0xAC00 + 7 * (999 - n)) for n in range(1000))
    tokenizer = train_tokenizer(TokenizerSettings(kind="wordpiece", vocab_size=500), [hangul + " a" * 20_000])
    assert tokenizer.vocab_size <= 500


def test_a_text_that_is_lost_is_refused_by_its_characters(tmp_path):
    """One unknown token may be a whole line, so that tokens do not tell."""
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["abcdefgh "])
    content = json.loads(tokenizer.engine.to_str())
    content["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    from tokenizers import Tokenizer as Engine

    coarse = Tokenizer(Engine.from_str(json.dumps(content)))
    text = "a b c d e f g h " * 40 + THAI
    assert coarse.encode(text).count(coarse.unknown) == 1
    with pytest.raises(LangueError, match=r"\d\d% of the characters are unknown to it, such as 'มนุษย'; take one of"):
        prepare([{"text": text}], coarse, tmp_path / "store")
    store = prepare([{"text": "a b c d e f g h " * 40 + "é"}], coarse, tmp_path / "store")
    assert (store.manifest["unknown"], store.manifest["unknown_characters"]) == (1, 1)


COMPATIBLE = "ﬁve ① km² ｆｕｌｌ ™ and\u00a0so  on ▁ <0x41> <|end|>\n\t"


def test_unigram_may_leave_every_character_as_it_is():
    plain, exact = (
        train_tokenizer(TokenizerSettings(kind="unigram", vocab_size=340, nfkc=nfkc), [COMPATIBLE * 20, THAI])
        for nfkc in (True, False)
    )
    assert plain.decode(plain.encode(COMPATIBLE)) != COMPATIBLE
    assert unicodedata.normalize("NFKC", "ﬁve ①") in plain.decode(plain.encode(COMPATIBLE))
    assert exact.decode(exact.encode(COMPATIBLE)) == COMPATIBLE
    assert not set(exact.encode(COMPATIBLE)) & exact.specials
    assert exact.decode(exact.encode(THAI)) == THAI


EXACT = train_tokenizer(TokenizerSettings(kind="unigram", vocab_size=300, nfkc=False), [LATIN])


@settings(deadline=None)
@given(st.text() | st.text("a ▁\r\n\u0085\u2028<|end0x41>"))
def test_any_text_comes_back_byte_by_byte(text):
    assert EXACT.decode(EXACT.encode(text)) == text
    assert not set(EXACT.encode(text)) & EXACT.specials


def test_what_is_too_small_is_said():
    with pytest.raises(LangueError, match="256 bytes need 262"):
        train_tokenizer(TokenizerSettings(kind="unigram", vocab_size=200, nfkc=False), [LATIN])
