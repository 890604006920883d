"""Folders of recordings: transcripts are found beside them in each of the ways in which people keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

from langue.data.labelled import read_labelled
from langue.data.settings import TableDataSettings
from langue.data.spoken_folders import spoken_rows
from langue.errors import LangueError


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"one.wav": "", "one.txt": "what is\nsaid\n", "two.FLAC": "", "two.lab": "and that", "three.wav": ""},
        {"a/b/one.wav": "", "a/b/one.txt": "what is said", "c/two.FLAC": "", "c/two.txt": " and that \n"},
        {"one.wav": "", "two.FLAC": "", "84-1.trans.txt": "one what is said\ntwo and that\nfour nothing\n"},
        {"wavs/one.wav": "", "wavs/two.FLAC": "", "metadata.csv": "one|w. i. s.|what is said\ntwo|and that\nfour|x\n"},
    ],
)
def test_each_recording_gets_what_is_said_in_it(files: dict[str, str], tmp_path: Path) -> None:
    rows = spoken_rows(write(tmp_path, files))
    texts = {Path(row.values["audio"]).stem: row.values["text"] for row in rows}
    assert texts == {"one": "what is said", "two": "and that"}
    read = list(read_labelled(str(tmp_path), TableDataSettings(train=str(tmp_path))))
    assert [row.values for row in read] == [row.values for row in rows]
    assert all(Path(row.values["audio"]).is_file() for row in rows)


def test_folders_without_transcripts_or_without_recordings_are_none(tmp_path: Path) -> None:
    assert spoken_rows(write(tmp_path / "a", {"one.wav": "", "notes.txt": "of nothing"})) == []
    assert spoken_rows(write(tmp_path / "b", {"one.txt": "a text"})) == []
    assert spoken_rows(tmp_path / "c") == []


def test_a_table_beside_recordings_is_read_as_one(tmp_path: Path) -> None:
    write(tmp_path, {"wav/one.wav": "", "train.tsv": "audio\ttext\nwav/one.wav\twhat is said\n"})
    assert spoken_rows(tmp_path) == []
    (row,) = read_labelled(str(tmp_path), TableDataSettings(train=str(tmp_path)))
    assert row.values == {"audio": "wav/one.wav", "text": "what is said"}


def test_a_transcript_that_is_no_text_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"one.wav": "", "one.txt": ""})
    (tmp_path / "one.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(LangueError, match=r"one\.txt, line 1: invalid UTF-8"):
        spoken_rows(tmp_path)
