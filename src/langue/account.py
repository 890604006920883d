"""Account of texts as they become tokens: what a tokenizer does not know of them, and what a model has no room for.

A verb opens one by `reported`, and whatever encodes texts inside notes what it does. What a verb has lost is said once,
at its end, or at that of the whole command (`collected`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from langue.console import say
from langue.errors import LangueError

FEW_CHARACTERS = 16
"""Unknown characters that say nothing: the end of a short text may have a letter that its beginning lacks."""

MOST_LOST = 0.1
"""Share of unknown characters from which on the tokenizer was made for another language or script. Tokens would not
tell: a whole word, or a line without spaces, may be a single unknown one."""

MOST_LOST_PARTS = 10_000
"""Different unknown stretches that are remembered, of which a message names the most frequent."""

SHOWN = 5
"""Unknown stretches that a message names, and characters of each."""


class TextAccount:
    """Counts of what became of texts.

    Attributes:
        characters: of the texts.
        lost: how many of them the tokenizer does not know.
        often_lost: stretches of them, by how often each came.
        texts: how many texts a limit was set to, by the limit, such as "the context of 512 tokens".
        cut: how many of them were longer, and lost their ends.
        split: how many texts came in several pieces instead.
    """

    def __init__(self) -> None:
        self.characters = self.lost = self.split = 0
        self.often_lost: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()

    def read(self, characters: int, lost: Counter[str]) -> None:
        """Take in texts of so many characters, and the stretches of them that the tokenizer does not know."""
        self.characters += characters
        self.lost += sum(len(part) * count for part, count in lost.items())
        if len(self.often_lost) < MOST_LOST_PARTS:
            self.often_lost += lost

    def measure(self, length: int, room: int, limit: str) -> None:
        """Take in a text of so many tokens, of which those beyond the room that a limit leaves are cut off."""
        self.texts[limit] += 1
        self.cut[limit] += length > room

    def add(self, other: TextAccount) -> None:
        """Take in another account."""
        self.read(other.characters, Counter())
        self.lost += other.lost
        self.often_lost += other.often_lost
        self.texts += other.texts
        self.cut += other.cut
        self.split += other.split

    def refuse_strange(self, what: str) -> None:
        """Refuse texts that the tokenizer was not made for.

        Args:
            what: the name of the texts.

        Raises:
            LangueError: tells how much is lost, and what to do.
        """
        if self.is_strange:
            raise LangueError(
                f"the tokenizer does not fit {what}: {self.lost / self.characters:.0%} of the characters are unknown "
                f"to it, such as {self.examples}; take one of the kind byte-bpe, which knows all, or one of more "
                f"tokens that was trained on text like this"
            )

    @property
    def is_strange(self) -> bool:
        """True if so much is unknown that the tokenizer does not belong to the texts."""
        return self.lost > max(FEW_CHARACTERS, MOST_LOST * self.characters)

    @property
    def examples(self) -> str:
        """The stretches that were lost most often."""
        return ", ".join(repr(part[:SHOWN]) for part, _ in self.often_lost.most_common(SHOWN))

    def warnings(self) -> list[str]:
        """Sentences for a user about what was lost."""
        warnings = [f"{self.split:,} long texts were split between sentences"] if self.split else []
        warnings += [
            f"{count:,} of {self.texts[limit]:,} texts were longer than {limit} and were cut"
            for limit, count in self.cut.items()
            if count
        ]
        if self.lost:
            warnings.append(
                f"{self.lost:,} of {self.characters:,} characters ({self.lost / self.characters:.1%}) are unknown to "
                f"the tokenizer and lost, such as {self.examples}"
            )
        return warnings

    def say(self) -> None:
        """Say the warnings."""
        for warning in self.warnings():
            say(warning)


_current: ContextVar[TextAccount | None] = ContextVar("current", default=None)
_collecting: ContextVar[TextAccount | None] = ContextVar("collecting", default=None)
_muted: ContextVar[bool] = ContextVar("muted", default=False)


def open_account() -> TextAccount | None:
    """The account that texts are to be noted in, if one is open."""
    return _current.get()


def note_length(length: int, room: int, limit: str) -> None:
    """Note in the account that is open, if one is, a text of so many tokens; see `TextAccount.measure`."""
    account = _current.get()
    if account is not None:
        account.measure(length, room, limit)


def note_split(is_split: bool) -> None:
    """Note in the account that is open, if one is, a long text that came in several pieces."""
    account = _current.get()
    if account is not None:
        account.split += is_split


@contextmanager
def accounting(account: TextAccount | None) -> Iterator[None]:
    """Note what is encoded inside in this account, or nowhere."""
    before = _current.get()
    _current.set(account)
    try:
        yield
    finally:
        _current.set(before)


@contextmanager
def learning_from(what: str) -> Iterator[None]:
    """Note what is encoded inside to be learnt from or measured by, and say at the end what was lost.

    Args:
        what: the name of the texts.

    Raises:
        LangueError: the tokenizer was not made for them; see `TextAccount.refuse_strange`.
    """
    account = TextAccount()
    with accounting(account):
        yield
    account.refuse_strange(what)
    if not _muted.get():
        account.say()


@contextmanager
def reported() -> Iterator[None]:
    """Note what is encoded inside, and say at the end what was lost, or leave it to whoever is waiting for it."""
    account = TextAccount()
    with accounting(account):
        yield
    outer = _current.get() or _collecting.get()
    if outer is not None:
        outer.add(account)
    elif not _muted.get():
        account.say()


@contextmanager
def collected() -> Iterator[TextAccount]:
    """Gather what is `reported` inside, which then is not said."""
    before, account = _collecting.get(), TextAccount()
    _collecting.set(account)
    try:
        yield account
    finally:
        _collecting.set(before)


@contextmanager
def unsaid() -> Iterator[None]:
    """Say nothing of what is lost inside, where a training reads again what it has told of."""
    before = _muted.get()
    _muted.set(True)
    try:
        with collected():
            yield
    finally:
        _muted.set(before)
