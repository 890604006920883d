"""`langue transcribe`: write down what is said in recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from cyclopts import Parameter

from langue.cli.inputs import Input, Inputs, check_out, read_table
from langue.cli.options import Adapter, Device, Json, ModelFolder, chosen, refuse_options
from langue.cli.searching import HearOptions
from langue.cli.subtitles import TranscriptWriter, file_names, render
from langue.console import Advance, progress
from langue.errors import LangueError

if TYPE_CHECKING:
    import numpy as np

RECORDINGS_TOGETHER = 64
"""Recordings that are sorted by length together, and then written down."""


def transcribe(
    run: ModelFolder,
    /,
    *recordings: Path,
    file: Path | None = None,
    out: Path | None = None,
    mistakes: Path | None = None,
    how: HearOptions = HearOptions(),  # noqa: B008 - it is frozen
    form: Annotated[Literal["text", "json", "srt", "vtt", "tsv"], Parameter(name="--format")] = "text",
    truncated: Literal["refuse", "accept"] | None = None,
    adapter: Adapter = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Write down what is said: one line for each recording, in their order, or its segments with their times.

    Args:
        recordings: Files (wav, flac, ogg, mp3, …) of any rate, and folders of them.
        file: A table with more of them in its column audio, and maybe start and end, in seconds.
        out: Write here instead of to the terminal.
        mistakes: Write a page as well on which everything misheard can be listened to, of a FILE with the column text.
        how: How to find out what is said.
        form: text, json as below, or segments with their times as srt, vtt or tsv; for several recordings into a folder
            OUT.
        truncated: Refuse recordings that are shorter than they say, or accept what there is of them; by default what
            the training did.
        as_json: One JSON object for each recording: audio, text, seconds, score, language and segments, with start and
            end in seconds and, where the model tells, words, each with start and end as well.
    """
    from langue.hub.folder import in_language
    from langue.tasks import load

    if mistakes is not None and recordings:
        raise LangueError("--mistakes needs what is said in every recording: give them by --file alone")
    inputs = Inputs("recording", [*_named(recordings), *(read_table(file) if file else ())])
    kind = "json" if as_json else form
    refuse_options({"words": how.words and kind not in ("json", "vtt")}, "--json or --format vtt")
    of_search = {"weight": how.weight is not None, "bonus": how.bonus is not None}
    refuse_options({} if how.language_model else of_search, "--language-model, which is not given")
    if kind not in ("text", "json") and len(inputs) > 1 and (out is None or out.is_file()):
        raise LangueError(f"{kind} of several recordings needs --out with a folder, in which each gets a file")
    model = run if how.language is None else in_language(run, how.language)
    task = load(model, device, task="transcribe", adapter=adapter)
    inputs.change(lambda value, place: _example(value, truncated or task.settings.truncated, mistakes is not None))
    sources = [example.recording.audio for example in inputs.sound_values]
    for place in (out, mistakes):
        check_out(place, file, *(source for source in sources if isinstance(source, str | Path)))
    options = chosen(how)
    if model != run:
        del options["language"]
    if how.language_model is not None:
        options["language_model"] = load(how.language_model, device)
    texts: dict[int, str] = {}
    with ExitStack() as stack:
        options["advance"] = stack.enter_context(_progress(inputs))
        several = len(inputs) > 1 and kind not in ("text", "json")
        names = file_names(kind, (example.recording for example in inputs.sound_values)) if several else []
        writer = stack.enter_context(TranscriptWriter(kind, out, names))
        files = dict(zip(inputs.sound, names, strict=True)) if names else {}
        for start in range(0, len(inputs), RECORDINGS_TOGETHER):
            part = range(start, min(start + RECORDINGS_TOGETHER, len(inputs)))
            texts |= _write_part(task, inputs, part, writer, files, options)
    status = inputs.end()
    if mistakes is not None:
        _write_mistakes(mistakes, run, [(inputs.values[number], text) for number, text in texts.items()])
    return status


def _write_part(
    task: Any, inputs: Inputs, part: range, writer: TranscriptWriter, files: Mapping[int, str], options: dict[str, Any]
) -> dict[int, str]:
    """Transcribe some of the recordings and write them, or why they failed; the texts by number.

    Args:
        task: with the model.
        inputs: all recordings.
        part: the numbers of those to transcribe.
        writer: of transcripts.
        files: names of files in which transcripts stand alone, by number.
        options: of hearing.
    """
    numbers = [number for number in part if number not in inputs.reasons]
    transcripts = dict(zip(numbers, task.hear((_blocks(inputs, n) for n in numbers), **options), strict=True))
    texts, rendered = {}, {}
    for number in part:
        if number not in inputs.reasons:
            with inputs.noted(number, inputs.places[number]):
                rendered[number] = render(writer.kind, inputs.values[number].recording, transcripts[number])
        if number in rendered:
            writer.write(rendered[number], files.get(number, ""))
            texts[number] = transcripts[number].text
        if number in inputs.reasons:
            writer.fail(inputs.places[number], inputs.reasons[number])
    return texts


class _Example(NamedTuple):
    """A recording, and its text where mistakes are to be shown."""

    recording: Any
    expected: str


def _example(value: Any, truncated: Literal["refuse", "accept"], with_text: bool) -> _Example:
    """The recording of a path, or of a row of a table.

    Raises:
        LangueError: the row has no such columns.
    """
    from langue.data.labelled import Labelled, require, text_of
    from langue.data.recordings import recording_of

    if not isinstance(value, Labelled):
        return _Example(value._replace(truncated=truncated), "")
    require(value, "audio", *(("text",) if with_text else ()))
    return _Example(recording_of(value, truncated), text_of(value, "text") if with_text else "")


def _progress(inputs: Inputs) -> AbstractContextManager[Advance]:
    seconds = [example.recording.seconds for example in inputs.sound_values]
    total = None if None in seconds else sum(seconds)
    return progress(f"transcribing {len(inputs):,} recordings", total, "seconds")


def _blocks(inputs: Inputs, number: int) -> Iterator[np.ndarray]:
    """A recording as far as it can be read; that the rest cannot be is noted and stops no other."""
    with inputs.noted(number, inputs.places[number]):
        yield from inputs.values[number].recording.blocks()


def _write_mistakes(path: Path, run: Path, transcripts: Sequence[tuple[_Example, str]]) -> None:
    from langue.files import write_text
    from langue.report.mistakes import Transcription, mistakes_page

    examples = [
        Transcription(Path(str(example.recording.audio)).name, example.expected, text, example.recording.read())
        for example, text in transcripts
    ]
    write_text(path, mistakes_page(run.name, examples))


def _named(paths: tuple[Path, ...]) -> Iterator[Input]:
    """Files as they are, and of a folder all recordings below it, by name; a folder without any is one that failed."""
    from langue.data.audio import SUFFIXES
    from langue.data.folders import of_kinds, report_passed, walk
    from langue.data.recordings import Recording

    for path in paths:
        if not path.is_dir():
            yield Input(str(path), Recording(str(path), path, 0.0, None))
            continue
        there, unreadable = walk(path)
        files, others = of_kinds(there, SUFFIXES)
        report_passed(path, [*others, *unreadable])
        if not files:
            yield Input(str(path), None, f"{path} holds no {', '.join(SUFFIXES)} file")
        yield from (Input(str(file), Recording(str(file), file, 0.0, None)) for file in files)
