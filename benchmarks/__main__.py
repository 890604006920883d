"""`python -m benchmarks [NAME …] [--quick] [--data PATH] [--rounds N]`."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks import table
from benchmarks.harness import Options, Skip, record, recorded, say
from langue.errors import LangueError

NAMES = (
    "start",
    "data",
    "step_speed",
    "busy",
    "time_to_loss",
    "fine_tuning",
    "fine_tuning_rte",
    "fine_tuning_squad",
    "classify",
    "embed",
    "checkpoints",
    "decode",
    "serving",
    "serving_translation",
    "serving_speech",
    "beam",
    "translation",
    "whisper",
    "search_index",
    "retrieval",
    "rewards",
    "reward_gains",
    "preferences",
    "distillation",
    "adapters",
    "gpu",
)


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks, or all; 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="a short trial: nothing is recorded")
    parser.add_argument(
        "--data",
        type=Path,
        help="text (time_to_loss, data, checkpoints, search_index, preferences), a folder of benchmarks (fine_tuning, "
        "classify, embed, distillation), of pairs (beam, translation, serving_translation) or of both (retrieval), a "
        "table of recordings (whisper, serving_speech), a folder of sentence-transformers (serving), or one with a "
        "folder of pairs and one of recordings (reward_gains)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        help="a Hugging Face folder of a BERT (fine_tuning, classify, embed, distillation), a run (beam, "
        "serving_translation, reward_gains), a GGUF file (checkpoints, decode, serving), a Whisper of "
        "faster-whisper's (whisper, serving_speech), or a model that embeds (search_index, retrieval)",
    )
    parser.add_argument("--rounds", type=int, help="how many times the contestants take turns")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; known: {', '.join(NAMES)}")
    if given.data is not None and not given.data.exists():
        parser.error(f"{given.data} does not exist")
    options = Options(quick=given.quick, data=given.data, model=given.model, rounds=given.rounds)
    try:
        for name in given.names or NAMES:
            _run(name, options, asked_for=bool(given.names))
    except LangueError as error:
        say(f"error: {error}")
        return 2
    return 0


def _run(name: str, options: Options, asked_for: bool) -> None:
    say(f"── {name}")
    try:
        result = importlib.import_module(f"benchmarks.{name}").run(options)
    except Skip as reason:
        if asked_for:
            raise LangueError(str(reason)) from None
        say(f"skipped: {reason}")
        return
    say(table.render(result))
    if not options.quick:
        record(name, result)
        table.write(name, recorded(name))


if __name__ == "__main__":
    sys.exit(main())
