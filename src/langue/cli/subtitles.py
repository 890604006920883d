"""Transcripts as people read them: lines, JSON, and subtitles as SRT, WebVTT and TSV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from langue.cli.inputs import json_line, one_line
from langue.cli.output import Output
from langue.files import Additions
from langue.tasks.transcribe.captions import captions


class TranscriptWriter:
    """Writes transcripts to the terminal, into one file, or of several recordings' subtitles into a file each.

    Args:
        kind: text, json, srt, vtt or tsv.
        out: a file or, for several recordings' subtitles, a folder; None is the terminal.
        names: of the files in a folder; none where all is written into one file.

    Raises:
        LangueError: a file in the folder would be replaced.
    """

    def __init__(self, kind: str, out: Path | None, names: Iterable[str] = ()):
        self.kind = kind
        names = list(names)
        self._additions = Additions(out, names) if out is not None and names else None
        self._output = Output(out)
        self._waiting = ""

    def __enter__(self) -> TranscriptWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if self._additions is not None:
            self._additions.close(complete=kind is None)
        self._output.close()

    def write(self, text: str, name: str = "") -> None:
        """One rendered transcript."""
        if self._additions is not None:
            self._additions.write(name, text)
            return
        self._output.write(self._waiting + text)
        self._waiting = ""

    def fail(self, place: str, reason: str) -> None:
        """Write in the place of a recording that could not be heard an empty line, or JSON that says why."""
        if self.kind in ("text", "json"):
            self._waiting += (json_line({"audio": place, "error": reason}) if self.kind == "json" else "") + "\n"
        if self._output.begun:
            self._output.write(self._waiting)
            self._waiting = ""


def file_names(kind: str, recordings: Iterable[Any]) -> list[str]:
    """Each recording's name with another ending, and a number where it was there before."""
    names: dict[str, None] = {}
    for recording in recordings:
        stem = Path(recording.audio if isinstance(recording.audio, str | Path) else "recording").stem
        name, number = f"{stem}.{kind}", 1
        while name in names:
            number += 1
            name = f"{stem}-{number}.{kind}"
        names[name] = None
    return list(names)


def render(kind: str, recording: Any, transcript: Any) -> str:
    """A transcript in one of the formats, its last line's end included.

    Raises:
        LangueError: a segment has no times.
    """
    if kind == "text":
        return one_line(transcript.text) + "\n"
    if kind == "json":
        return _object(recording, transcript) + "\n"
    return captions(kind, transcript, recording.place)


def _object(recording: Any, transcript: Any) -> str:
    name = str(recording.audio) if isinstance(recording.audio, str | Path) else recording.place
    fields: dict[str, Any] = {"audio": name, "text": transcript.text, "seconds": round(transcript.seconds, 3)}
    fields["score"] = round(transcript.score, 4)
    if transcript.language is not None:
        fields["language"] = transcript.language
    fields["segments"] = [_segment(segment) for segment in transcript.segments]
    return json_line(fields)


def _segment(segment: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": segment.text, "start": segment.start, "end": segment.end}
    if segment.words:
        fields["words"] = [_word(word) for word in segment.words]
    return fields


def _word(word: Any) -> dict[str, Any]:
    fields = {"word": word.text, "start": word.start, "end": word.end}
    return fields if word.probability is None else {**fields, "probability": word.probability}
