"""The page of what was misheard: the worst first, nothing of a transcript becomes markup, and sound within bounds."""

import base64
import io

import numpy as np
import pytest
import soundfile

from langue.report import mistakes
from langue.report.mistakes import Transcription, mistakes_page

EVERY = [
    Transcription("good.wav", "press one", "Press one.", np.linspace(-1, 1, 800, dtype=np.float32)),
    Transcription("bad.wav", "press the pound key", "dress a pound <b>key", np.zeros(1600, np.float32)),
    Transcription("worse.wav", "one two three four five", "", np.zeros(1600, np.float32)),
]


def test_the_worst_comes_first_and_markup_stays_text():
    page = mistakes_page("tiny", EVERY)
    places = [page.index(name) for name in ("worse.wav", "bad.wav", "good.wav")]
    assert places == sorted(places)
    assert "<b>key" not in page
    assert "<del>press the</del>" in page
    assert "<ins>dress a</ins>" in page
    assert "<td>press</td><td>dress</td><td>1</td>" in page
    assert "5 wrong" in page


def test_what_is_listened_to_is_the_recording():
    page = mistakes_page("tiny", EVERY[:1])
    sound = page.split("data:audio/wav;base64,")[1].split('"')[0]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound.replace("&#43;", "+"))), dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(samples, EVERY[0].samples, atol=1e-4)


def test_a_page_holds_no_more_sound_than_it_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mistakes, "LISTENED", 3300)
    assert mistakes_page("tiny", EVERY).count("<audio") == 1
