"""Learning a tokenizer from text, of which only a bounded part is ever in memory."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Engine

from langue.account import TextAccount
from langue.errors import LangueError
from langue.text.settings import TokenizerKind, TokenizerSettings
from langue.text.special import SPECIAL, UNKNOWN
from langue.text.tokenizer import Tokenizer

PIECE = 1 << 16
"""Characters that are handed to the engine at once; longer texts are cut at a space or line's end."""

SENTENCES = 200 * (1 << 20)
"""Characters that Unigram learns from: its suffix array takes some twenty bytes for each, so longer text is cut off."""

LONGEST_WORD = 100
"""Characters of a word of WordPiece, as of BERT's; how long it takes grows with their square."""

LETTERS = 100
"""Letters that a WordPiece's alphabet holds in any case, or it is refused as too small for its text."""

LOSSY = ("unigram", "wordpiece")
"""Kinds that may not know all characters of their own text."""

_ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def train_tokenizer(settings: TokenizerSettings, texts: Iterable[str]) -> Tokenizer:
    """Learn a tokenizer from texts, or load the one that the settings name.

    Byte-level BPE and WordPiece count words as the text streams by, so memory grows with the number of different words
    alone. The same texts give the same tokenizer, byte for byte, but for Unigram and WordPiece, whose trainers break
    ties in the order of a hash table that is never the same.

    Raises:
        LangueError: there is no text, or the vocabulary is too small for the alphabet, so that much of it is lost.
    """
    if settings.path is not None:
        return Tokenizer.load(settings.path)
    pieces = _pieces(texts)
    first = next(pieces, None)
    if first is None and settings.kind != "byte":
        raise LangueError("there is no text to learn a tokenizer from")
    characters: Counter[str] = Counter()
    texts = itertools.chain([first or ""], pieces)
    engine = _TRAINERS[settings.kind](settings, _counted(texts, characters) if settings.kind in LOSSY else texts)
    # As it will be read again, so that a new tokenizer and its file share one fingerprint.
    tokenizer = Tokenizer(Engine.from_str(engine.to_str()))
    _check_lost(tokenizer, characters, settings)
    return tokenizer


def _counted(texts: Iterator[str], characters: Counter[str]) -> Iterator[str]:
    """The same texts, whose characters are counted as they pass."""
    for text in texts:
        characters.update(text)
        yield text


def _check_lost(tokenizer: Tokenizer, characters: Counter[str], settings: TokenizerSettings) -> None:
    """Say which share of its own text a tokenizer does not know.

    Raises:
        LangueError: it is more than a model could learn without.
    """
    account = TextAccount()
    account.read(characters.total(), Counter({part: characters[part] for part in tokenizer.unknown_parts(characters)}))
    if account.is_strange:
        raise LangueError(
            f"a {settings.kind} tokenizer of {settings.vocab_size:,} tokens does not know "
            f"{account.lost / account.characters:.1%} of the characters of its own text, such as {account.examples}; "
            f"give it a larger vocab_size, or take the kind byte-bpe, which knows all"
        )
    account.say()


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """Cut long texts where a space or a line ends."""
    for text in texts:
        start = 0
        while start < len(text):
            end = min(start + PIECE, len(text))
            if end < len(text):
                cut = max(text.rfind("\n", start, end), text.rfind(" ", start, end))
                end = cut if cut > start else end
            yield text[start:end]
            start = end


def _with_specials(engine: Engine) -> Engine:
    engine.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    return engine


def _learn(engine: Engine, kind: Any, settings: TokenizerSettings, texts: Iterator[str], **options: Any) -> None:
    trainer = kind(vocab_size=settings.vocab_size, special_tokens=SPECIAL, show_progress=False, **options)
    engine.train_from_iterator(texts, trainer)


def _byte_level(model: models.Model, *, use_regex: bool = True) -> Engine:
    engine = Engine(model)
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    engine.decoder = decoders.ByteLevel()
    return engine


def _byte(settings: TokenizerSettings, texts: Iterator[str]) -> Engine:
    names = SPECIAL + _ALPHABET
    model = models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=[])
    # Without the splitting pattern, which merges alone have a use for, bytes are looked up nearly twice as fast.
    return _with_specials(_byte_level(model, use_regex=False))


def _char(settings: TokenizerSettings, texts: Iterator[str]) -> Engine:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    names = SPECIAL + sorted(counts)
    engine = Engine(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token=UNKNOWN))
    engine.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    engine.decoder = decoders.Fuse()
    return _with_specials(engine)


