"""A tokenizer: text to token numbers and back, kept in one `tokenizer.json`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Engine

from langue.errors import LangueError
from langue.text.foreign import MARIAN, build_engine, build_marian
from langue.text.frame import Frame, classic_frame, read_frame
from langue.text.special import NAMES, ROLES, SEPARATOR, START

FILE = "tokenizer.json"
ROLE_FILES = ("tokenizer_config.json", "special_tokens_map.json")
"""Where Hugging Face says what special tokens are for; the first that says it counts."""


class Tokenizer:
    """All kinds of tokenizers, on the engine of Hugging Face's `tokenizers`.

    Attributes:
        vocab_size: one more than the highest token number.
        end: the number of the token that ends a document.
        pad: the number of the padding token, or `end` where a tokenizer has none.
        unknown: the number that stands for what cannot be said, or None where everything can.
        start: the number that stands before a text (BERT's [CLS]), or None.
        first: the number that whatever is written begins with, where a model says nothing else: `start`, or `end`.
        separator: the number that stands after each of several texts (BERT's [SEP]), or None.
        mask: the number that hides a token, or None.
        before: numbers that stand before a text that is read to be rewritten, where the tokenizer's file has any.
        after: numbers that stand behind it, or `end`.
        roles: what Hugging Face's files say special tokens are for, such as {"cls_token": "[CLS]"}.
        specials: numbers that never come from a user's text.
        fingerprint: SHA-256 of the whole tokenizer; two that share it give the same numbers.
    """

    def __init__(self, engine: Engine, roles: Mapping[str, str] | None = None):
        self.engine = engine
        # A special token's name in a user's text is text like any other.
        engine.encode_special_tokens = True
        engine.no_padding()
        engine.no_truncation()
        known = engine.get_vocab(with_added_tokens=True)
        added = {token.content: number for number, token in engine.get_added_tokens_decoder().items() if token.special}
        self.roles = {role: name for role, name in (roles or {}).items() if name in known}
        self.specials = frozenset(added.values()) | {known[name] for name in self.roles.values()}
        self.vocab_size = max(known.values(), default=-1) + 1
        end = self._find("end", added)
        if end is None:
            raise LangueError(
                f"the tokenizer has no token that ends a document; one of {', '.join(NAMES['end'])} is needed"
            )
        self.end: int = end
        pad = self._find("pad", added)
        self.pad: int = end if pad is None else pad
        self.unknown = self._find("unknown", known) if _says_unknown(engine) else None
        self.start = self._find("start", added)
        self.first: int = end if self.start is None else self.start
        self.separator = self._find("separator", added)
        self.mask = self._find("mask", added)
        self.frame = _frame(engine, added)
        own = read_frame(engine)
        self.before, self.after = ([], [end]) if own is None else own.around(end)
        said = json.dumps(self.roles, sort_keys=True) if self.roles else ""
        self.fingerprint = hashlib.sha256((engine.to_str() + said).encode()).hexdigest()

    def _find(self, purpose: str, names: Mapping[str, int]) -> int | None:
        """The number of the token that the files, or else its name, say is for a purpose."""
        for role in ROLES[purpose]:
            if role in self.roles:
                return self.engine.token_to_id(self.roles[role])
        return next((names[name] for name in NAMES[purpose] if name in names), None)

    def pair(self, first: Sequence[int], second: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """One text or two as a model that judges texts gets them: framed by special tokens, and told apart.

        The frame is the tokenizer's own, `<|start|> a <|separator|> b <|separator|>` for those that Langue trains.
        `len(pair([], [])[0])` is how many tokens it adds to two texts.

        Args:
            first: token numbers.
            second: token numbers of the second text; None for one text alone.

        Returns:
            The token numbers, and for each the segment it belongs to.
        """
        return self.frame.fill(first, second)

    def encode(self, text: str) -> list[int]:
        """Token numbers of a text; never a special token's, but for `unknown`."""
        return self.engine.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The same for many texts, on all cores."""
        return [encoding.ids for encoding in self.engine.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of token numbers."""
        return self.engine.decode(list(ids), skip_special_tokens=skip_special)

    def names(self, ids: Sequence[int]) -> list[str]:
        """Each token's text by itself, for people who look at tokens; a byte that is no character alone as `<0xC3>`."""
        return [self._name(token) for token in ids]

    def _name(self, token: int) -> str:
        text = self.decode([token], skip_special=False)
        if "\N{REPLACEMENT CHARACTER}" not in text:
            return text
        letters = self.engine.id_to_token(token) or ""
        if any(letter not in BYTES for letter in letters):
            return text
        # Python marks a byte that is no character as the surrogate U+DC00 + byte.
        read = bytes(BYTES[letter] for letter in letters).decode("utf-8", errors="surrogateescape")
        return "".join(f"<0x{ord(one) - 0xDC00:02X}>" if 0xDC80 <= ord(one) <= 0xDCFF else one for one in read)

    def follow(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """The text of token numbers behind others: a space between them is part of it, which decoders drop in front."""
        return self.decode([*before, *ids])[len(self.decode(before)) :]

    def stream(self, before: Sequence[int] = ()) -> Stream:
        """A decoder that takes one token at a time, behind those that are known already."""
        return Stream(self, before)

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json` into a folder, whole or not at all; roles that names do not tell go beside it."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.roles:
            _write(folder / ROLE_FILES[-1], json.dumps(self.roles, indent=2, ensure_ascii=False) + "\n")
        _write(folder / FILE, self.engine.to_str(pretty=True))

    @classmethod
    def load(cls, path: Path | str) -> Tokenizer:
        """Read a `tokenizer.json`, given itself or its folder; Hugging Face's own folders are welcome, older ones too.

        A Marian folder is what it writes by; what it reads by is its `source.spm`.

        Raises:
            LangueError: there is none, it is damaged, wants code to be run, or nothing in it ends a document.
        """
        path = Path(path)
        file = path / FILE if path.is_dir() else path
        told, roles = _read_roles(file.parent)
        built = None
        if path.name in MARIAN:
            built = build_marian(path.parent, told, path.name)
        elif path.is_dir() and not file.exists():
            built = build_engine(path, told)
        if built is not None:
            return cls(built[0], {**built[1], **roles})
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
        return cls(engine, roles)


class Stream:
    """Decodes token by token and gives out only what later tokens cannot change: never half a character.

    A piece is decoded together with a few tokens before it, since spaces and bytes may depend on them.
    """

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int] = ()):
        self._tokenizer = tokenizer
        self._ids: list[int] = list(before)
        self._start = 0
        self._given = len(self._ids)

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


def _byte_alphabet() -> dict[str, int]:
    """The character that stands for each byte in a byte-level vocabulary, as GPT-2 chose: itself where one sees it."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + place): byte for place, byte in enumerate(unseen)}


BYTES = _byte_alphabet()


def _frame(engine: Engine, added: Mapping[str, int]) -> Frame:
    """The engine's own frame; Langue's tokenizers have none in their file, since a writer's text is not framed."""
    frame = read_frame(engine)
    if frame is None and START in added and SEPARATOR in added:
        return classic_frame(added[START], added[SEPARATOR])
    return frame or Frame()


def _read_roles(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """What the files beside a tokenizer say, all together, and what they say special tokens are for.

    Raises:
        LangueError: one of them is damaged, or names code to be run.
    """
    told: dict[str, Any] = {}
    for file in ROLE_FILES:
        try:
            content = json.loads((folder / file).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, RecursionError) as error:
            raise LangueError(f"{folder / file} cannot be read: {error}") from None
        if not isinstance(content, dict):
            raise LangueError(f"{folder / file} is damaged: it holds no settings")
        if content.get("auto_map"):
            raise LangueError(f"{folder / file} wants Python code to be run (auto_map), and Langue runs none")
        told = {**{name: value for name, value in content.items() if value is not None}, **told}
    names = sorted({role for purpose in ROLES.values() for role in purpose})
    return told, {role: name for role in names if (name := _content(told.get(role))) is not None}


def _content(token: Any) -> str | None:
    """A token's text, which is given itself or as the part of a description."""
    name = token.get("content") if isinstance(token, dict) else token
    return name if isinstance(name, str) else None


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.writing")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _says_unknown(engine: Engine) -> bool:
    """Whether the engine's model has a token for what it cannot say."""
    model = engine.model
    token = getattr(model, "unk_token", None) if type(model).__name__ != "Unigram" else "yes"
    return token is not None
