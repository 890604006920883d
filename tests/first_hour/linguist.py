"""A researcher of a small language with pairs of sentences and recordings: a translator and a recogniser."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from person import Person

PAIRS = 20_000


def prepare(folder: Path, data: Path) -> None:
    """Sentences of an office suite's help in two languages, and what one speaker said."""
    for name, part in (("pairs.tsv", "train"), ("unseen.tsv", "test")):
        lines = (data / "translate-en-de" / f"{part}.tsv").read_text(encoding="utf-8").split("\n")[: PAIRS + 1]
        (folder / name).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    spoken, recordings = data / "speech-asterisk-en", folder / "recordings"
    recordings.mkdir()
    with (spoken / "train.tsv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            sound = spoken / row["audio"]
            shutil.copy(sound, recordings / f"{number:03d}{sound.suffix}")
            (recordings / f"{number:03d}.txt").write_text(row["text"] + "\n", encoding="utf-8")


LINGUIST = Person("small-language.md", prepare, ["audio", "metrics", "report"])

if __name__ == "__main__":
    LINGUIST.main()