def _byte_bpe(settings: TokenizerSettings, texts: Iterator[str]) -> Engine:
    _demand(settings, len(SPECIAL) + len(_ALPHABET), "the special tokens and 256 bytes")
    engine = _byte_level(models.BPE())
    _learn(engine, trainers.BpeTrainer, settings, texts, initial_alphabet=_ALPHABET, max_token_length=64)
    return engine


def _wordpiece(settings: TokenizerSettings, texts: Iterator[str]) -> Engine:
    engine = Engine(models.WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD))
    engine.normalizer = normalizers.BertNormalizer(lowercase=settings.lowercase, strip_accents=False)
    # Thai, Khmer and others put no spaces: what is longer than a word may be is read in stretches.
    words = [
        pre_tokenizers.BertPreTokenizer(),
        pre_tokenizers.Split(Regex(rf"[\s\S]{{{LONGEST_WORD}}}"), behavior="isolated"),
    ]
    engine.pre_tokenizer = pre_tokenizers.Sequence(words)
    engine.decoder = decoders.WordPiece()
    # Each letter may need two tokens: to begin a word, and to go on with one.
    letters = max(LETTERS, (settings.vocab_size - len(SPECIAL)) // 2)
    _learn(engine, trainers.WordPieceTrainer, settings, texts, limit_alphabet=letters)
    if engine.get_vocab_size() > settings.vocab_size:
        _demand(settings, engine.get_vocab_size(), "the special tokens and the alphabet")
    engine.pre_tokenizer = pre_tokenizers.Sequence([*words, *_apart(engine.get_vocab())])
    return engine


def _apart(vocabulary: Mapping[str, int]) -> list[pre_tokenizers.PreTokenizer]:
    """Cuts that keep letters apart with which a word cannot be said, lest the whole word be lost with them."""
    letters = {name for name in vocabulary if len(name) == 1}
    first_only = {letter for letter in letters if f"##{letter}" not in vocabulary}
    cuts: list[pre_tokenizers.PreTokenizer] = []
    cuts += [pre_tokenizers.Split(Regex(f"[^{_class(letters)}]"), behavior="isolated")] if letters else []
    if first_only:
        cuts.append(pre_tokenizers.Split(Regex(f"[{_class(first_only)}]"), behavior="merged_with_next"))
    return cuts


def _class(letters: Iterable[str]) -> str:
    return "".join(f"\\x{{{ord(letter):x}}}" for letter in sorted(letters))


def _unigram(settings: TokenizerSettings, texts: Iterator[str]) -> Engine:
    if not settings.nfkc:
        _demand(settings, len(SPECIAL) + len(_ALPHABET), "the special tokens and 256 bytes")
    # Over bytes nothing is unknown, and a space cannot be taken for the sign that stands for one.
    engine = Engine(models.Unigram()) if settings.nfkc else _byte_level(models.Unigram())
    steps: list[normalizers.Normalizer] = [normalizers.NFKC()] if settings.nfkc else []
    steps += [normalizers.Lowercase()] if settings.lowercase else []
    engine.normalizer = normalizers.Sequence(steps) if steps else None
    if settings.nfkc:
        engine.pre_tokenizer = pre_tokenizers.Sequence(
            [
                # Unigram looks pieces up by their spelling, special ones too: none of a user's text may be spelled so.
                pre_tokenizers.Split(Regex(r"\n|<(?=\|)"), "isolated"),
                pre_tokenizers.Metaspace(prepend_scheme="never"),
            ]
        )
        engine.decoder = decoders.Metaspace(prepend_scheme="never")
    alphabet, sentences = [] if settings.nfkc else _ALPHABET, _until(texts, SENTENCES)
    try:
        _learn(engine, trainers.UnigramTrainer, settings, sentences, unk_token=UNKNOWN, initial_alphabet=alphabet)
    except BaseException as error:  # the engine panics on a vocabulary below its alphabet
        if isinstance(error, KeyboardInterrupt | SystemExit | LangueError):
            raise
        raise LangueError(f"no unigram tokenizer of {settings.vocab_size} tokens can be learnt: {error}") from None
    return engine


def _until(texts: Iterator[str], characters: int) -> Iterator[str]:
    for text in texts:
        if characters <= 0:
            return
        characters -= len(text)
        yield text


def _demand(settings: TokenizerSettings, needed: int, what: str) -> None:
    if settings.vocab_size < needed:
        raise LangueError(f"vocab_size {settings.vocab_size} is too small: {what} need {needed}")


_TRAINERS: dict[TokenizerKind, Callable[[TokenizerSettings, Iterator[str]], Engine]] = {
    "byte-bpe": _byte_bpe,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
    "char": _char,
    "byte": _byte,
}
