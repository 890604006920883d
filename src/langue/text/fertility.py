"""Fertility: how many tokens a tokenizer spends on each file or language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from langue.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Fertility:
    """One row of the report.

    Attributes:
        name: file or language.
        words: stretches between white space.
        bytes: of the text in UTF-8.
        characters: of the text.
        tokens: of the text.
        unknown: how many of them say only that something was unknown.
        lost: characters of the text that are unknown.
    """

    name: str
    words: int
    bytes: int
    characters: int
    tokens: int
    unknown: int
    lost: int

    def as_dict(self) -> dict[str, str | int | float]:
        """Everything by name, the two ratios too."""
        return {
            **asdict(self),
            "tokens_per_word": self.tokens_per_word,
            "bytes_per_token": self.bytes_per_token,
            "lost_share": self.lost_share,
        }

    @property
    def tokens_per_word(self) -> float:
        return self.tokens / max(1, self.words)

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / max(1, self.tokens)

    @property
    def lost_share(self) -> float:
        return self.lost / max(1, self.characters)


def fertility(tokenizer: Tokenizer, texts: Mapping[str, Iterable[str]]) -> list[Fertility]:
    """Count the tokens of each named stream of texts; the texts are read once and not kept."""
    rows = []
    for name, stream in texts.items():
        words = size = characters = tokens = unknown = lost = 0
        for text in stream:
            ids = tokenizer.encode(text)
            words += len(text.split())
            size += len(text.encode())
            characters += len(text)
            tokens += len(ids)
            if tokenizer.unknown is not None and (count := ids.count(tokenizer.unknown)):
                unknown += count
                lost += sum(map(len, tokenizer.unknown_parts([text])))
        rows.append(Fertility(name, words, size, characters, tokens, unknown, lost))
    return rows
