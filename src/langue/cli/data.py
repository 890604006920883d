"""`langue data prepare`, `langue data verify` and `langue data inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from langue.cli.options import AtLeastOne, Json, refuse_options
from langue.data.settings import ReadSettings

if TYPE_CHECKING:
    from langue.data import TokenStore


def prepare(
    *files: AtLeastOne,
    tokenizer: Path,
    out: Path,
    reading: Annotated[ReadSettings, Parameter(name="*")] = ReadSettings(),  # noqa: B008 - it is frozen
    as_json: Json = False,
) -> None:
    """Turn text into a store of tokens, which a recipe takes as data.train, data.dev or data.test.

    Lines and rows that cannot be used are counted by reason and kept in OUT/quarantine.jsonl.

    Args:
        files: Files (txt, jsonl, csv, tsv, parquet), globs, folders, hf:NAME[/CONFIG][:SPLIT], package:NAME[/INSIDE] or
            "embedded".
        tokenizer: A tokenizer.json, its folder, or a run.
        out: The folder to make.
        reading: How text is read.
        as_json: Print the manifest as one JSON object.
    """
    from langue.data.prepare import prepare as prepare_store
    from langue.text import Tokenizer

    _print(prepare_store(list(files), Tokenizer.load(tokenizer), out, reading), as_json)


def verify(store: Path, /) -> None:
    """Compare every file of a store with its SHA-256, and name the first that changed.

    Args:
        store: A folder that `langue data prepare` made.
    """
    from langue.data import TokenStore
    from langue.files import every_byte

    with every_byte():
        opened = TokenStore.open(store)
    print(f"{store} is whole: {opened.tokens:,} tokens in {len(opened.shards)} shards are as they were written")


def inspect(
    store: Path,
    /,
    *,
    tokenizer: Path | None = None,
    document: int | None = None,
    as_json: Json = False,
) -> None:
    """Tell what a store holds, and with its tokenizer show a document.

    Args:
        store: A folder that `langue data prepare` made.
        tokenizer: The tokenizer that made it.
        document: Which document to show, from 0; the first by default.
        as_json: Print the manifest as one JSON object.
    """
    from langue.data import TokenStore
    from langue.text import Tokenizer

    refuse_options({"document": document is not None and tokenizer is None}, "a text, which only --tokenizer can show")
    opened = TokenStore.open(store)
    _print(opened, as_json)
    if tokenizer is None:
        return
    known = Tokenizer.load(tokenizer)
    opened.require(known)
    print(f"\n{known.decode(_document(opened, document or 0))}")


SHOWN_TOKENS = 500


def _document(store: TokenStore, number: int) -> list[int]:
    """The first tokens of one document."""
    from langue.errors import LangueError

    if not 0 <= number < store.documents:
        raise LangueError(f"{store.folder} has documents 0 to {store.documents - 1:,}, but no {number:,}")
    start = int(store.document_ends[number - 1]) if number else 0
    length = int(store.document_ends[number]) - start
    return store.read(start, min(length, SHOWN_TOKENS)).tolist()


def _print(store: TokenStore, as_json: bool) -> None:
    if as_json:
        print(json.dumps(store.manifest, ensure_ascii=False))
        return
    per_token = store.text_bytes / store.tokens
    print(f"{store.folder}: {store.tokens:,} tokens of {store.documents:,} documents, {per_token:.2f} bytes a token")
    records, size = store.manifest["records"], store.manifest["bytes"]
    print(f"read {records['in']:,} records, {size['in']:,} bytes; kept {records['kept']:,}, {size['kept']:,} bytes")
    for reason, count in records["dropped"].items():
        print(f"left out, {reason}: {count:,} records, {size['dropped'][reason]:,} bytes")
    if records["dropped"]:
        print(f"what was left out is in {store.folder / 'quarantine.jsonl'}")
    if unknown := store.manifest["unknown_characters"]:
        print(f"{unknown:,} of {store.text_characters:,} characters are unknown to the tokenizer")
