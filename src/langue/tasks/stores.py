"""From a recipe's sources to its tokenizer and token stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from langue.console import progress, say
from langue.content import read_json
from langue.data import (
    DocumentPiece,
    Tally,
    TextDataSettings,
    TokenStore,
    after,
    before,
    read_documents,
    tempered,
)
from langue.data.documents import find_texts
from langue.data.part import StorePart
from langue.data.prepare import Event, prepare
from langue.data.settings import Aligned
from langue.data.sources import DataSource, Origin
from langue.data.store import FORMAT, MANIFEST
from langue.errors import LangueError
from langue.recipe import TextRecipe
from langue.text import Tokenizer

Store = TokenStore | StorePart
Select = Callable[[Iterator[Event]], Iterator[Event]]


@dataclass(frozen=True)
class Splits:
    """The token stores of a run.

    Attributes:
        train: one for each member of a mix, otherwise one.
        shares: how much of the training each gives; they add up to 1.
        dev: what training is watched by; empty without dev data.
        test: looked at when training is over; empty without test data.
    """

    train: list[Store]
    shares: list[float]
    dev: list[Store]
    test: list[Store]


def is_store(source: object) -> bool:
    """True if a source is a folder that `langue data prepare` made."""
    if not isinstance(source, str) or not (Path(source) / MANIFEST).is_file():
        return False
    try:
        return read_json(Path(source) / MANIFEST).get("format") == FORMAT
    except LangueError as error:
        raise LangueError(f"{error}; prepare the data again") from None


def training_texts(recipe: TextRecipe) -> Iterator[str]:
    """The training part of a recipe's text, for a tokenizer to learn from.

    Raises:
        LangueError: there is no text, or it is prepared data, which need the tokenizer that made them.
    """
    if any(is_store(source) for source in members(recipe.data)):
        raise LangueError("data.train is a token store already; name its tokenizer: --tokenizer.path DIR")
    for source in members(recipe.data):
        cut, pieces = _cut(source, recipe.data), _pieces(source, recipe.data)
        for piece in _with_text(find_texts(source), pieces if cut is None else before(pieces, cut)):
            if piece.text:
                yield piece.text


def dev_texts(recipe: TextRecipe) -> Iterator[str]:
    """The part of the training text that is set aside to evaluate by."""
    for source in members(recipe.data):
        cut = _cut(source, recipe.data)
        if cut is not None:
            yield from (piece.text for piece in after(_pieces(source, recipe.data), cut))


def beginning(data: TextDataSettings, characters: int) -> Iterator[str]:
    """The beginning of the training text, so many characters at least, if there are as many.

    Raises:
        LangueError: a source is prepared data, which need the tokenizer that made them.
    """
    seen = 0
    for source in members(data):
        if is_store(source):
            raise LangueError("data.train is a token store already; name its tokenizer: --tokenizer.path DIR")
        for piece in _pieces(source, data):
            yield piece.text[:characters]
            seen += len(piece.text)
            if seen >= characters:
                return


def prepare_data(recipe: TextRecipe, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the token stores that do not exist yet into a folder.

    Raises:
        LangueError: a source cannot be read, is empty, or is not what the tokenizer was made for.
    """
    data = recipe.data
    for number, source in enumerate(members(data)):
        if is_store(source):
            continue
        cut = _cut(source, data)
        learnt = None if cut is None else partial(before, characters=cut)
        _prepare(source, tokenizer, folder / store_name("train", number), data, learnt)
        if cut is not None:
            _prepare(source, tokenizer, folder / store_name("dev", number), data, partial(after, characters=cut))
    for split, source in (("dev", data.dev), ("test", data.test)):
        if isinstance(source, str | list) and not is_store(source):
            _prepare(source, tokenizer, folder / store_name(split, 0), data, None)


def check_data(data: TextDataSettings) -> dict[str, int]:
    """Read all text that a training would prepare, and refuse it where the training would.

    Returns:
        How many records it would leave out, by reason.

    Raises:
        LangueError: a source cannot be read, has no text, or too much of it would be left out; see `Tally.check`.
    """
    others = [source for source in (data.dev, data.test) if isinstance(source, str | list)]
    places = [find_texts(source) for source in (*members(data), *others) if not is_store(source)]
    total = sum(origin.size for place in places for origin in place)
    counts: Counter[str] = Counter()
    with progress("reading the text", float(total) or None, "bytes") as advance:
        for place in places:
            tally = Tally()
            for piece in _with_text(place, read_documents(place, data, tally)):
                advance(piece.size)
            counts.update(tally.records)
    return dict(sorted(counts.items()))


