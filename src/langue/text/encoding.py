"""Texts that cannot be encoded, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from langue.errors import LangueError, reading


@contextmanager
def encoding(texts: Sequence[str]) -> Iterator[None]:
    """Guard around the encoding of texts.

    Raises:
        LangueError: a text is no Unicode, or the tokenizer's own rules fail on one.
    """
    try:
        with reading("a text", "the tokenizer's own rules fail on it"):
            yield
    except LangueError:
        for text in texts:
            refuse_surrogates(text)
        raise


def refuse_surrogates(text: str) -> None:
    """Refuse a text with half of a surrogate pair, which no encoding of Unicode can hold.

    Raises:
        LangueError: says where it stands.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise LangueError(
            f"the text {text[max(0, error.start - 20) : error.start + 20]!r} is no Unicode: the character at "
            f"{error.start:,} is half of a surrogate pair; was it read in the wrong encoding?"
        ) from None
