"""Constraints on a text before it is written: how it begins, and what has to stand in it."""

from __future__ import annotations

from collections.abc import Sequence

from langue.console import say
from langue.errors import LangueError
from langue.text import Tokenizer

Prefix = str | Sequence[str]
"""The beginning of texts: all alike, or each by itself."""

Must = Sequence[str] | Sequence[Sequence[str]]
"""Words that have to stand in texts: the same in all, or a list for each."""


def prefix_tokens(prefix: Prefix, texts: int, tokenizer: Tokenizer) -> list[list[int]] | None:
    """The tokens that each text begins with; None where nothing is asked.

    Raises:
        LangueError: there are not as many as texts, or the tokenizer does not know a character.
    """
    prefixes = [prefix] * texts if isinstance(prefix, str) else list(prefix)
    _check_count(len(prefixes), texts, "prefixes")
    return [_encode(text, tokenizer) if text else [] for text in prefixes] if any(prefixes) else None


def phrase_tokens(must: Must, texts: int, tokenizer: Tokenizer) -> list[list[list[int]]] | None:
    """The phrases that have to stand in each text; None where nothing is asked.

    Raises:
        LangueError: there are not as many lists as texts, one is empty, or the tokenizer does not know a character.
    """
    same = [word for word in must if isinstance(word, str)]
    word_lists = [same] * texts if len(same) == len(must) else [list(some) for some in must]
    _check_count(len(word_lists), texts, "lists of words that must stand in them")
    if not any(word_lists):
        return None
    known: dict[str, list[int]] = {}
    for some in word_lists:
        for word in some:
            if word not in known:
                known[word] = _inside(word, tokenizer)
    return [[known[word] for word in some] for some in word_lists]


def say_what_is_lacking(texts: Sequence[Sequence[int]], phrases: Sequence[Sequence[Sequence[int]]]) -> None:
    """Tell how many texts, of tokens each, do not hold all of their phrases."""
    lacking = sum(not holds(text, wanted) for text, wanted in zip(texts, phrases, strict=True))
    if lacking:
        say(f"{lacking:,} texts lack a word that must stand in them; raise max_tokens or beams")


def holds(tokens: Sequence[int], phrases: Sequence[Sequence[int]]) -> bool:
    """True if all phrases stand among tokens."""
    return all(
        any(list(tokens[start : start + len(phrase)]) == list(phrase) for start in range(len(tokens)))
        for phrase in phrases
    )


def _inside(word: str, tokenizer: Tokenizer) -> list[int]:
    """A word's tokens as they are within a text, where many tokenizers join it with the space before it."""
    if not word.strip():
        raise LangueError("a word that must stand in a text is empty")
    before, tokens = tokenizer.encode("a"), tokenizer.encode(f"a {word.strip()}")
    if tokens[: len(before)] != before or len(tokens) == len(before):
        return _encode(word.strip(), tokenizer)
    tokens = tokens[len(before) :]
    if not tokenizer.decode(tokens[:1]).strip() and len(tokens) > 1:
        tokens = tokens[1:]  # a space alone, with which no text begins
    return _known(tokens, word, tokenizer)


def _encode(text: str, tokenizer: Tokenizer) -> list[int]:
    return _known(tokenizer.encode(text), text, tokenizer)


def _known(tokens: list[int], text: str, tokenizer: Tokenizer) -> list[int]:
    if tokenizer.unknown is not None and tokenizer.unknown in tokens:
        strange = sorted({character for character in text if tokenizer.unknown in tokenizer.encode(character)})
        raise LangueError(
            f"the model cannot write {text!r}: its tokenizer does not know {', '.join(map(repr, strange)) or 'a part'}"
        )
    return tokens


def _check_count(count: int, texts: int, what: str) -> None:
    if count != texts:
        raise LangueError(f"there are {count:,} {what} for {texts:,} texts; give one for each")
