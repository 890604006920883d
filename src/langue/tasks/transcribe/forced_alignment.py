"""Forced alignment: when each line of a transcript was said, by the likeliest way of CTC to write all of it.

The way is found exactly (Viterbi), with the scores of every √positions-th position kept, from which those between are
worked out anew on the way back: an hour of speech takes megabytes and not gigabytes. Between lines there may be
anything: speech that nobody wrote down costs there `FILLER` more for each position than what the model hears in it. And
a line that nobody says is left out, where that costs less than to find it somewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from langue.data.audio import RATE
from langue.data.playback import Playback
from langue.errors import LangueError
from langue.tasks.transcribe.ctc_transcriber import CTCTranscriber
from langue.tasks.transcribe.predict import cut, written

FILLER = math.log(2)
"""Nats that a position between lines costs beside the likeliest token of it."""

ANYTHING = -1
"""The token of a border: whatever is heard there."""

MARGIN = 0.2
"""Seconds at most before and behind a line that belong to it, as far as they are between lines."""


@dataclass(frozen=True)
class AlignedLine:
    """A line of a transcript, and when it was said.

    Attributes:
        text: of it.
        start: in seconds; 0 where nothing of it could be said.
        end: of it.
        score: mean log-probability of its tokens and of the pauses between them, in nats for each token; 0 is certain,
            −inf was not heard, and None is a line without a token.
    """

    text: str
    start: float
    end: float
    score: float | None


@dataclass(frozen=True)
class Lattice:
    """The states that a way goes through, from one of the first two to one of the last two.

    Attributes:
        columns: (states,) int64, the column of emissions that each state writes.
        skips: (states,) bool, those that may follow the state before the last one.
        borders: (lines + 1,) int64, the states before, between and behind lines.
        costs: (lines,) nats that it costs to go from a border to the next one at once.
    """

    columns: np.ndarray
    skips: np.ndarray
    borders: np.ndarray
    costs: np.ndarray


@torch.inference_mode()
def align(
    task: CTCTranscriber, sound: Playback, lines: Sequence[str], advance: Callable[[float], object], least: float = -2.0
) -> list[AlignedLine]:
    """The times of lines, in their order.

    Args:
        task: hears.
        sound: the recording.
        lines: all that is said in it, one after the other.
        advance: called with how many seconds were heard.
        least: score of a line below which it is likelier that nobody says it.

    Raises:
        LangueError: nothing of the lines can be said, or the recording has no room for all of them.
    """
    tokens = task.encode([written(line, task.settings) for line in lines])
    if not any(tokens):
        raise LangueError("the transcript holds nothing that the model could hear; give what is said, a line at a time")
    labels, owners = _states(tokens, task.ctc.blank)
    names, columns = np.unique(labels, return_inverse=True)
    costs = np.array([-least * len(line) for line in tokens if line])
    lattice = Lattice(columns, _skips(labels), np.flatnonzero(labels == ANYTHING), np.maximum(costs, 0.0))
    parts, times = [], []
    for start, samples in cut(sound, task.longest):
        part = _emissions(task, samples, names)
        parts.append(part)
        times.append((start + np.arange(len(part)) * task.audio.hop) / RATE)
        advance(len(samples) / RATE)
    emissions, seconds = np.concatenate(parts), np.concatenate(times)
    path = best_path(emissions, lattice)
    reached = emissions[np.arange(len(path)), columns[path]]
    step = task.audio.hop / RATE
    stretches = [_stretch(path, owners, number) for number in range(len(lines))]
    margins = _margins(stretches, seconds, step, sound.samples / RATE)
    scores = [
        (float(reached[slice(*part)].sum()) / len(line) if part is not None else -math.inf) if line else None
        for part, line in zip(stretches, tokens, strict=True)
    ]
    return [AlignedLine(line, *margin, score) for line, margin, score in zip(lines, margins, scores, strict=True)]


def _states(tokens: Sequence[Sequence[int]], blank: int) -> tuple[np.ndarray, np.ndarray]:
    """(states,) int64 twice: the token of each state of the way, and the line that it belongs to, −1 for a border.

    Args:
        tokens: of each line.
        blank: the token that says nothing.
    """
    labels, owners = [ANYTHING], [-1]
    for number, line in enumerate(tokens):
        for token in line:
            labels += [token, blank]
            owners += [number, number]
        if line:
            labels[-1], owners[-1] = ANYTHING, -1
    return np.array(labels, np.int64), np.array(owners, np.int64)


def _skips(labels: np.ndarray) -> np.ndarray:
    """(states,) bool: those that may follow the token before them without a pause, because they write another."""
    skips = np.zeros(len(labels), bool)
    skips[3::2] = labels[3::2] != labels[1:-2:2]
    return skips


def _emissions(task: CTCTranscriber, samples: np.ndarray, names: np.ndarray) -> np.ndarray:
    """(positions, names) log-probabilities of some tokens, `ANYTHING` among them."""
    batch = task.ctc.batch([{"audio": samples, "target": []}]).to(task.model.device)
    logs = task.ctc.log_probabilities(task.model, batch)[0, : int(task.ctc.lengths(batch)[0])].cpu().double().numpy()
    anything = np.maximum(logs[:, task.ctc.blank], logs.max(1) - FILLER)
    return np.column_stack([logs, anything])[:, names]  # of which `ANYTHING` is the last


def best_path(emissions: np.ndarray, lattice: Lattice) -> np.ndarray:
    """(positions,) int64: the states of the likeliest way.

    Each position stays in a state, goes on to the next, or leaves out one, or a line, where that is allowed.

    Args:
        emissions: (positions, V) log-probabilities.
        lattice: the states.

    Raises:
        LangueError: there are too few positions.
    """
    count, span = len(emissions), max(1, math.isqrt(len(emissions)))
    scores = np.full(len(lattice.columns), -np.inf)
    scores[:2] = emissions[0, lattice.columns[:2]]
    kept = [scores]
    for place in range(1, count):
        scores, _ = _step(scores, emissions[place], lattice)
        if place % span == 0:
            kept.append(scores)
    if not np.isfinite(scores[-2:]).any():
        raise LangueError("the recording is too short for its transcript; give what is said in it and no more")
    state = len(scores) - 2 + int(scores[-2:].argmax())
    path = np.empty(count, np.int64)
    for number in reversed(range(len(kept))):
        begin, end = number * span, min((number + 1) * span, count - 1)
        steps = list(_steps(kept[number], emissions[begin + 1 : end + 1], lattice))
        path[end] = state
        for place in range(end, begin, -1):
            state -= int(steps[place - begin - 1][state])
            path[place - 1] = state
    return path


def _steps(scores: np.ndarray, emissions: np.ndarray, lattice: Lattice) -> Iterator[np.ndarray]:
    """The number of states by which the best way came to each state, position by position."""
    for row in emissions:
        scores, came = _step(scores, row, lattice)
        yield came


def _step(scores: np.ndarray, row: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """(states,) scores after one more position, and (states,) int32, by how many states the best way came there."""
    best, came = scores.copy(), np.zeros(len(scores), np.int32)
    skipped = np.where(lattice.skips[2:], scores[:-2], -np.inf)
    for far, moved in ((1, scores[:-1]), (2, skipped)):
        better = moved > best[far:]
        best[far:][better], came[far:][better] = moved[better], far
    borders = lattice.borders
    leapt = scores[borders[:-1]] - lattice.costs
    better = leapt > best[borders[1:]]
    best[borders[1:][better]], came[borders[1:][better]] = leapt[better], np.diff(borders)[better]
    return best + row[lattice.columns], came


def _stretch(path: np.ndarray, owners: np.ndarray, line: int) -> tuple[int, int] | None:
    """The first position of a line, and the one behind its last."""
    places = np.flatnonzero(owners[path] == line)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else None


def _margins(
    stretches: Sequence[tuple[int, int] | None], seconds: np.ndarray, step: float, whole: float
) -> list[tuple[float, float]]:
    """Start and end of each stretch in seconds, with half of what lies between it and the next, `MARGIN` at most."""
    times = [(0.0, 0.0) if part is None else (seconds[part[0]], seconds[part[1] - 1] + step) for part in stretches]
    there = [number for number, part in enumerate(stretches) if part is not None]
    wider = list(times)
    for place, number in enumerate(there):
        start, end = times[number]
        before = times[there[place - 1]][1] if place else 0.0
        after = times[there[place + 1]][0] if place + 1 < len(there) else whole
        early, late = min(MARGIN, max(0.0, start - before) / 2), min(MARGIN, max(0.0, after - end) / 2)
        wider[number] = (round(float(start - early), 3), round(float(min(whole, end + late)), 3))
    return wider
