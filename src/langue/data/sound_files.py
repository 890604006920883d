"""Files of sound, block by block: by libsndfile, and what it does not know (m4a, mp4, webm, …) by FFmpeg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from langue.console import muffled, say
from langue.data.sound_headers import COUNTED, lacks_bytes, says_its_length
from langue.errors import LangueError, reading, reason
from langue.extra import need

Truncated = Literal["refuse", "accept"]
"""The fate of a recording that is shorter than it says: it is refused, or taken as far as it goes, with a word."""

SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au",
    ".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".aac", ".webm", ".mka", ".mkv", ".wma", ".amr", ".caf",
    ".aifc", ".snd", ".w64", ".rf64", ".nist", ".sph", ".voc", ".svx", ".8svx", ".tta", ".wv", ".ac3", ".eac3",
    ".avi", ".flv", ".mpg", ".mpeg",
)  # fmt: skip
"""Files of a folder that are taken for recordings; one that is named may be called anything."""

ACCEPT = "--truncated accept of langue transcribe (in a recipe: transcribe.truncated)"

LOWEST, HIGHEST = 1_000, 768_000
"""Samples a second; a header that says less or more is damaged."""

BLOCK = 30
"""Seconds that are read at once."""

BLOCK_NUMBERS = 1 << 23
"""Numbers that are read at once at most, however many channels there are."""

UNKNOWN = 1 << 62
"""Samples from which on libsndfile means that it does not know how many there are."""

SPARE = 2_304
"""Samples by which an MP3 may be shorter than its tag says: two frames."""

MPEG = ("MP3", "MPEG")
"""Libsndfile's names of MP3."""

CHATTER = re.compile(rb"Note: |Warning: Xing |\[src/libmpg123/")
"""Beginnings of the lines that libmpg123 writes to stderr about what it mends or passes over by itself."""

LATE = 0.5
"""Seconds by which the last packet of a file may come before the end that is told."""

SEEKABLE = ("mov", "matroska")
"""FFmpeg's containers in which a place is found by its time."""

DECLARING = (*SEEKABLE, "asf", "flac", "wav", "aiff", "au", "caf")
"""Those whose length is written in them and not guessed."""

FORMATS = "aac,ac3,aiff,amr,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
"""The formats that FFmpeg may take a file for: sound alone, never a playlist, which would lead to other files."""

Blocks = Iterator[tuple[int, np.ndarray]]
"""A recording's rate, and (samples, channels) float32 of it, of which no more than a block is held."""


def file_blocks(
    file: str | Path | BinaryIO, start: float, end: float | None, name: str, truncated: Truncated = "refuse"
) -> Blocks:
    """The samples between two times of a file, in seconds.

    Raises:
        LangueError: there is no such file, it cannot be read, or it is shorter than it says and that is refused.
    """
    if isinstance(file, str | Path):
        with reading(name):  # a name may be longer than any system allows
            there = Path(file).is_file()
        if not there:
            place = "" if name == str(file) else f" ({name})"
            raise LangueError(f"there is no recording {file}{place}")
    with reading(name), _raw(file) as raw:
        lacking, counted = lacks_bytes(raw), says_its_length(raw)
    done = 0.0
    try:
        for rate, block in _by_libsndfile(file, start, end, name, truncated, lacking=lacking, counted=counted):
            yield rate, block
            done += len(block) / rate
    except _Unreadable as error:
        if done and truncated == "refuse":
            raise cut_short(name, start + done) from error
        yield from _by_ffmpeg(file, start + done, end, name, truncated, str(error), lacking=lacking)


def length_of(path: Path) -> float | None:
    """Seconds that a file says it has; None where it says nothing that could be believed, or is none, but a pipe."""
    try:
        with _Unreadable.instead():
            if not path.is_file():
                return None
        with _Unreadable.instead(), _soundfile().SoundFile(str(path)) as opened:
            if opened.frames:
                return opened.frames / opened.samplerate if opened.frames < UNKNOWN else None
    except _Unreadable:
        pass
    try:
        with path.open("rb") as raw, _container(raw, str(path), "") as container:
            return None if container.duration is None else container.duration / 1_000_000
    except (LangueError, OSError, ValueError):  # the last of a name with a NUL in it
        return None


def cut_short(name: str, seconds: float) -> LangueError:
    """The error for a recording that ends before it should."""
    return LangueError(
        f"{name} is cut short or damaged after {seconds:.1f} seconds; mend it, or take what is there by {ACCEPT}"
    )


def checked_rate(rate: float, name: str) -> int:
    """Samples a second, if they can be.

    Raises:
        LangueError: no recording has so few or so many.
    """
    if not LOWEST <= rate <= HIGHEST or rate != int(rate):
        raise LangueError(
            f"{name} says that it has {rate:,} samples a second; a recording has {LOWEST:,} to {HIGHEST:,}"
        )
    return int(rate)


class _Unreadable(Exception):
    """Libsndfile's words about a file that it cannot read, or cannot read on."""

    @classmethod
    @contextmanager
    def instead(cls) -> Iterator[None]:
        """Guard around what libsndfile does; whatever it raises becomes this, and its decoder of MP3 is silent."""
        try:
            with muffled(CHATTER):
                yield
        except (_soundfile().SoundFileError, RuntimeError, OSError, ValueError, TypeError) as error:
            raise cls(reason(error)) from error


