"""Recordings of every kind become one channel of 16 kHz."""

import io
import math

import numpy as np
import pytest
import soundfile
import torch

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


WAVE = tone(440, 1, RATE).astype(np.float64)
KINDS = {
    "uint8": np.round(WAVE * 127 + 128).astype(np.uint8),
    "int8": np.round(WAVE * 127).astype(np.int8),
    "int16": np.round(WAVE * 32767).astype(np.int16),
    "uint16": np.round(WAVE * 32767 + 32768).astype(np.uint16),
    "big-endian int16": np.round(WAVE * 32767).astype(">i2"),
    "int24 as SciPy has it": np.round(WAVE * (2**23 - 1)).astype(np.int32) << 8,
    "int32": np.round(WAVE * (2**31 - 1)).astype(np.int32),
    "list of whole numbers": np.round(WAVE * 32767).astype(np.int64),
    "float16": WAVE.astype(np.float16),
    "float64": WAVE,
    "tensor": torch.from_numpy(WAVE).requires_grad_(),
    "bfloat16": torch.from_numpy(WAVE).bfloat16(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_number_has_its_height_and_its_silence(kind):
    found = read_audio(KINDS[kind])
    assert np.abs(found - WAVE).max() < (0.02 if kind in ("uint8", "int8", "bfloat16") else 1e-3)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("kind", ["int16", "uint8", "float64", "tensor"])
def test_channels_may_stand_first_or_last(channels, kind):
    stack = torch.stack if kind == "tensor" else np.stack
    for axis in (0, 1):
        found = read_audio({"array": stack([KINDS[kind]] * channels, axis), "sampling_rate": RATE})
        np.testing.assert_allclose(found, read_audio(KINDS[kind]), atol=1e-6)


def test_eight_bits_as_scipy_reads_them_are_what_the_file_says(tmp_path):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"):
        path = tmp_path / f"{subtype}.wav"
        soundfile.write(path, np.stack([WAVE, -0.5 * WAVE], 1), RATE, subtype=subtype)
        rate, array = wavfile.read(path)
        np.testing.assert_allclose(read_audio({"array": array, "sampling_rate": rate}), read_audio(path), atol=1e-6)


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.ones(100, bool), "not .100,. of bool"),
        (np.ones(100, complex), "not .100,. of complex128"),
        (np.round(WAVE * 2**23).astype(np.int32), "holds int32 numbers up to"),
        (np.round(WAVE * 2**30).astype(np.int64), "holds int64 numbers up to"),
        (np.ones(100, np.uint32), "holds uint32 numbers"),
        (32_767 * WAVE, "reaches 16,383.5, where 1 is the loudest"),
        (np.zeros((100, 100)), "nobody can tell samples from channels"),
        (np.zeros((80, 3000)), "nobody can tell samples from channels"),
        (np.float64(0.5), "should be"),
        (np.array([np.inf, 0]), "not all of its samples are numbers"),
        (np.zeros((2, 0)), "holds no sound"),
        ({"array": WAVE, "sample_rate": 8000}, "has no sampling_rate but sample_rate; name the rate sampling_rate"),
        ({"array": WAVE, "sampling_rate": "fast"}, "sampling_rate should be samples a second, got 'fast'"),
        ({"array": WAVE, "sampling_rate": 10**400}, "sampling_rate should be samples a second, got 1000"),
        ({"array": WAVE, "sampling_rate": 0}, "says that it has 0"),
        ({"array": WAVE, "sampling_rate": math.nan}, "says that it has nan"),
        ({"path": 3}, "neither a file nor samples, but 3"),
    ],
)
def test_numbers_that_could_mean_several_things_are_refused(sound, message):
    with pytest.raises(LangueError, match=message):
        read_audio(sound)


def test_what_is_a_little_too_loud_stays_as_it_is():
    np.testing.assert_allclose(read_audio(2.4 * WAVE).max(), 1.2, atol=1e-3)


def test_what_datasets_decoders_give_is_read():
    class Decoded:
        data, sample_rate = torch.from_numpy(np.stack([WAVE[:3], WAVE[:3]])).float(), RATE

    class Decoder:
        def get_all_samples(self) -> Decoded:
            return Decoded()

    for sound in (Decoder(), Decoded(), {"raw": WAVE[:3], "sampling_rate": RATE}):
        np.testing.assert_allclose(read_audio(sound), WAVE[:3], atol=1e-6)
