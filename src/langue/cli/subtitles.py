"""Transcripts as people read them: lines, JSON, and subtitles as SRT, WebVTT and TSV."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Any


class Writer:
    """Writes transcripts to the terminal, into one file, or of several recordings' subtitles into a file each.

    Args:
        kind: text, json, srt, vtt or tsv.
        out: a file or, for several recordings' subtitles, a folder; None is the terminal.
        several: whether there are several recordings.
    """

    def __init__(self, kind: str, out: Path | None, *, several: bool):
        self.kind, self.folder = kind, out if several and kind not in ("text", "json") else None
        self._file: IO[str] | None = None
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        elif out is not None:
            self._file = out.open("w", encoding="utf-8")
        self._names: set[str] = set()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, recording: Any, heard: Any) -> None:
        """One transcript."""
        text = render(self.kind, recording, heard)
        if self.folder is not None:
            (self.folder / self._name(recording)).write_text(text, encoding="utf-8")
            return
        file = self._file or sys.stdout
        file.write(text)
        file.flush()

    def _name(self, recording: Any) -> str:
        """That of the recording with another ending, and a number where it was there before."""
        path = recording.audio if isinstance(recording.audio, str | Path) else "recording"
        stem = Path(path).stem
        name, number = f"{stem}.{self.kind}", 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}.{self.kind}"
        self._names.add(name)
        return name


def render(kind: str, recording: Any, heard: Any) -> str:
    """A transcript in one of the formats, its last line's end included."""
    if kind == "text":
        return heard.text + "\n"
    if kind == "json":
        return _object(recording, heard) + "\n"
    if kind == "tsv":  # whole milliseconds, as Whisper's own program writes them
        rows = [f"{round(1000 * s.start)}\t{round(1000 * s.end)}\t{_line(s.text)}\n" for s in heard.segments]
        return "".join(["start\tend\ttext\n", *rows])
    if kind == "vtt":
        cues = [f"{_clock(s.start, '.')} --> {_clock(s.end, '.')}\n{_spoken(s)}\n" for s in heard.segments]
        return "\n".join(["WEBVTT\n", *cues])
    cues = [
        f"{number}\n{_clock(s.start, ',')} --> {_clock(s.end, ',')}\n{s.text}\n"
        for number, s in enumerate(heard.segments, 1)
    ]
    return "\n".join(cues)


def _line(text: str) -> str:
    return " ".join(text.split())


def _spoken(segment: Any) -> str:
    """A cue's text, in which WebVTT can say when each word begins, so that players highlight what was said."""
    text, told, place, found = segment.text, 0, 0, ""
    for word in segment.words:
        start = text.find(word.text, place)
        if start > 0:  # the first begins with the cue
            found += _marked(text[told:start]) + f"<{_clock(word.start, '.')}>"
            told = start
        place = max(place, start + len(word.text))
    return found + _marked(text[told:])


def _marked(text: str) -> str:
    """Without signs that WebVTT takes for marks of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    """1:02:03,456, with hours always, which both formats allow and SRT demands."""
    whole = round(1000 * seconds)
    minutes, rest = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"


def _object(recording: Any, heard: Any) -> str:
    name = str(recording.audio) if isinstance(recording.audio, str | Path) else recording.place
    found: dict[str, Any] = {"audio": name, "text": heard.text, "seconds": round(heard.seconds, 3)}
    found["score"] = round(heard.score, 4)
    if heard.language is not None:
        found["language"] = heard.language
    found["segments"] = [_segment(segment) for segment in heard.segments]
    return json.dumps(found, ensure_ascii=False)


def _segment(segment: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"text": segment.text, "start": segment.start, "end": segment.end}
    if segment.words:
        found["words"] = [_word(word) for word in segment.words]
    return found


def _word(word: Any) -> dict[str, Any]:
    found = {"word": word.text, "start": word.start, "end": word.end}
    return found if word.probability is None else {**found, "probability": word.probability}
