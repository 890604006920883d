"""`langue transcribe`: write down what is said in recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from langue.cli.inputs import check_task, demand
from langue.cli.searching import HearOptions
from langue.cli.subtitles import Writer
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
    mistakes: Path | None = None,
    how: HearOptions = HearOptions(),  # noqa: B008 - it is frozen
    form: Annotated[Literal["text", "json", "srt", "vtt", "tsv"], Parameter(name="--format")] = "text",
    device: str = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Write down what is said: one line for each recording, in their order, or its segments with their times.

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
    mistakes
        Write a page as well on which everything misheard can be listened to, of a FILE with the column text.
    how
        How to find out what is said.
    form
        text, json as below, or segments with their times as srt, vtt or tsv; for several recordings into a folder OUT.
    device
        cpu, cuda, …
    as_json
        One JSON object for each recording: audio, text, seconds, score, language and segments, with start and end in
        seconds and, where the model tells, words, each with start and end as well.
    """
    from langue.data.recordings import Recording
    from langue.tasks import load

    listed = list(_listed(file, with_texts=mistakes is not None))
    asked: list[Recording] = demand([*_named(recordings), *(each for each, _ in listed)], "recording")
    if mistakes is not None and len(listed) < len(asked):
        raise LangueError("--mistakes needs what is said in every recording: give them by --file alone")
    kind = "json" if as_json else form
    if kind not in ("text", "json") and len(asked) > 1 and (out is None or out.is_file()):
        raise LangueError(f"{kind} of several recordings needs --out with a folder, in which each gets a file")
    task = load(run, device)
    check_task(task, "transcribe")
    options = how.given()
    if how.language_model is not None:
        options["language_model"] = load(how.language_model, device)
    with ExitStack() as stack:
        seconds = [each.seconds for each in asked]
        total = sum(each for each in seconds if each is not None) if None not in seconds else None
        options["advance"] = stack.enter_context(progress(f"transcribing {len(asked):,} recordings", total, "seconds"))
        writer: Any = None
        texts: list[str] = []
        for start in range(0, len(asked), TOGETHER):
            some = asked[start : start + TOGETHER]
            found = task.hear((each.blocks() for each in some), **options)
            if writer is None:  # now that there is something to write, what stood there may go
                writer = stack.enter_context(Writer(kind, out, several=len(asked) > 1))
            for each, heard in zip(some, found, strict=True):
                writer.write(each, heard)
            texts += [heard.text for heard in found]
    if mistakes is not None:
        _write_mistakes(mistakes, run, listed, texts)


def _write_mistakes(path: Path, run: Path, listed: list[tuple[Any, str]], texts: list[str]) -> None:
    from langue.report.mistakes import Said, mistakes_page

    every = [
        Said(Path(str(each.audio)).name, expected, written, each.read())
        for (each, expected), written in zip(listed, texts, strict=True)
    ]
    path.write_text(mistakes_page(run.name, every), encoding="utf-8")


def _named(paths: tuple[Path, ...]) -> Iterator[Any]:
    """Files as they are, and of a folder all recordings below it, by name.

    Raises:
        LangueError: a folder holds none.
    """
    from langue.data.audio import SUFFIXES
    from langue.data.folders import of_kinds, tell_passed, walk
    from langue.data.recordings import Recording

    for path in paths:
        if not path.is_dir():
            yield Recording(str(path), path, 0.0, None)
            continue
        there, unreadable = walk(path)
        found, others = of_kinds(there, SUFFIXES)
        tell_passed(path, [*others, *unreadable])
        if not found:
            raise LangueError(f"{path} holds no {', '.join(SUFFIXES)} file")
        yield from (Recording(str(file), file, 0.0, None) for file in found)


def _listed(file: Path | None, *, with_texts: bool) -> Iterator[tuple[Any, str]]:
    """The recordings of a table, and what is said in each where that is asked for."""
    if file is None:
        return
    from langue.data import DataSettings
    from langue.data.labelled import read_labelled, text_of
    from langue.data.recordings import recording_of

    for row in read_labelled(str(file), DataSettings(train="")):
        yield recording_of(row), text_of(row, "text") if with_texts else ""
