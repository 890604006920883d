"""Folders of recordings: what is said in each stands in a file of the same name, or in a list beside them.

Read are `a.wav` with `a.eaf` (ELAN), `a.TextGrid` (Praat), `a.txt` or `a.lab`, LibriSpeech's `*.trans.txt`, LJSpeech's
`metadata.csv` with `wavs/`, and Common Voice's tables with `clips/`. A folder whose own table has paths that lead
somewhere is a table like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from langue.data.annotations import ANNOTATIONS, SpokenRow, annotated_rows
from langue.data.folders import walk
from langue.data.lines import valid_lines
from langue.data.sound_files import SUFFIXES

BESIDE = (".txt", ".lab")
"""Endings of the file that holds what is said in the recording of the same name."""

LIBRISPEECH, LJSPEECH = ".trans.txt", "metadata.csv"
CLIPS, TABLES = "clips", ("train.tsv", "validated.tsv")
"""The folder of Common Voice's recordings, and the tables that are taken of a whole folder, the first that is there."""
_KNOWN = {"speaker": "client_id", "accent": "accents", "age": "age", "gender": "gender", "language": "locale"}
"""Columns, and what Common Voice calls them."""


def spoken_rows(source: str | Path) -> list[SpokenRow]:
    """The recordings of a folder, of a file of ELAN's or Praat's, or of a table of Common Voice's, with their texts in
    the order of their names; none where no transcripts are found.

    Raises:
        LangueError: a file with transcripts is damaged, or its recording is not there.
    """
    path = Path(source).expanduser()
    if path.suffix.lower() in ANNOTATIONS and path.is_file():
        return list(annotated_rows(path))
    if path.suffix.lower() == ".tsv" and (path.parent / CLIPS).is_dir():
        return list(_common_voice(path))
    if not path.is_dir():
        return []
    files, _ = walk(path)
    sounds = {file.with_suffix(""): file for file in files if file.suffix.lower() in SUFFIXES}
    if not sounds:
        return []
    readers: tuple[Callable[[list[Path], dict[Path, Path]], Iterator[SpokenRow]], ...] = (
        *(_annotated, _beside, _lists, _ljspeech, _clips),
    )
    return next((rows for read in readers if (rows := list(read(files, sounds)))), [])


def _annotated(files: list[Path], sounds: dict[Path, Path]) -> Iterator[SpokenRow]:
    for file in files:
        if file.suffix.lower() in ANNOTATIONS:
            yield from annotated_rows(file)


def _clips(files: list[Path], sounds: dict[Path, Path]) -> Iterator[SpokenRow]:
    """The part of Common Voice to learn from, or, where it is not divided, what was found to be right."""
    for table in TABLES:
        parts = [file for file in files if file.name == table and (file.parent / CLIPS).is_dir()]
        if parts:
            return chain.from_iterable(map(_common_voice, parts))
    return iter(())


def _common_voice(table: Path) -> Iterator[SpokenRow]:
    """The clips of a table of Common Voice's; none where it is another table. Its fields hold no quotes and no tabs."""
    lines = valid_lines(table)
    header = next((line.text.split("\t") for line in lines), [])
    if not {"path", "sentence"} <= set(header):
        return
    for line in lines:
        fields = dict(zip(header, line.text.split("\t"), strict=False))
        if fields.get("sentence", "").strip():
            name = (
                fields["path"] if Path(fields["path"]).suffix else f"{fields['path']}.mp3"
            )  # as the first ones had it
            known = {ours: fields[theirs] for ours, theirs in _KNOWN.items() if fields.get(theirs)}
            values = {"audio": str(table.parent / CLIPS / name), "text": fields["sentence"], **known}
            yield SpokenRow(f"{table}, line {line.number}", values)


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
