"""Text: tokenizers of five kinds, trained, kept in one file, and measured."""

from langue.text.fertility import Fertility, fertility
from langue.text.settings import TokenizerSettings
from langue.text.tokenizer import TextStream, Tokenizer
from langue.text.train import train_tokenizer

__all__ = ["Fertility", "TextStream", "Tokenizer", "TokenizerSettings", "fertility", "train_tokenizer"]
