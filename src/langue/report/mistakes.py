"""Words that a model took for others, and each recording beside what it wrote, to be listened to."""

from __future__ import annotations

import base64
import io
import wave
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from langue.data.audio import RATE
from langue.metrics.speech import Edit, edits, speech_scores
from langue.report.page import render

LISTENED = 20_000_000
"""Bytes of sound that a page holds at most, the worst recordings' first."""

OFTEN = 20
"""Mistakes that are listed by how often they were made."""


@dataclass(frozen=True)
class Transcription:
    """One recording.

    Attributes:
        name: what it is called.
        expected: what is said in it.
        written: what the model wrote.
        samples: (n,) at 16 kHz.
    """

    name: str
    expected: str
    written: str
    samples: np.ndarray


def mistakes_page(name: str, transcriptions: Sequence[Transcription]) -> str:
    """A page of all recordings, those with most mistakes first.

    Args:
        name: the model's.
        transcriptions: of recordings; those whose sound there is no room for are shown without it.
    """
    parts = [edits(one.written, one.expected) for one in transcriptions]
    wrong = [sum(len(_words(edit)) for edit in part) for part in parts]
    room, shown = LISTENED, []
    for transcription, part, count in sorted(zip(transcriptions, parts, wrong, strict=True), key=lambda row: -row[2]):
        size = 2 * len(transcription.samples)
        sound = _wav(transcription.samples) if size <= room else None
        room -= size if sound else 0
        shown.append({"name": transcription.name, "edits": part, "wrong": count, "sound": sound})
    written, expected = [one.written for one in transcriptions], [one.expected for one in transcriptions]
    scores = speech_scores(written, expected)
    return render("mistakes.html", title=f"What {name} misheard", scores=scores, shown=shown, often=_often(parts))


def _often(parts: Sequence[Sequence[Edit]]) -> list[dict[str, Any]]:
    counts = Counter(words for part in parts for edit in part for words in _words(edit))
    return [
        {"expected": expected or "–", "written": written or "–", "count": count}
        for (expected, written), count in counts.most_common(OFTEN)
    ]


def _words(edit: Edit) -> list[tuple[str, str]]:
    """The mistakes of a stretch word by word: what was said, and what was written for it."""
    if edit.kind == "same":
        return []
    return list(zip_longest(edit.expected.split(), edit.written.split(), fillvalue=""))


def _wav(samples: np.ndarray) -> str:
    """A recording in a data address."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode()
