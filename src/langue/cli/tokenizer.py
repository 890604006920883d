"""`langue tokenizer train` and `langue tokenizer report`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from langue.cli.options import Flag, Json, ReadOptions, chosen

if TYPE_CHECKING:
    from langue.data import ReadSettings, Tally


def train(
    files: tuple[str, ...],
    /,
    *,
    out: Path,
    kind: Literal["byte-bpe", "unigram", "wordpiece", "char", "byte"] = "byte-bpe",
    vocab_size: int = 8192,
    lowercase: Flag = False,
    nfkc: bool = True,
    text: str = "text",
    reading: ReadOptions = ReadOptions(),  # noqa: B008 - it is frozen
) -> None:
    """Learn a tokenizer from text and write it as OUT/tokenizer.json.

    Args:
        files: Files, globs, folders, hf: names or "embedded".
        out: The folder to write to.
        kind: byte-bpe and byte lose nothing of any text; char knows the characters of these files.
        vocab_size: Tokens at most; char and byte have as many as they need.
        lowercase: Write everything in lower case (unigram and wordpiece).
        nfkc: Write characters in their plain form, ﬁ as fi and ① as 1 (unigram); without it, every text comes back byte
            by byte.
        text: The column of a table that holds the text.
        reading: Bounds of what may be left out.
    """
    from langue.console import say
    from langue.data import Tally
    from langue.errors import LangueError
    from langue.settings import parse
    from langue.text import TokenizerSettings, train_tokenizer

    if not files:
        raise LangueError("name at least one file to learn from")
    if (out / "tokenizer.json").exists():
        raise LangueError(f"{out / 'tokenizer.json'} already exists; remove it or choose another folder")
    fields = {"kind": kind, "vocab_size": vocab_size, "lowercase": lowercase, "nfkc": nfkc}
    settings = parse(TokenizerSettings, fields, "tokenizer train")
    read_settings, tally = _read_settings(text, reading), Tally()
    tokenizer = train_tokenizer(settings, _texts(files, read_settings, f"learning {kind}", tally))
    tally.check(files, read_settings.max_dropped, read_settings.option)  # of much text the end may not have been read
    tokenizer.save(out)
    say(f"{out / 'tokenizer.json'}: {tokenizer.vocab_size:,} tokens")


def report(
    tokenizer: Path,
    files: tuple[str, ...],
    /,
    *,
    text: str = "text",
    reading: ReadOptions = ReadOptions(),  # noqa: B008 - it is frozen
    special: Flag = False,
    as_json: Json = False,
) -> None:
    """Tell how many tokens a tokenizer spends on each file.

    Args:
        tokenizer: A tokenizer.json, its folder, or a run.
        files: Files, globs, folders, hf: names or "embedded".
        text: The column of a table that holds the text.
        reading: Bounds of what may be left out.
        special: Let the names of special tokens in the text be these tokens, as they are to Transformers; otherwise
            they are text like any other.
        as_json: Print one JSON object for each file.
    """
    from langue.console import table
    from langue.data import Tally
    from langue.text import Tokenizer, fertility

    settings = _read_settings(text, reading)
    tallies = {name: Tally() for name in files}
    rows = fertility(
        Tokenizer.load(tokenizer).reading_specials(special),
        {name: _texts([name], settings, f"reading {name}", tally) for name, tally in tallies.items()},
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


def _read_settings(text: str, reading: ReadOptions) -> ReadSettings:
    from langue.data import ReadSettings
    from langue.settings import parse

    return parse(ReadSettings, {"text": text, **chosen(reading)}, "langue tokenizer")


def _texts(files: Iterable[str], settings: ReadSettings, doing: str, tally: Tally) -> Iterator[str]:
    """The text of all files, piece by piece, with a bar that shows how far reading has come."""
    from langue.console import progress, say
    from langue.data import find_sources, read_documents

    origins = find_sources(list(files))
    with progress(doing, sum(origin.size for origin in origins) or None, "bytes") as advance:
        for piece in read_documents(origins, settings, tally):
            advance(piece.size)
            if piece.text:
                yield piece.text
    if tally.records:
        say(f"left out: {tally.words()}")
