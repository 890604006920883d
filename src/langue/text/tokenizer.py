"""A tokenizer: text to token numbers and back, kept in one `tokenizer.json`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer as Engine

from langue.errors import LangueError
from langue.text.special import END_NAMES, PAD_NAMES, UNKNOWN_NAMES

FILE = "tokenizer.json"


class Tokenizer:
    """All kinds of tokenizers, on the engine of Hugging Face's `tokenizers`.

    Attributes:
        vocab_size: one more than the highest token number.
        end: the number of the token that ends a document.
        pad: the number of the padding token, or `end` where a tokenizer has none.
        unknown: the number that stands for what cannot be said, or None where everything can.
        specials: numbers that never come from a user's text.
        fingerprint: SHA-256 of the whole tokenizer; two that share it give the same numbers.
    """

    def __init__(self, engine: Engine):
        self.engine = engine
        # A special token's name in a user's text is text like any other.
        engine.encode_special_tokens = True
        engine.no_padding()
        engine.no_truncation()
        added = {token.content: number for number, token in engine.get_added_tokens_decoder().items() if token.special}
        self.specials = frozenset(added.values())
        self.vocab_size = max(engine.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        end = _first(END_NAMES, added)
        if end is None:
            raise LangueError(
                f"the tokenizer has no token that ends a document; one of {', '.join(END_NAMES)} is needed"
            )
        self.end: int = end
        pad = _first(PAD_NAMES, added)
        self.pad: int = end if pad is None else pad
        known = engine.get_vocab(with_added_tokens=True)
        unknown = _first(UNKNOWN_NAMES, known)
        self.unknown: int | None = unknown if _says_unknown(engine) else None
        self.fingerprint = hashlib.sha256(engine.to_str().encode()).hexdigest()

    def encode(self, text: str) -> list[int]:
        """Token numbers of a text; never a special token's, but for `unknown`."""
        return self.engine.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The same for many texts, on all cores."""
        return [encoding.ids for encoding in self.engine.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of token numbers."""
        return self.engine.decode(list(ids), skip_special_tokens=skip_special)

    def stream(self) -> Stream:
        """A decoder that takes one token at a time."""
        return Stream(self)

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json` into a folder, whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{FILE}.writing"
        beside.write_text(self.engine.to_str(pretty=True), encoding="utf-8")
        os.replace(beside, folder / FILE)

    @classmethod
    def load(cls, path: Path | str) -> Tokenizer:
        """Read a `tokenizer.json`, given itself or its folder; Hugging Face's own are welcome.

        Raises:
            LangueError: there is none, it is damaged, or nothing in it ends a document.
        """
        path = Path(path)
        file = path / FILE if path.is_dir() else path
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise LangueError(f"{path} holds no tokenizer: {file} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise LangueError(f"{file} cannot be read as a tokenizer: {error}") from None
        try:
            engine = Engine.from_str(text)
        except Exception as error:  # the engine raises bare Exceptions
            raise LangueError(f"{file} is not a tokenizer: {error}") from None
        return cls(engine)


class Stream:
    """Decodes token by token and gives out only what later tokens cannot change: never half a character.

    A piece is decoded together with a few tokens before it, since spaces and bytes may depend on them.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = 0
        self._given = 0

    def push(self, token: int) -> str:
        """The text that a further token makes certain; often a whole piece, sometimes nothing yet."""
        self._ids.append(token)
        before = self._tokenizer.decode(self._ids[self._start : self._given])
        now = self._tokenizer.decode(self._ids[self._start :])
        if len(now) <= len(before) or now.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._start, self._given = self._given, len(self._ids)
        return now[len(before) :]

    def flush(self) -> str:
        """What is left when no token follows, broken characters included."""
        before = self._tokenizer.decode(self._ids[self._start : self._given])
        now = self._tokenizer.decode(self._ids[self._start :])
        self._start = self._given = len(self._ids)
        return now[len(before) :]


def _first(names: Iterable[str], numbers: dict[str, int]) -> int | None:
    return next((numbers[name] for name in names if name in numbers), None)


def _says_unknown(engine: Engine) -> bool:
    """Whether the engine's model has a token for what it cannot say."""
    model = engine.model
    token = getattr(model, "unk_token", None) if type(model).__name__ != "Unigram" else "yes"
    return token is not None
