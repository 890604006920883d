"""Files of sound: which are read, what a header may say, and what becomes of files that were cut short."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from langue.data.audio import RATE, SUFFIXES, WHOLE_SECONDS, read_audio, read_blocks, seconds_of
from langue.data.labelled import Labelled
from langue.data.recordings import recording_of
from langue.data.sound_files import file_blocks, length_of
from langue.data.sound_headers import COUNTED, lacks_bytes
from langue.errors import LangueError

SECONDS = 4


def tone(hertz: float = 440, seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_with_ffmpeg(path: Path, codec: str, form: str, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    with av.open(str(path), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for part in (frame, None):
            container.mux(stream.encode(part))
    return path


OTHERS = {
    "a.m4a": ("aac", "ipod", 16_000), "a.mp4": ("aac", "mp4", 44_100), "a.mov": ("aac", "mov", 16_000),
    "a.3gp": ("aac", "3gp", 16_000), "a.aac": ("aac", "adts", 16_000), "a.webm": ("libopus", "webm", 48_000),
    "a.mkv": ("aac", "matroska", 16_000), "a.opus": ("libopus", "ogg", 48_000),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_telephones_and_browsers_record_is_read(name, tmp_path):
    codec, form, rate = OTHERS[name]
    samples = np.concatenate([tone(500, 2, rate), tone(1500, 2, rate)])
    path = write_with_ffmpeg(tmp_path / name, codec, form, samples, rate)
    found = read_audio(path)
    assert path.suffix in SUFFIXES
    assert len(found) == pytest.approx(SECONDS * RATE, abs=0.15 * RATE)
    for second, hertz in ((0.5, 500), (2.5, 1500)):
        part = found[round(second * RATE) : round((second + 1) * RATE)]
        assert np.abs(np.fft.rfft(part)).argmax() == pytest.approx(hertz, abs=3)
    stretch = read_audio({"bytes": path.read_bytes()}, 2.5, 3.5)
    assert len(stretch) == pytest.approx(RATE, abs=2)
    assert np.abs(np.fft.rfft(stretch)).argmax() == pytest.approx(1500, abs=3)
    assert seconds_of(path) == pytest.approx(SECONDS, abs=0.2)


def test_a_long_file_of_another_kind_is_read_by_blocks_and_found_by_time(tmp_path):
    samples = np.concatenate([tone(300 + 10 * minute, 60) for minute in range(3)])
    path = write_with_ffmpeg(tmp_path / "a.m4a", "aac", "ipod", samples)
    blocks = list(read_blocks(path))
    assert max(map(len, blocks)) <= 32 * RATE
    whole = np.concatenate(blocks)
    stretch = read_audio(path, 100.0, 102.0)
    assert len(stretch) == 2 * RATE
    np.testing.assert_allclose(stretch, whole[100 * RATE : 102 * RATE], atol=1e-3)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.flac", "a.ogg", "a.mp3", "a.opus", "a.webm", "f.m4a"])
def test_half_a_file_is_refused_or_taken_with_a_word(name, tmp_path, capsys):
    path = tmp_path / name
    samples = np.random.default_rng(0).normal(0, 0.1, 40 * RATE).astype(np.float32)
    if name in ("a.webm", "f.m4a"):
        codec, form, rate = {"a.webm": ("libopus", "webm", 48_000), "f.m4a": ("aac", "ipod", RATE)}[name]
        write_with_ffmpeg(path, codec, form, samples, rate, **({"movflags": "faststart"} if name == "f.m4a" else {}))
    else:
        kind = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
        soundfile.write(path, samples, RATE, **kind)
    whole = len(read_audio(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LangueError, match=rf"{name} is cut short or damaged after \d+\.\d seconds; mend it, or"):
        read_audio(path)
    found = read_audio(path, truncated="accept")
    assert 0.3 * whole < len(found) < 0.7 * whole
    assert "is cut short or damaged after" in capsys.readouterr().err
    assert len(read_audio(path, 1.0, 2.0)) == RATE  # which lies in what is there


def kinds_of_libsndfile() -> list[tuple[str, str, str]]:
    """Format, encoding and byte order of all files that libsndfile can write and knows again."""
    return [
        (form, encoding, order)
        for form in soundfile.available_formats()
        for encoding in soundfile.available_subtypes(form)
        for order in ("FILE", "LITTLE", "BIG")
        if form not in ("RAW", "SD2") and soundfile.check_format(form, encoding, order)
    ]


@pytest.mark.parametrize(("form", "encoding", "order"), kinds_of_libsndfile())
def test_half_a_file_of_any_kind_passes_as_whole_nowhere(form, encoding, order, tmp_path):
    path = tmp_path / "a"
    samples = np.random.default_rng(0).normal(0, 0.1, 4 * RATE).astype(np.float32)
    try:
        soundfile.write(path, samples, RATE, encoding, order, form)
    except soundfile.SoundFileError:
        pytest.skip("libsndfile does not write it after all")
    content = path.read_bytes()
    if form in COUNTED and "DWVW" not in encoding:  # in which libsndfile fails to find the beginning
        assert len(read_audio(path)) >= 0.99 * len(samples)  # a VOC has not every rate
    elif form not in COUNTED:
        with pytest.raises(LangueError, match=f"a is of the format {form}, in which half a recording is like a whole"):
            read_audio(path)
    for share in (0.5, 0.95):
        path.write_bytes(content[: round(share * len(content))])
        with pytest.raises(LangueError):
            read_audio(path)


def test_half_a_recording_is_refused_by_whichever_library_reads_it(tmp_path):
    path = tmp_path / "a.caf"
    soundfile.write(path, tone(), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # on which libsndfile gives up
    with pytest.raises(LangueError, match="is cut short or damaged"):
        read_audio(path)
    assert len(read_audio(path, 0.5, 1.0)) == RATE / 2
    assert 0.4 * SECONDS * RATE < len(read_audio(path, truncated="accept")) < 0.5 * SECONDS * RATE


@pytest.mark.parametrize("form", sorted(COUNTED - {"WAVEX", "MPEG", "HTK", "SDS"}))  # which have no ending of their own
def test_what_is_read_by_name_is_read_in_a_folder(form):
    assert f".{form.lower()}" in SUFFIXES


def test_a_manifests_stretch_that_is_no_longer_there_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[: RATE * SECONDS])
    row = Labelled("a.tsv, line 2", {"audio": "a.wav", "start": 1.5, "end": 3.0}, tmp_path)
    with pytest.raises(LangueError, match=r"a\.tsv, line 2, .*a\.wav is cut short"):
        recording_of(row).read()
    assert len(recording_of(row, "accept").read()) == pytest.approx(RATE / 2, abs=30)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_written_while_it_was_recorded_is_sound(size, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(), RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", size)
    path.write_bytes(content)
    assert len(read_audio(path)) == SECONDS * RATE


def test_a_flac_that_was_piped_is_sound(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(), RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples: not known
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert len(read_audio(path)) == SECONDS * RATE
    assert seconds_of(path) is None or seconds_of(path) == pytest.approx(SECONDS)


def test_what_libmpg123_says_by_itself_is_kept_from_the_terminal(tmp_path, capfd):
    path = tmp_path / "a.mp3"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 40 * RATE).astype(np.float32), RATE)
    content = path.read_bytes()
    damaged = bytearray(content[: len(content) // 2])
    for place in np.random.default_rng(1).integers(2000, len(damaged), 100):
        damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    read_audio(path, truncated="accept")
    assert [line.split(" is cut short")[0] for line in capfd.readouterr().err.splitlines()] == [str(path)]


def test_an_mp3_without_a_count_of_its_frames_is_sound(tmp_path):
    path = write_with_ffmpeg(tmp_path / "a.mp3", "libmp3lame", "mp3", tone(), write_xing="0")
    assert len(read_audio(path)) == pytest.approx(SECONDS * RATE, abs=2500)


@pytest.mark.parametrize("rate", [8, 500, 4_000_000])
def test_a_header_with_an_absurd_rate_is_refused_before_anything_is_made_of_it(rate, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(), RATE)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    with pytest.raises(LangueError, match=rf"a\.wav says that it has {rate:,} samples a second"):
        next(read_blocks(path))
    with pytest.raises(LangueError, match="samples a second"):
        read_audio({"array": tone(), "sampling_rate": rate})


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 96_000, 384_000])
def test_rates_that_there_are_stay_what_they_are(rate):
    assert len(read_audio({"array": tone(seconds=1, rate=rate), "sampling_rate": rate})) == pytest.approx(RATE, abs=2)


def test_a_recording_that_memory_should_not_hold_whole_is_refused(monkeypatch):
    monkeypatch.setattr("langue.data.audio.WHOLE_SECONDS", 3600)
    with pytest.raises(LangueError, match="longer than 1 hours; cut it"):
        read_audio(np.broadcast_to(np.float32(0), (3700 * RATE,)))
    assert WHOLE_SECONDS >= 3600


@pytest.mark.parametrize("times", [(0.0, float("inf")), (float("nan"), None), (-1.0, None), (float("inf"), None)])
def test_times_that_are_no_times_are_refused(times):
    with pytest.raises(LangueError, match="cannot be read from"):
        read_audio(tone(), *times)
    assert len(read_audio(tone(), 0.0, 1e300)) == SECONDS * RATE


@pytest.mark.parametrize("value", ["inf", "nan", "-1", "1e400", 10**400])
def test_a_manifests_times_are_seconds(value):
    with pytest.raises(LangueError, match=r"a\.tsv, line 2: end should be a number of seconds"):
        recording_of(Labelled("a.tsv, line 2", {"audio": "a.wav", "end": value}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5000,
        b"RIFF",
        b"ID3" + b"\xff" * 400,
        b"OggS" * 50,
        b"fLaC",
        b"#EXTM3U\n/etc/hosts\n",
        b"text\n" * 9,
    ],
)
def test_garbage_is_named_and_refused(content, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    for sound in (tmp_path / "a.wav", io.BytesIO(content), content):
        with pytest.raises(LangueError):
            read_audio(sound, name="a.wav")


def test_a_name_that_no_file_can_have_is_no_recording():
    assert seconds_of("a\0b.wav") is None
    with pytest.raises(LangueError, match="there is no recording"):
        read_audio("a\0b.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_writes_into_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert length_of(tmp_path / "pipe.wav") is None
    with pytest.raises(LangueError, match="there is no recording"):
        next(file_blocks(tmp_path / "pipe.wav", 0.0, None, "pipe.wav"))


STREAMS = {
    "mp2": ("mp2", "mp2", 48_000, {}),
    "mp3": ("libmp3lame", "mp3", 44_100, {"write_xing": "0"}),
    "low mp3": ("libmp3lame", "mp3", 16_000, {"write_xing": "0"}),
    "ac3": ("ac3", "ac3", 48_000, {}),
    "odd ac3": ("ac3", "ac3", 44_100, {}),
    "eac3": ("eac3", "eac3", 48_000, {}),
}
"""Codec, FFmpeg's format, rate and options of streams that say nowhere how long they are."""


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_ends_in_the_middle_of_a_frame_is_cut_short(tmp_path, kind):
    codec, form, rate, options = STREAMS[kind]
    path = tmp_path / f"a.{form}"
    write_with_ffmpeg(path, codec, form, tone(rate=rate), rate, **options)
    content = path.read_bytes()
    for ending in (b"", b"TAG" + bytes(125), bytes(1000)):
        assert not lacks_bytes(io.BytesIO(content + ending))
    assert len(read_audio(path)) >= SECONDS * RATE
    for kept in (len(content) // 2 + 7, len(content) - 5, len(content) * 9 // 10 + 3):
        assert lacks_bytes(io.BytesIO(content[:kept]))
    path.write_bytes(content[: len(content) // 2 + 7])
    with pytest.raises(LangueError, match=r"is cut short or damaged after [12]\.\d seconds"):
        read_audio(path)
    assert 0 < len(read_audio(path, truncated="accept")) < SECONDS * RATE
    assert len(read_audio(path, end=1.0)) == RATE
