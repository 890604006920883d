"""`langue transcribe`: write down what is said in recordings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from langue.cli.inputs import check_task, demand
from langue.console import progress
from langue.errors import LangueError

TOGETHER = 64
"""Recordings that are sorted by length together, and then written down."""


def transcribe(
    run: Path,
    recordings: tuple[Path, ...] = (),
    /,
    *,
    file: Path | None = None,
    out: Path | None = None,
    beams: int | None = None,
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Write down what is said: one line for each recording, in their order.

    Parameters
    ----------
    run
        A run folder, a checkpoint, or a model's folder with its tokenizer.
    recordings
        Files (wav, flac, ogg, mp3, …) of any rate, and folders of them.
    file
        A table with more of them in its column audio, and maybe start and end, in seconds.
    out
        Write here instead of to the terminal.
    beams
        Beginnings that are followed at once; 1 takes the likeliest letter of each moment. By default as the training
        was measured.
    device
        cpu, cuda, …
    as_json
        One JSON object for each recording: audio, text, seconds, score, and words with start and end in seconds.
    """
    from langue.data.recordings import Recording
    from langue.tasks import load

    asked: list[Recording] = demand([*_named(recordings), *_listed(file)], "recording")
    task = load(run, device)
    check_task(task, "transcribe")
    with ExitStack() as stack:
        advance = stack.enter_context(progress(f"transcribing {len(asked):,} recordings", float(len(asked))))
        written: Any = None
        for start in range(0, len(asked), TOGETHER):
            some = asked[start : start + TOGETHER]
            found = task.hear((each.read() for each in some), beams=beams)
            if written is None:  # now that there is something to write, what stood there may go
                written = sys.stdout if out is None else stack.enter_context(out.open("w", encoding="utf-8"))
            for each, heard in zip(some, found, strict=True):
                written.write((_object(each, heard) if as_json else heard.text) + "\n")
            written.flush()
            advance(len(some))


def _named(paths: tuple[Path, ...]) -> Iterator[Any]:
    """Files as they are, and of a folder all recordings below it, by name.

    Raises:
        LangueError: a folder holds none.
    """
    from langue.data.audio import SUFFIXES
    from langue.data.recordings import Recording

    for path in paths:
        if not path.is_dir():
            yield Recording(str(path), path, 0.0, None)
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not found:
            raise LangueError(f"{path} holds no {', '.join(SUFFIXES)} file")
        yield from (Recording(str(file), file, 0.0, None) for file in found)


def _listed(file: Path | None) -> Iterator[Any]:
    if file is None:
        return
    from langue.data import DataSettings
    from langue.data.labelled import read_labelled
    from langue.data.recordings import recording_of

    yield from (recording_of(row) for row in read_labelled(str(file), DataSettings(train="")))


def _object(recording: Any, heard: Any) -> str:
    name = str(recording.audio) if isinstance(recording.audio, str | Path) else recording.place
    words = [{"text": word.text, "start": word.start, "end": word.end} for word in heard.words]
    found = {"audio": name, "text": heard.text, "seconds": round(heard.seconds, 3), "score": round(heard.score, 4)}
    return json.dumps({**found, "words": words}, ensure_ascii=False)
