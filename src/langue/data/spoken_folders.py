"""Folders of recordings: what is said in each stands in a text file of the same name, or in a list beside them.

Read are `a.wav` with `a.txt` (or `.lab`), LibriSpeech's `*.trans.txt`, and LJSpeech's `metadata.csv` with `wavs/`.
A folder whose own table has paths that lead somewhere is a table like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from langue.data.folders import walk
from langue.data.lines import valid_lines
from langue.data.sound_files import SUFFIXES

BESIDE = (".txt", ".lab")
"""Endings of the file that holds what is said in the recording of the same name."""

LIBRISPEECH, LJSPEECH = ".trans.txt", "metadata.csv"


class SpokenRow(NamedTuple):
    """A recording and what is said in it, and the file that says so."""

    place: str
    values: Mapping[str, Any]


def spoken_rows(folder: str | Path) -> list[SpokenRow]:
    """The recordings of a folder whose transcripts are found, in the order of their names; none where it holds none."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        return []
    files, _ = walk(path)
    sounds = {file.with_suffix(""): file for file in files if file.suffix.lower() in SUFFIXES}
    if not sounds:
        return []
    readers: tuple[Callable[[list[Path], dict[Path, Path]], Iterator[SpokenRow]], ...] = (_beside, _lists, _ljspeech)
    return next((rows for read in readers if (rows := list(read(files, sounds)))), [])


def _beside(files: list[Path], sounds: dict[Path, Path]) -> Iterator[SpokenRow]:
    for file in files:
        if file.suffix.lower() in BESIDE and (sound := sounds.get(file.with_suffix(""))):
            text = " ".join(line.text.strip() for line in valid_lines(file))
            yield SpokenRow(str(file), {"audio": str(sound), "text": text})


def _lists(files: list[Path], sounds: dict[Path, Path]) -> Iterator[SpokenRow]:
    """A name and what is said on each line, beside the recordings."""
    for file in files:
        if file.name.endswith(LIBRISPEECH):
            for line in valid_lines(file):
                name, _, text = line.text.partition(" ")
                if sound := sounds.get(file.parent / name):
                    yield SpokenRow(f"{file}, line {line.number}", {"audio": str(sound), "text": text})


def _ljspeech(files: list[Path], sounds: dict[Path, Path]) -> Iterator[SpokenRow]:
    """A name, what is written, and that with numbers spelt out, with | between them."""
    for file in files:
        if file.name == LJSPEECH:
            for line in valid_lines(file):
                name, *texts = line.text.split("|")
                if texts and (sound := sounds.get(file.parent / "wavs" / name)):
                    yield SpokenRow(f"{file}, line {line.number}", {"audio": str(sound), "text": texts[-1]})
