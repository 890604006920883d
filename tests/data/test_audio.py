"""Recordings of every kind become one channel of 16 kHz."""

import io
import math

import numpy as np
import pytest
import soundfile

from langue.data.audio import RATE, read_audio
from langue.data.labelled import Labelled
from langue.data.recordings import recording_of
from langue.data.sounds import SoundStore, write_sounds
from langue.errors import LangueError


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    """The loudest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * RATE / len(samples)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_any_file_of_any_rate_keeps_its_pitch_length_and_loudness(suffix, rate, tmp_path):
    path = tmp_path / f"a.{suffix}"
    left = tone(700, 1.5, rate)
    soundfile.write(path, np.stack([left, 0.2 * left], 1), rate)
    found = read_audio(path)
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(1.5 * RATE, abs=0.08 * RATE)  # mp3 rounds up to whole blocks
    assert pitch(found) == pytest.approx(700, abs=3)
    middle = found[RATE // 2 : RATE]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 * 0.6 / math.sqrt(2), rel=0.05)


def test_a_stretch_is_read_of_files_and_of_arrays_alike(tmp_path):
    path = tmp_path / "a.wav"
    samples = np.concatenate([tone(300, 1, 8000), tone(900, 1, 8000)])
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    given = {"array": samples, "sampling_rate": 8000}
    for sound in (path, str(path), path.open("rb"), {"bytes": path.read_bytes()}, {"path": str(path)}, given):
        found = read_audio(sound, 1.1, 1.9)
        assert len(found) == pytest.approx(0.8 * RATE, abs=2)
        assert pitch(found) == pytest.approx(900, abs=3)
    assert len(read_audio(path, 1.5)) == pytest.approx(0.5 * RATE, abs=2)


def test_whole_numbers_are_parts_of_their_greatest():
    found = read_audio({"array": np.array([0, 16384, -32768], np.int16), "sampling_rate": RATE})
    np.testing.assert_array_equal(found, np.array([0, 0.5, -1], np.float32))


def test_samples_that_went_through_json_are_samples():
    np.testing.assert_array_equal(read_audio([0, 0.5, -1]), np.array([0, 0.5, -1], np.float32))
    np.testing.assert_array_equal(read_audio([0, 16384, -32768]), np.array([0, 0.5, -1], np.float32))


def test_an_open_file_is_not_closed_by_its_number(tmp_path):
    with (tmp_path / "a.txt").open("w") as file:
        with pytest.raises(LangueError, match="neither a file nor samples"):
            read_audio(file.fileno())
        file.write("still open")


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        ("nowhere.wav", "there is no recording nowhere.wav"),
        (io.BytesIO(b"RIFF and then nothing"), "cannot be read as a recording"),
        (np.zeros(0, np.float32), "holds no sound"),
        (np.array([0, math.nan], np.float32), "not all of its samples are numbers"),
        (np.zeros((2, 2, 2)), r"should be \(samples,\)"),
        ({"sampling_rate": 3}, "has neither array, bytes nor path"),
        (None, "neither a file nor samples, but None"),
        (17, "neither a file nor samples, but 17"),
        ([[0.1], [0.2, 0.3]], "cannot be read as a recording"),
        (["a", "b"], r"should be \(samples,\)"),
        ({"array": "abc"}, r"should be \(samples,\)"),
        ({"bytes": "abc"}, "neither a file nor samples, but 'abc'"),
    ],
)
def test_what_is_no_recording_is_refused(sound, message):
    with pytest.raises(LangueError, match=message):
        read_audio(sound)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(300, 1, 8000), 8000)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(LangueError, match=r"a\.flac cannot be read as a recording"):
        read_audio(path)
    soundfile.write(tmp_path / "b.wav", tone(300, 1, 8000), 8000)
    with pytest.raises(LangueError, match="holds no sound, or none between"):
        read_audio(tmp_path / "b.wav", 5.0)


def test_a_manifests_paths_lead_from_its_folder(tmp_path):
    (tmp_path / "wav").mkdir()
    soundfile.write(tmp_path / "wav" / "a.wav", tone(300, 1, 16_000), 16_000)
    row = Labelled("a.tsv, line 2", {"audio": "wav/a.wav", "start": "0.25", "end": 0.75}, tmp_path)
    assert len(recording_of(row).read()) == RATE // 2
    missing = recording_of(Labelled("a.tsv, line 2", {"audio": "wav/b.wav"}, tmp_path))
    with pytest.raises(LangueError, match=r"there is no recording wav/b\.wav \(a\.tsv, line 2, wav/b\.wav\)"):
        missing.read()
    with pytest.raises(LangueError, match=r"a\.tsv, line 2: start should be a number of seconds, got 'soon'"):
        recording_of(Labelled("a.tsv, line 2", {"audio": "wav/a.wav", "start": "soon"}, tmp_path))
    with pytest.raises(LangueError, match=r"a\.tsv, line 2 has no column audio; it has text"):
        recording_of(Labelled("a.tsv, line 2", {"text": "x"}, tmp_path))


def test_a_store_gives_back_what_was_put_in_and_notices_damage(tmp_path):
    sounds = [(tone(300, 0.1, RATE), "one"), (tone(500, 0.2, RATE), "zwei"), (np.array([2, -2], np.float32), "laut")]
    write_sounds(tmp_path / "store", sounds)
    store = SoundStore(tmp_path / "store")
    assert store.texts == ["one", "zwei", "laut"]
    assert store.lengths.tolist() == [1600, 3200, 2]
    for number, (samples, _) in enumerate(sounds):
        assert store[number].dtype == np.int16
        np.testing.assert_allclose(store[number] / 32767, np.clip(samples, -1, 1), atol=2e-5)
    for name in ("samples.bin", "ends.idx", "texts.json", "manifest.json"):
        path = tmp_path / "store" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:7] + bytes([whole[7] ^ 1]) + whole[8:])
        with pytest.raises(LangueError, match=r"begin the training anew|does not describe"):
            SoundStore(tmp_path / "store")
        path.write_bytes(whole)
    assert len(SoundStore(tmp_path / "store")) == 3