def open_data(recipe: TextRecipe, tokenizer: Tokenizer, folder: Path) -> Splits:
    """Open the stores of a recipe, prepared before or by `prepare_data`.

    Raises:
        LangueError: one is missing or damaged, or was made by another tokenizer.
    """
    data = recipe.data
    train: list[Store] = []
    for number, source in enumerate(members(data)):
        store = _open(source, folder / store_name("train", number), tokenizer)
        aside = _aside(store, data) if is_store(source) else 0
        train.append(StorePart(store, 0, store.tokens - aside, tokenizer) if aside else store)
    return Splits(train, _shares(data), *open_held_out(recipe, tokenizer, folder))


def open_held_out(recipe: TextRecipe, tokenizer: Tokenizer, folder: Path) -> tuple[list[Store], list[Store]]:
    """Open the stores of a recipe that are not learnt from: those for dev, and those for test.

    Raises:
        LangueError: as of `open_data`.
    """
    data = recipe.data
    dev: list[Store] = []
    for number, source in enumerate(members(data) if isinstance(data.dev, float) else ()):
        if is_store(source):
            store = _open(source, folder, tokenizer)
            dev.append(StorePart(store, store.tokens - _aside(store, data), _aside(store, data), tokenizer))
        else:
            dev.append(_open(None, folder / store_name("dev", number), tokenizer))
    if isinstance(data.dev, str | list):
        dev.append(_open(data.dev, folder / store_name("dev", 0), tokenizer))
    return dev, [] if data.test is None else [_open(data.test, folder / store_name("test", 0), tokenizer)]


def _aside(store: TokenStore, data: TextDataSettings) -> int:
    """Tokens at the end of a prepared store that are kept for dev."""
    return round(store.tokens * data.dev) if isinstance(data.dev, float) else 0


def members(data: TextDataSettings) -> list[str | list[str]]:
    """The sources that have a stream each: those of a table with weights, else all together."""
    if isinstance(data.train, Aligned):
        raise LangueError("the task reads text, not two files of pairs; name one source as data.train")
    return list(data.train) if isinstance(data.train, dict) else [data.train]


def _shares(data: TextDataSettings) -> list[float]:
    return list(tempered(data.train, data.temperature).values()) if isinstance(data.train, dict) else [1.0]


def store_name(split: str, number: int) -> str:
    """The folder of a split's store, where a mix has several."""
    return f"{split}-{number}" if number else split


def _open(source: object, prepared: Path, tokenizer: Tokenizer) -> TokenStore:
    store = TokenStore.open(str(source) if is_store(source) else prepared)
    if store.fingerprint != tokenizer.fingerprint:
        raise LangueError(
            f"{store.folder} was prepared with another tokenizer than the recipe's; "
            f"prepare it again or give the tokenizer that made it as --tokenizer.path"
        )
    return store


def _cut(source: DataSource, data: TextDataSettings) -> int | None:
    """The character at which the training text ends and the text for dev begins; None when nothing is set aside."""
    if not isinstance(data.dev, float):
        return None
    characters = sum(len(piece.text) for piece in _pieces(source, data))
    return int(characters * (1 - data.dev))


def _pieces(source: DataSource, data: TextDataSettings) -> Iterator[DocumentPiece]:
    return read_documents(find_texts(source), data, Tally())


def _with_text(places: list[Origin], pieces: Iterator[DocumentPiece]) -> Iterator[DocumentPiece]:
    """The same pieces.

    Raises:
        LangueError: at the end, none of them has said anything.
    """
    empty = True
    for piece in pieces:
        empty = empty and not piece.text.strip()
        yield piece
    if empty:
        raise LangueError(f"there is no text in {', '.join(origin.name for origin in places)}")


def _prepare(
    source: DataSource, tokenizer: Tokenizer, out: Path, data: TextDataSettings, select: Select | None
) -> None:
    """Write one store, unless it stands already, and say what was left out of it."""
    if is_store(str(out)):
        return
    store = prepare(source, tokenizer, out, data, select=select)
    dropped, unknown = store.manifest["records"]["dropped"], store.manifest["unknown_characters"]
    if dropped:
        left = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        say(f"left out of {out.name}: {left}; see quarantine.jsonl beside it")
    if unknown:
        say(f"{unknown:,} of {store.text_characters:,} characters of {out.name} are unknown to the tokenizer")
