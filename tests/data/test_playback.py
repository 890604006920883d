"""Recordings that are read as they are heard: the same samples, at the same times, and never all of them at once."""

import numpy as np
import pytest
import soundfile

from langue.data.audio import BLOCK, RATE, read_audio, read_blocks, seconds_of
from langue.data.playback import Playback

SAMPLES = np.random.default_rng(0).uniform(-1, 1, 70 * RATE).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_blocks_are_what_the_whole_is(rate, tmp_path):
    import soxr

    soundfile.write(tmp_path / "a.wav", SAMPLES, rate, subtype="FLOAT")
    blocks = list(read_blocks(tmp_path / "a.wav"))
    assert len(blocks) > 1
    assert max(len(block) for block in blocks) <= BLOCK * RATE + 1000
    np.testing.assert_array_equal(np.concatenate(blocks), soxr.resample(SAMPLES, rate, RATE))
    given = {"array": SAMPLES, "sampling_rate": rate}
    np.testing.assert_array_equal(read_audio(given), np.concatenate(blocks))
    start, end = 0.25 * len(SAMPLES) / rate, 0.75 * len(SAMPLES) / rate
    np.testing.assert_array_equal(read_audio(given, start, end), read_audio(tmp_path / "a.wav", start, end))
    assert seconds_of(tmp_path / "a.wav", start, end) == pytest.approx(end - start)


def test_stretches_are_taken_one_after_the_other():
    sizes = [1, 0, 5_000, 3, 40_000]
    blocks = np.split(SAMPLES[: sum(sizes)], np.cumsum(sizes)[:-1])
    sound, place = Playback(iter(blocks)), 0
    for step, count in ((0, 10), (3, 4_000), (4_000, 4_000), (1, 1), (20_000, 30_000)):
        place += step
        np.testing.assert_array_equal(sound.take(place, count), SAMPLES[: sum(sizes)][place : place + count])
    assert sound.samples == sum(sizes)
    assert not len(sound.take(sum(sizes), 5))
    assert sound.time(RATE / 2) == 0.5


def test_no_more_is_held_than_is_being_heard():
    held = 0

    def blocks():
        for _ in range(100):
            yield np.zeros(RATE, np.float32)

    sound = Playback(blocks())
    for place in range(0, 100 * RATE, 2 * RATE):
        assert len(sound.take(place, 3 * RATE)) >= 2 * RATE
        held = max(held, len(sound._held))
    assert held <= 4 * RATE
    assert sound._held.base is None or len(sound._held.base) <= 4 * RATE


def test_times_are_the_recordings_where_gaps_were_left_out():
    whole = SAMPLES[:1000]
    sound = Playback([whole], lambda blocks: iter([(100, next(blocks)[100:200]), (700, whole[700:900])]))
    np.testing.assert_array_equal(sound.take(0, 250), np.concatenate([whole[100:200], whole[700:850]]))
    assert sound.samples == 1000
    assert sound.time(50) == 150 / RATE
    assert sound.time(100) == 700 / RATE
    assert sound.time(100, ending=True) == 200 / RATE
    assert sound.time(150) == 750 / RATE
