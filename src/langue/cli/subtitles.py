"""Transcripts as people read them: lines, JSON, and subtitles as SRT, WebVTT and TSV."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from langue.cli.inputs import json_line, one_line
from langue.cli.output import Output
from langue.errors import LangueError
from langue.files import Additions


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
    for segment in transcript.segments:
        if not (math.isfinite(segment.start) and math.isfinite(segment.end)):
            raise LangueError(f"{recording.place}: {segment.text!r:.60} has no times, which {kind} needs; take --json")
    if kind == "tsv":  # whole milliseconds, as Whisper's own program writes them
        rows = [f"{round(1000 * s.start)}\t{round(1000 * s.end)}\t{_line(s.text)}\n" for s in transcript.segments]
        return "".join(["start\tend\ttext\n", *rows])
    if kind == "vtt":
        cues = [f"{_clock(s.start, '.')} --> {_clock(s.end, '.')}\n{_spoken(s)}\n" for s in transcript.segments]
        return "\n".join(["WEBVTT\n", *cues])
    cues = [
        # SRT has no way to spell the arrow within a text; a blank line would end it.
        f"{number}\n{_clock(s.start, ',')} --> {_clock(s.end, ',')}\n{_line(s.text).replace('-->', '->')}\n"
        for number, s in enumerate(transcript.segments, 1)
    ]
    return "\n".join(cues)


def _line(text: str) -> str:
    return " ".join(text.split())


def _spoken(segment: Any) -> str:
    """A cue's text, in which WebVTT can say when each word begins, so that players highlight what was said."""
    text, written, place, marked = _line(segment.text), 0, 0, ""
    for word in segment.words:
        start = text.find(_line(word.text), place)
        if start > 0 and math.isfinite(word.start):  # the first begins with the cue
            marked += _marked(text[written:start]) + f"<{_clock(word.start, '.')}>"
            written = start
        place = max(place, start + len(word.text))
    return marked + _marked(text[written:])


def _marked(text: str) -> str:
    """Escape the signs that WebVTT takes for marks of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    """1:02:03,456, with hours always, which both formats allow and SRT demands."""
    whole = max(0, round(1000 * seconds))
    minutes, rest = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"


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
