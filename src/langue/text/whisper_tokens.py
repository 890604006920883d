"""The tokens that a Whisper is asked by, and those that it should not write (Radford et al. 2022, section 2.3)."""

from __future__ import annotations

import re

from langue.errors import LangueError
from langue.text.tokenizer import Tokenizer

TICKS = 50
"""Times that it can write in a second."""

LATEST_START = 50
"""The latest of these at which a window's text may begin."""

MULTILINGUAL = 51_865
"""Tokens of the smallest vocabulary that was published for several languages."""

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")

# What subtitles write and nobody says (the same paper's code, `non_speech_tokens`).
_UNSAID = """ " # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』
    << >> <<< >>> -- --- -( -[ (' (" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ """
_NOTES = "♩♪♫♬♭♮♯"


class WhisperTokens:
    """The numbers of a Whisper's special tokens.

    Args:
        tokenizer: with these tokens.
        vocabulary: tokens of the model. English-only models have tokens of languages and never learnt to use them.

    Raises:
        LangueError: the tokenizer has no such tokens.

    Attributes:
        start: what a transcript starts with.
        first: the token of 0.00 seconds; each one above it is a fiftieth of a second later.
        end: what ends it.
        languages: the token of each language by its code; none of a model that knows English alone.
    """

    def __init__(self, tokenizer: Tokenizer, vocabulary: int):
        self.tokenizer, self.vocabulary = tokenizer, vocabulary
        self.start, self.first, self.end = self["startoftranscript"], self["notimestamps"] + 1, tokenizer.end
        known = tokenizer.engine.get_vocab(with_added_tokens=True)
        named = {match[1]: number for name, number in known.items() if (match := _LANGUAGE.fullmatch(name))}
        between = range(self.start + 1, self["translate"])
        languages = {name: number for name, number in named.items() if number in between}
        self.languages = languages if vocabulary >= MULTILINGUAL else {}

    def __getitem__(self, name: str) -> int:
        number = self.tokenizer.engine.token_to_id(f"<|{name}|>")
        if number is None:
            raise LangueError(f"the tokenizer has no token <|{name}|>, without which a Whisper cannot be asked")
        return number

    @property
    def no_speech(self) -> int:
        """The token that follows the start where there is nothing to write."""
        for name in ("<|nospeech|>", "<|nocaptions|>"):
            if (number := self.tokenizer.engine.token_to_id(name)) is not None:
                return number
        return self["notimestamps"] - 1

    def beginning(self, language: int | None, task: str = "transcribe") -> list[int]:
        """The tokens before a transcript: its start and, where the model knows several languages, which and what to do
        (transcribe or translate)."""
        return [self.start] if language is None else [self.start, language, self[task]]

    def unspoken(self) -> list[int]:
        """Signs that stand in subtitles and are not spoken."""
        encode = self.tokenizer.encode
        numbers = {encode(" -")[0], encode(" '")[0]}
        for sign in (*_UNSAID.split(), *_NOTES):
            for tokens in (encode(sign), encode(f" {sign}")):
                if len(tokens) == 1 or sign in _NOTES:
                    numbers.add(tokens[0])
        return sorted(numbers)

    def undrawn(self) -> list[int]:
        """Tokens that stand in no text without times: signs that are not spoken, special ones, and times."""
        return sorted({*self.unspoken(), *range(self.end + 1, self.vocabulary)})

    def seconds(self, token: int) -> float:
        """The time that a token stands for."""
        return max(0, token - self.first) / TICKS

    def text(self, tokens: list[int]) -> str:
        """Without times."""
        return self.tokenizer.decode([token for token in tokens if token < self.end])


def is_whispers(tokenizer: Tokenizer) -> bool:
    """True for a tokenizer with the tokens that a Whisper is asked by."""
    return tokenizer.engine.token_to_id("<|notimestamps|>") is not None
