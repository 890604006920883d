"""An engineer with a labelled table and a model of Hugging Face's: labels that can be trusted."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

from person import Person


def prepare(folder: Path, data: Path) -> None:
    """Sentences about films, and whether they praise; a sentence embedder, which MINILM names."""
    for name, part in (("claims.csv", "train"), ("unseen.csv", "dev")):
        with (data / "glue" / "SST-2" / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["claim", "verdict"])
            writer.writerows([row["sentence"], "good" if row["label"] == "1" else "bad"] for row in rows)
    shutil.copytree(os.environ["MINILM"], folder / "minilm")


ENGINEER = Person("table.md", prepare, ["metrics", "report"], useful=3, within=90)

if __name__ == "__main__":
    ENGINEER.main()
