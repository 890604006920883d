"""Transcribing by a Whisper: words and speed beside faster-whisper with the same weights, beams and threads.

`--data` is a table of recordings (audio, text), `--model` a folder with Whisper's `model.bin` in CTranslate2's layout.
Both compute in float32. Each hears all recordings once in each round, from the file to the text.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Contestant, Options, Result, Skip, alternate, speedup, spread

BEAMS = 5


def run(options: Options) -> Result:
    """One table: ours and faster-whisper."""
    if options.data is None or options.model is None:
        raise Skip("whisper needs --data FILE (of recordings) and --model FOLDER (with model.bin)")
    if importlib.util.find_spec("faster_whisper") is None:
        raise Skip("whisper needs faster-whisper: pip install 'langue[benchmark]'")
    from langue.data import DataSettings
    from langue.data.labelled import read_labelled
    from langue.data.recordings import recording_of

    rows = list(read_labelled(str(options.data), DataSettings(train="")))[: 6 if options.quick else None]
    expected = [str(row.values["text"]) for row in rows]
    files = [str(recording_of(row).audio) for row in rows]
    seconds = sum(len(recording_of(row).read()) for row in rows) / 16_000
    with tempfile.TemporaryDirectory() as place:
        contestants = [
            Contestant(name, f"benchmarks.{make}", {
                "folder": str(options.model), "files": files, "answers": str(Path(place) / f"{number}.json"),
            })
            for number, (name, make) in enumerate(
                {"Langue": "whisper:langue_maker", "faster-whisper": "peers.faster_whisper:maker"}.items()
            )
        ]  # fmt: skip
        rounds = options.rounds or (1 if options.quick else 3)
        times = alternate(contestants, rounds=rounds, seconds=0.0, warm_up=0.0)
        written = {each.name: json.loads(Path(each.arguments["answers"]).read_text("utf-8")) for each in contestants}
    return _result(times, written, expected, seconds, rounds)


def _result(
    times: dict[str, list[float]], written: dict[str, list[str]], expected: list[str], seconds: float, rounds: int
) -> Result:
    from langue.metrics.speech import speech_scores

    rows = [
        {
            "contestant": name, "value": seconds / statistics.median(values),
            "against": speedup(times, "Langue", over=name), "spread": 100 * spread(values),
            **{f"{kind}": 100 * speech_scores(written[name], expected, kind)["wer"] for kind in ("basic", "english")},
        }
        for name, values in times.items()
    ]  # fmt: skip
    columns = {
        "contestant": "by", "value": "seconds heard a second", "against": "Langue is × as fast", "spread": "± %",
        "basic": "WER, basic rules", "english": "WER, English rules",
    }  # fmt: skip
    notes = [
        f"{len(expected)} recordings of {seconds:.0f} s in all, from the file to the text; beam of {BEAMS}, float32, "
        f"the published temperatures and thresholds; medians of {rounds} rounds in turns. Langue hears windows of "
        "several recordings together."
    ]
    return {"title": "Transcribing", "columns": columns, "rows": rows, "notes": notes}


def langue_maker(*, folder: str, files: list[str], answers: str) -> Callable[[], object]:
    """All files once; the texts go into a file."""
    import langue

    model = langue.load(folder, device="cpu")

    def step() -> None:
        Path(answers).write_text(json.dumps(model.transcribe(files, beams=BEAMS)), encoding="utf-8")

    return step
