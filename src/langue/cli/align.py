"""`langue data align`: cut a long recording by its transcript."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from langue.cli.options import Device, Json, ModelFolder
from langue.errors import LangueError
from langue.wording import counted

if TYPE_CHECKING:
    from langue.tasks.transcribe.forced_alignment import AlignedLine

SEGMENTS, LEFT_OUT = "segments.tsv", "left-out.tsv"


def align(
    recording: Path,
    transcript: Path,
    /,
    *,
    model: ModelFolder,
    out: Path,
    least: float = -2.0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Cut a long recording by its transcript into stretches to learn from, each with its text and a score.

    OUT/segments.tsv is a table for data.train; OUT/left-out.tsv has the lines that were not heard well, with reasons.

    Args:
        recording: A file of any length (wav, flac, mp3, m4a, …).
        transcript: A text file with what is said, a sentence or more in each line, in order; something may be missing.
        model: A model that was taught by CTC.
        out: The folder to make.
        least: The least score of a line that is kept, its mean log-probability in nats for each token; a line that
            would have less may be left out altogether.
        as_json: Print what happened as one JSON object.
    """
    from langue.cli.inputs import check_out
    from langue.console import progress
    from langue.data.audio import RATE, read_blocks, seconds_of
    from langue.data.playback import Playback
    from langue.files import make_folders, write_text
    from langue.tasks import load
    from langue.tasks.transcribe.ctc_transcriber import CTCTranscriber
    from langue.tasks.transcribe.forced_alignment import align as align_lines

    lines = _lines(transcript)
    for name in (SEGMENTS, LEFT_OUT):
        check_out(out / name, recording, transcript)
    task = load(model, device, task="transcribe")
    if not isinstance(task, CTCTranscriber):
        raise LangueError(f"{model} writes by attention; name a model that was taught by CTC, as transcribe-ctc makes")
    sound = Playback(read_blocks(recording))
    with progress(f"hearing {recording.name}", seconds_of(recording), "seconds") as advance:
        aligned = align_lines(task, sound, lines, advance, least)
    reasons = [_reason(line, least, task.longest / RATE) for line in aligned]
    kept = [line for line, reason in zip(aligned, reasons, strict=True) if not reason]
    if not kept:
        raise LangueError(
            f"nothing of the {counted(len(lines), 'sentence')} of {transcript} was heard in {recording} with a score "
            f"of {least:g} or more; give what is said in it, a model that knows the language, or a lower --least"
        )
    make_folders(out)
    write_text(out / SEGMENTS, _table(recording, kept, None))
    bad = [(line, reason) for line, reason in zip(aligned, reasons, strict=True) if reason]
    write_text(out / LEFT_OUT, _table(recording, [line for line, _ in bad], [reason for _, reason in bad]))
    _tell(out, kept, Counter(reason for _, reason in bad), sound.samples / RATE, as_json)


def _lines(transcript: Path) -> list[str]:
    """The sentences of a transcript, of which none goes on in another line.

    Raises:
        LangueError: it cannot be read, or is empty.
    """
    from langue.data.lines import valid_lines
    from langue.text.sentences import sentences

    texts = [line.text for line in valid_lines(transcript)]
    lines = [" ".join(text[start:end].split()) for text in texts for start, end in sentences(text)]
    if not lines:
        raise LangueError(f"{transcript} is empty; write down in it what is said")
    return lines


def _reason(line: AlignedLine, least: float, longest: float) -> str:
    """The reason to leave out a line; empty for none."""
    if line.score is None:
        return "nothing that could be said"
    if line.score < least:
        return "not heard, or badly"
    return "longer than the model hears" if line.end - line.start > longest else ""


def _table(recording: Path, lines: Iterable[AlignedLine], reasons: Sequence[str] | None) -> str:
    """Tab-separated rows with a header; paths lead on from anywhere."""
    rows = [["audio", "start", "end", "text", "score", *(["reason"] if reasons is not None else [])]]
    for number, line in enumerate(lines):
        score = f"{line.score:.4f}" if line.score is not None and math.isfinite(line.score) else ""
        row = [str(recording.resolve()), f"{line.start:.3f}", f"{line.end:.3f}", line.text, score]
        rows.append([*row, *([reasons[number]] if reasons is not None else [])])
    return "".join("\t".join(row) + "\n" for row in rows)


def _tell(out: Path, kept: Sequence[AlignedLine], left_out: Counter[str], seconds: float, as_json: bool) -> None:
    held = sum(line.end - line.start for line in kept)
    if as_json:
        counts = {"segments": len(kept), "seconds": round(held, 3), "of": round(seconds, 3)}
        print(json.dumps({**counts, "left_out": dict(left_out), "table": str(out / SEGMENTS)}, ensure_ascii=False))
        return
    print(f"{out / SEGMENTS}: {len(kept):,} stretches, {held:,.1f} of {seconds:,.1f} seconds")
    for reason, count in left_out.items():
        print(f"left out, {reason}: {count:,} (see {out / LEFT_OUT})")
