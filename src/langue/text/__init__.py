"""Text: tokenizers of five kinds, trained, kept in one file, and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langue.lazy import front

if TYPE_CHECKING:
    from langue.text.fertility import Fertility
    from langue.text.settings import TokenizerSettings
    from langue.text.stream import TextStream
    from langue.text.tokenizer import Tokenizer
    from langue.text.train import train_tokenizer

__all__ = ["Fertility", "TextStream", "Tokenizer", "TokenizerSettings", "train_tokenizer"]

__getattr__ = front(
    __name__,
    {
        "Fertility": "fertility",
        "TextStream": "stream",
        "Tokenizer": "tokenizer",
        "TokenizerSettings": "settings",
        "train_tokenizer": "train",
    },
)
