"""Transcripts with times as players read them: SRT, WebVTT and TSV."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from langue.errors import LangueError

if TYPE_CHECKING:
    from langue.tasks.transcribe.predict import Segment, Transcript


def captions(kind: str, transcript: Transcript, name: str) -> str:
    """The segments of a transcript, the last line's end included.

    Args:
        kind: srt, vtt or tsv.
        transcript: of a recording.
        name: of the recording, for errors.

    Raises:
        LangueError: a segment has no times.
    """
    for segment in transcript.segments:
        if not (math.isfinite(segment.start) and math.isfinite(segment.end)):
            raise LangueError(f"{name}: {segment.text!r:.60} has no times, which {kind} needs; take JSON")
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


def _spoken(segment: Segment) -> str:
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
