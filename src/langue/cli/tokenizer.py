"""`langue tokenizer train` and `langue tokenizer report`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from langue.cli.options import NO_OPTION, AtLeastOne, Flag, Json
from langue.data.settings import ReadSettings, Unit
from langue.text.settings import TokenizerSettings

if TYPE_CHECKING:
    from langue.data import Tally


@Parameter(name="*", negative="")
class TokenizerOptions(TokenizerSettings):
    """Settings of a tokenizer to be trained."""

    nfkc: Annotated[bool, Parameter(negative="--no-nfkc")] = True
    path: Annotated[Path | None, NO_OPTION] = None


@Parameter(name="*", negative="")
class TextOptions(ReadSettings):
    """The way in which text is read, whatever its documents are."""

    documents: Annotated[Unit, NO_OPTION] = "file"


def train(
    *files: AtLeastOne,
    out: Path,
    settings: TokenizerOptions = TokenizerOptions(),  # noqa: B008 - it is frozen
    reading: TextOptions = TextOptions(),  # noqa: B008 - it is frozen
) -> None:
    """Learn a tokenizer from text and write it as OUT/tokenizer.json.

    Args:
        files: Files, globs, folders, hf: names or "embedded".
        out: The folder to write to.
        settings: The tokenizer to be.
        reading: How text is read.
    """
    from langue.console import say
    from langue.data import Tally
    from langue.errors import LangueError
    from langue.text import train_tokenizer

    if (out / "tokenizer.json").exists():
        raise LangueError(f"{out / 'tokenizer.json'} already exists; remove it or choose another folder")
    tally = Tally()
    tokenizer = train_tokenizer(settings, _texts(files, reading, f"learning {settings.kind}", tally))
    tally.check(files, reading.max_dropped, reading.option)  # of much text the end may not have been read
    tokenizer.save(out)
    say(f"{out / 'tokenizer.json'}: {tokenizer.vocab_size:,} tokens")


def report(
    tokenizer: Path,
    /,
    *files: AtLeastOne,
    reading: TextOptions = TextOptions(),  # noqa: B008 - it is frozen
    special: Flag = False,
    as_json: Json = False,
) -> None:
    """Tell how many tokens a tokenizer spends on each file.

    Args:
        tokenizer: A tokenizer.json, its folder, or a run.
        files: Files, globs, folders, hf: names or "embedded".
        reading: How text is read.
        special: Let the names of special tokens in the text be these tokens, as they are to Transformers; otherwise
            they are text like any other.
        as_json: Print one JSON object for each file.
    """
    from langue.console import table
    from langue.data import Tally
    from langue.text import Tokenizer
    from langue.text.fertility import fertility

    tallies = {name: Tally() for name in files}
    rows = fertility(
        Tokenizer.load(tokenizer).reading_specials(special),
        {name: _texts([name], reading, f"reading {name}", tally) for name, tally in tallies.items()},
    )
    if as_json:
        for row in rows:
            print(json.dumps({**row.as_dict(), "dropped": tallies[row.name].dropped()}, ensure_ascii=False))
        return
    columns = ("file", "words", "bytes", "tokens", "tokens / word", "bytes / token", "lost")
    cells = [
        (
            row.name,
            f"{row.words:,}",
            f"{row.bytes:,}",
            f"{row.tokens:,}",
            f"{row.tokens_per_word:.3f}",
            f"{row.bytes_per_token:.3f}",
            f"{row.lost_share:.2%}",
        )
        for row in rows
    ]
    table("fertility", columns, cells)


def _texts(files: Iterable[str], settings: ReadSettings, doing: str, tally: Tally) -> Iterator[str]:
    """The text of all files, piece by piece, with a bar that shows how far reading has come."""
    from langue.console import progress, say
    from langue.data.documents import find_texts, read_documents

    origins = find_texts(list(files))
    with progress(doing, sum(origin.size for origin in origins) or None, "bytes") as advance:
        for piece in read_documents(origins, settings, tally):
            advance(piece.size)
            if piece.text:
                yield piece.text
    if tally.records:
        say(f"left out: {tally.words()}")