def _by_libsndfile(
    file: str | Path | BinaryIO,
    start: float,
    end: float | None,
    name: str,
    truncated: Truncated,
    *,
    lacking: bool,
    counted: bool,
) -> Blocks:
    """Raises _Unreadable where libsndfile cannot go on; an MP3 is `counted` if it says how many frames it has."""
    with _opened(file, name, truncated) as opened:
        rate, whole = checked_rate(opened.samplerate, name), opened.frames
        first = min(round(start * rate), whole)
        stop = whole if end is None else min(whole, max(first, round(end * rate)))
        streamed = opened.format in MPEG
        if lacking and not streamed and (end is None or round(end * rate) > whole):
            _note_short(name, whole / rate, truncated)
        size = max(1, min(BLOCK * rate, BLOCK_NUMBERS // opened.channels))
        place = first
        if first:  # of which not every format is capable
            with _Unreadable.instead():
                opened.seek(first)
        while place < stop:
            with _Unreadable.instead():
                block = opened.read(min(size, stop - place), dtype="float32", always_2d=True)
            if not len(block):
                break
            place += len(block)
            yield rate, block
        ended = stop - place > (SPARE if streamed else 0) and (counted or not streamed)
        if ended or (lacking and streamed and (end is None or round(end * rate) > place)):
            _note_short(name, place / rate, truncated)


@contextmanager
def _opened(file: str | Path | BinaryIO, name: str, truncated: Truncated) -> Iterator[Any]:
    """A file of libsndfile's, of a format in which it would be noticed that it was cut short, or that is accepted."""
    if not isinstance(file, str | Path):
        file.seek(0)
    with ExitStack() as stack:
        with _Unreadable.instead():
            opened = stack.enter_context(_soundfile().SoundFile(str(file) if isinstance(file, Path) else file))
        if not opened.frames:
            raise _Unreadable("it holds no sound")
        if opened.format not in COUNTED and truncated == "refuse":
            raise LangueError(
                f"{name} is of the format {opened.format}, in which half a recording is like a whole one; convert it "
                f"to WAV or FLAC, or take it as it is by {ACCEPT}"
            )
        yield opened


def _by_ffmpeg(
    file: str | Path | BinaryIO,
    start: float,
    end: float | None,
    name: str,
    truncated: Truncated,
    before: str,
    *,
    lacking: bool,
) -> Blocks:
    """The same by FFmpeg; `before` is what libsndfile said."""
    with _raw(file) as raw, _container(raw, name, before) as container:
        if not container.streams.audio:
            raise LangueError(f"{name} holds no sound")
        frames = _Frames(container)
        held: list[np.ndarray] = []
        count, rate = 0, 0
        for place, rate, samples in frames.since(start, name):
            first, stop = round(start * rate), None if end is None else round(end * rate)
            if stop is not None and place >= stop:
                break
            part = samples[max(0, first - place) : None if stop is None else stop - place]
            held.append(part)
            count += len(part)
            if count >= min(BLOCK * rate, BLOCK_NUMBERS // part.shape[1]):
                yield rate, np.concatenate(held)
                held, count = [], 0
        if count:
            yield rate, np.concatenate(held)
        if frames.lack(end) or (lacking and (end is None or end > frames.reached)):
            _note_short(name, frames.reached, truncated)


class _Frames:
    """The sound in one of FFmpeg's containers, frame by frame.

    Attributes:
        reached: seconds up to which there was anything, sound or not.
        damaged: whether it could not be read on.
    """

    def __init__(self, container: Any):
        self.container, self.stream = container, container.streams.audio[0]
        self.reached, self.damaged = 0.0, False

    def since(self, start: float, name: str) -> Iterator[tuple[int, int, np.ndarray]]:
        """From a time on, or from before it: the sample of each frame in the recording, its rate, (n, channels)."""
        av, begins = need("av", "audio", name), float((self.container.start_time or 0) / 1_000_000)
        sought = start > 2 * BLOCK and self.container.format.name.startswith(SEEKABLE)
        resampler = av.AudioResampler(format="fltp")
        place: int | None = None if sought else 0
        try:
            if sought:
                self.container.seek(int((begins + start - BLOCK) * 1_000_000))
            for packet in self.container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    ends = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self.reached = max(self.reached, ends - begins)
                for frame in packet.decode() if packet.stream is self.stream else ():
                    rate = checked_rate(frame.sample_rate, name)
                    if place is None:
                        place = round(((frame.time or 0.0) - begins) * rate)
                    for part in resampler.resample(frame):
                        samples = part.to_ndarray().T
                        yield place, rate, samples
                        place += len(samples)
        except (av.FFmpegError, ValueError, OSError):
            self.damaged = True

    def lack(self, end: float | None) -> bool:
        """True where sound that should lie before a time was not there."""
        if self.damaged:
            return True
        duration = self.container.duration
        if duration is None or not self.container.format.name.startswith(DECLARING):
            return False
        whole = duration / 1_000_000
        return self.reached < (whole if end is None else min(end, whole)) - LATE


def _note_short(name: str, seconds: float, truncated: Truncated) -> None:
    if truncated == "refuse":
        raise cut_short(name, seconds)
    say(f"{name} is cut short or damaged after {seconds:.1f} seconds; what is there is taken")


@contextmanager
def _raw(file: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """The bytes of a file from its first on; one that was open already stays so."""
    if isinstance(file, str | Path):
        with Path(file).open("rb") as raw:
            yield raw
    else:
        file.seek(0)
        yield file


@contextmanager
def _container(raw: BinaryIO, name: str, before: str) -> Iterator[Any]:
    try:
        av = need("av", "audio", f"reading {name}")
    except LangueError as lacking:
        raise LangueError(f"{name} cannot be read as a recording: {before}; {lacking}") from None
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        opened = av.open(raw, container_options=options)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise LangueError(f"{name} cannot be read as a recording: {before or reason(error)}") from None
    with opened:
        yield opened


def _soundfile() -> Any:
    return need("soundfile", "audio", "reading recordings")
