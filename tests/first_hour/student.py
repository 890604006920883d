"""A student with a megabyte of her own text: a model that writes like it, measured, and taken along."""

from __future__ import annotations

from pathlib import Path

from person import Person


def prepare(folder: Path, data: Path) -> None:
    """A megabyte of plays, and what comes after it."""
    text = (data / "shakespeare" / "input.txt").read_text(encoding="utf-8")
    end = min(1_000_000, len(text) * 9 // 10)
    (folder / "mine.txt").write_text(text[:end], encoding="utf-8")
    (folder / "unseen.txt").write_text(text[end:], encoding="utf-8")


STUDENT = Person("own-text.md", prepare, ["chat", "formats", "report", "serve"], useful=3, within=60)

if __name__ == "__main__":
    STUDENT.main()
