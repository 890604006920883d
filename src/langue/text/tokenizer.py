"""A tokenizer: text to token numbers and back, kept in one `tokenizer.json`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer as Engine

from langue.account import open_account
from langue.console import muffled
from langue.errors import LangueError, reading
from langue.files import check_file, replacing_listed
from langue.remote import language_of, local
from langue.text.encoding import encoding
from langue.text.foreign import MARIAN, build_engine, build_letters, build_marian
from langue.text.frame import Frame, classic_frame, read_frame
from langue.text.hostile import check_engine, check_numbers, may_run_away
from langue.text.special import NAMES, ROLES, SEPARATOR, START
from langue.text.stream import TextStream
from langue.text.tokenizer_files import (
    DEFAULT,
    ENDS,
    GENERATION,
    MORE_TEMPLATES,
    ROLE_FILES,
    TEMPLATE,
    add_tokens,
    read_tokenizer_files,
)

FILE = "tokenizer.json"


class Tokenizer:
    """All kinds of tokenizers, on the engine of Hugging Face's `tokenizers`.

    Attributes:
        vocab_size: one more than the highest token number.
        end: the number of the token that ends a document.
        ends: numbers of all tokens that end what a model writes, `end` first: a chat model has several.
        pad: the number of the padding token, or `end` where a tokenizer has none.
        unknown: the number that stands for what cannot be said, or None where everything can.
        start: the number that stands before a text (BERT's [CLS]), or None.
        first: the number that whatever is written begins with, where a model says nothing else: `start`, or `end`.
        separator: the number that stands after each of several texts (BERT's [SEP]), or None.
        mask: the number that hides a token, or None.
        before: numbers that stand before a text that is read to be rewritten, where the tokenizer's file has any.
        after: numbers that stand behind it, or `end`.
        opening: numbers that stand before a text that is gone on with, such as Llama's <s>.
        document_opening: numbers that stand before each document of many in succession: `opening`, or nothing where
            that is the end of the document before it. They are never to be predicted.
        chat_templates: Jinja sources of how a chat is written, by name; "default" is the usual one.
        roles: what Hugging Face's files say special tokens are for, such as {"cls_token": "[CLS]"}.
        specials: numbers that never come from a user's text, unless it is encoded with `special`.
        fingerprint: SHA-256 of the whole tokenizer; two that share it give the same numbers.
    """

    def __init__(
        self,
        engine: Engine,
        roles: Mapping[str, str] | None = None,
        ends: Sequence[int] = (),
        chat_templates: Mapping[str, str] | None = None,
    ):
        self.engine = engine
        # A special token's name in a user's text is text like any other.
        engine.encode_special_tokens = True
        engine.no_padding()
        engine.no_truncation()
        self._may_run_away = may_run_away(engine)
        known = engine.get_vocab(with_added_tokens=True)
        check_numbers(known)
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
        before, after = (read_frame(engine) or Frame()).around()
        self.before, self.after = before, after or [end]
        # What stands on both sides is the frame of a text to be judged, unless it is but a beginning and an end.
        judged = after and not ("eos_token" in self.roles and "sep_token" not in self.roles)
        self.opening = [] if judged else before
        self.document_opening = [] if self.opening == [end] else self.opening
        self.ends = tuple(dict.fromkeys((end, *(number for number in ends if number in known.values()))))
        self.chat_templates = dict(chat_templates or {})
        text = engine.to_str()
        text += json.dumps(self.roles, sort_keys=True) if self.roles else ""
        text += json.dumps(self.document_opening) if self.document_opening else ""
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

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

    def encode(self, text: str, special: bool = False) -> list[int]:
        """Token numbers of a text.

        Args:
            text: the text.
            special: let the names of special tokens in it be these tokens, as in a prompt that is written in an
                instruct model's own form; otherwise they are letters like any other.

        Raises:
            LangueError: the text is no Unicode, or the tokenizer's own rules fail on it.
        """
        with encoding((text,)), self._guarded():
            ids = self.reading_specials(special).engine.encode(text, add_special_tokens=False).ids
        self._note((text,), (ids,))
        return ids

    def encode_batch(self, texts: Sequence[str], special: bool = False) -> list[list[int]]:
        """The same for many texts, on all cores."""
        engine = self.reading_specials(special).engine
        with encoding(texts), self._guarded():
            rows = [encoding.ids for encoding in engine.encode_batch_fast(list(texts), add_special_tokens=False)]
        self._note(texts, rows)
        return rows

    def encode_places(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token numbers of a text, and of each its first character there and one past its last.

        Raises:
            LangueError: as of `encode`.
        """
        with encoding((text,)), self._guarded():
            tokens = self.engine.encode(text, add_special_tokens=False)
        self._note((text,), (tokens.ids,))
        return tokens.ids, tokens.offsets

    def _guarded(self) -> AbstractContextManager[None]:
        """Guard around the engine, whose library tells on stderr where a pattern has run away."""
        return muffled() if self._may_run_away else nullcontext()

    def _note(self, texts: Sequence[str], rows: Sequence[Sequence[int]]) -> None:
        """Note in the account that is open, if one is, what of texts is unknown."""
        account = open_account()
        if account is not None:
            strange = [text for text, ids in zip(texts, rows, strict=True) if self.unknown in ids]
            lost = Counter(part for part in self.unknown_parts(strange) if not part.isspace())
            account.read(sum(map(len, texts)), lost)

    def unknown_parts(self, texts: Iterable[str]) -> list[str]:
        """Stretches of texts that become `unknown`, and so are lost."""
        if self.unknown is None:
            return []
        texts = list(texts)
        with encoding(texts), self._guarded():
            encodings = self.engine.encode_batch(texts, add_special_tokens=False)
        return [
            text[slice(*span)]
            for text, one in zip(texts, encodings, strict=True)
            for token, span in zip(one.ids, one.offsets, strict=True)
            if token == self.unknown
        ]

    def prompt(self, text: str, special: bool = False) -> list[int]:
        """Token numbers to go on from: a text behind the tokens that the tokenizer opens every text with.

        Of nothing at all, it is the end of the document before. A text that was written with special tokens and
        begins with the opening ones does not get them twice.
        """
        ids = self.encode(text, special)
        doubled = special and self.opening and ids[: len(self.opening)] == self.opening
        return (ids if doubled else [*self.opening, *ids]) or [self.end]

    def language(self, code: str) -> int | None:
        """The special token that names a language, as NLLB (fra_Latn), M2M-100 (__fr__) and mBART (fr_XX) have them."""
        numbers = (self.engine.token_to_id(name) for name in (code, f"__{code}__"))
        return next((number for number in numbers if number in self.specials - self._own), None)

    @property
    def languages_around(self) -> list[int]:
        """The tokens around a text that is read to be rewritten which name its language."""
        return [number for number in (*self.before, *self.after) if number not in self._own]

    def reading(self, language: int) -> Tokenizer:
        """The same for texts of another language, whose token stands around them instead.

        Raises:
            LangueError: none stands around them.
        """
        if not self.languages_around:
            raise LangueError("the model is not told what language it reads; leave out --source-language")
        tokenizer, others = copy(self), self.languages_around
        tokenizer.before, tokenizer.after = (
            [language if number in others else number for number in numbers] for numbers in (self.before, self.after)
        )
        return tokenizer

    @property
    def _own(self) -> set[int | None]:
        """Tokens that every text has, whatever its language."""
        named = (self.engine.token_to_id(name) for name in self.roles.values())
        return {*named, *self.ends, self.pad, self.unknown, self.start, self.separator, self.mask}

    def reading_specials(self, special: bool = True) -> Tokenizer:
        """This tokenizer, or the same for which a special token's name in a text is that token, as it is for
        Transformers; both may be used side by side."""
        return self._reading_specials if special else self

    @cached_property
    def _reading_specials(self) -> Tokenizer:
        tokenizer = copy(self)
        tokenizer.engine = Engine.from_str(self.engine.to_str())
        tokenizer.engine.encode_special_tokens = False
        tokenizer.__dict__["_reading_specials"] = tokenizer
        return tokenizer

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of token numbers."""
        with reading("the tokenizer"), self._guarded():
            return self.engine.decode(list(ids), skip_special_tokens=skip_special)

    def names(self, ids: Sequence[int]) -> list[str]:
        """Each token's text by itself, for people who look at tokens; a byte that is no character alone as `<0xC3>`."""
        return [self._name(token) for token in ids]

    def _name(self, token: int) -> str:
        text = self.decode([token], skip_special=False)
        letters = self.engine.id_to_token(token) or ""
        if "\N{REPLACEMENT CHARACTER}" not in text or any(letter not in BYTES for letter in letters):
            return text
        # Python marks a byte that is no character as the surrogate U+DC00 + byte.
        read = bytes(BYTES[letter] for letter in letters).decode("utf-8", errors="surrogateescape")
        return "".join(f"<0x{ord(one) - 0xDC00:02X}>" if 0xDC80 <= ord(one) <= 0xDCFF else one for one in read)

    def follow(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """The text of token numbers behind others: a space between them is part of it, which decoders drop in front."""
        return self.decode([*before, *ids])[len(self.decode(before)) :]

    def stream(self, before: Sequence[int] = ()) -> TextStream:
        """A decoder that takes one token at a time, behind those that are known already."""
        return TextStream(self, before)

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json` into a folder, whole or not at all; what it cannot say goes beside it."""
        with replacing_listed(Path(folder)) as stage:
            if self.roles:
                _write(stage / ROLE_FILES[-1], json.dumps(self.roles, indent=2, ensure_ascii=False) + "\n")
            if len(self.ends) > 1:
                _write(stage / GENERATION, json.dumps({ENDS: list(self.ends)}, indent=2) + "\n")
            self.save_chat_templates(stage)
            _write(stage / FILE, self.engine.to_str(pretty=True))

    def save_chat_templates(self, folder: Path) -> None:
        """Write the chat templates where Transformers looks for them."""
        for name, template in self.chat_templates.items():
            file = folder / TEMPLATE if name == DEFAULT else folder / MORE_TEMPLATES / f"{name}.jinja"
            file.parent.mkdir(exist_ok=True)
            _write(file, template)

    @classmethod
    def load(cls, path: Path | str) -> Tokenizer:
        """Read a `tokenizer.json`, given itself or its folder; Hugging Face's own folders are welcome, older ones too.

        A Marian folder is what it writes by; what it reads by is its `source.spm`. A file of one of a model's
        languages stands for the letters of that. Of hf:OWNER/NAME no weights are fetched.

        Raises:
            LangueError: there is none, it is damaged, wants code to be run, or nothing in it ends a document.
        """
        path = local(path)
        file = path / FILE if path.is_dir() else path
        beside = read_tokenizer_files(file.parent)
        built = None
        with reading(path, "its tokenizer is damaged"):
            if path.name in MARIAN:
                built = build_marian(path.parent, beside.settings, path.name)
            elif language_of(path) is not None:
                built = build_letters(path.parent, beside.settings, language_of(path))
            elif path.is_dir() and not file.exists():
                built = build_engine(path, beside.settings)
        if built is not None:
            return cls(built[0], {**beside.roles, **built[1]}, beside.ends, beside.chat_templates)
        if not file.is_file():
            raise LangueError(f"{path} holds no tokenizer: {file} does not exist")
        with reading(file, "it is no tokenizer, or damaged"):
            text = check_file(file).read_text(encoding="utf-8")
            engine = Engine.from_str(text)
            check_engine(engine, file)
            add_tokens(engine, beside.added, file.parent)
            return cls(engine, beside.roles, beside.ends, beside.chat_templates)


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


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def _says_unknown(engine: Engine) -> bool:
    """True for an engine whose model has a token for what it cannot say."""
    return type(engine.model).__name__ == "Unigram" or getattr(engine.model, "unk_token", None) is not None
