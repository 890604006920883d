"""The tokens that begin words, known from the tokenizer's own pieces."""

from __future__ import annotations

import numpy as np

from langue.text.tokenizer import Tokenizer

_SPACES = "Ġ▁Ċĉ"
"""The letters by which byte-level pieces and Unigram's spell a space, a line's end and a tab."""


def word_starts(tokenizer: Tokenizer) -> np.ndarray:
    """(vocab_size,) bool: whether a token begins a word, wherever it stands.

    WordPiece marks what goes on with a word ("##ing"); all others mark what begins one by the space before it, which
    belongs to the word, and so they take a mark of punctuation for the end of the word before it.
    """
    prefix = getattr(tokenizer.engine.model, "continuing_subword_prefix", None) or ""
    by_prefix = type(tokenizer.engine.model).__name__ == "WordPiece" and prefix != ""
    starts = np.zeros(tokenizer.vocab_size, bool)
    for piece, number in tokenizer.engine.get_vocab(with_added_tokens=True).items():
        starts[number] = not piece.startswith(prefix) if by_prefix else piece[:1] in _SPACES or piece[:1].isspace()
    starts[sorted(tokenizer.specials)] = True
    return starts
