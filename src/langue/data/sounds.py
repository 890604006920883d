"""The sound store: samples of many recordings in one flat file, read by memory map, beside what is said in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from langue.content import read_json
from langue.data.store import MANIFEST, manifest_digest
from langue.errors import LangueError, reading
from langue.files import digest, replacing
from langue.files.hashing import read_digest

FORMAT, VERSION = "langue-sounds", 1
SAMPLES, ENDS, TEXTS = "samples.bin", "ends.idx", "texts.json"
LOUDEST = 32_767
"""The number that 1.0 becomes: samples are kept in sixteen bits, as nearly all recordings are."""


class SoundStore:
    """Recordings by number: samples (n,) int16 at 16 kHz, and what is said in each.

    Args:
        folder: where `write_sounds` put them.

    Raises:
        LangueError: there is none, or a file is not as it was written.
    """

    def __init__(self, folder: Path):
        try:
            manifest = read_json(folder / MANIFEST)
        except FileNotFoundError:
            raise LangueError(f"{folder} holds no sound store; begin the training anew") from None
        if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
            raise LangueError(f"{folder / MANIFEST} does not describe a sound store of version {VERSION}")
        if manifest.get("sha256") != manifest_digest(manifest):
            raise LangueError(f"{folder / MANIFEST} is damaged: it is not as it was written; begin the training anew")
        with reading(folder / MANIFEST, "begin the training anew"):
            for name in (SAMPLES, ENDS, TEXTS):
                _verify(folder / name, *manifest["files"][name])
            count = manifest["samples"]
            self.samples = np.memmap(folder / SAMPLES, "<i2", "r", shape=(count,)) if count else np.empty(0, np.int16)
            self.ends = np.fromfile(folder / ENDS, "<i8")
            self.texts: list[str] = read_json(folder / TEXTS, list)
            if len(self.texts) != len(self.ends) or (len(self.ends) and self.ends[-1] != count):
                raise ValueError("its recordings are not as many as its texts")

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, number: int) -> np.ndarray:
        start = self.ends[number - 1] if number else 0
        return np.asarray(self.samples[start : self.ends[number]])

    @property
    def lengths(self) -> np.ndarray:
        """(recordings,) int64 samples of each."""
        return np.diff(self.ends, prepend=0)


def write_sounds(folder: Path, sounds: Iterable[tuple[np.ndarray, str]]) -> None:
    """Write recordings, float32 from −1 to 1, and their texts; the manifest comes last, without which there is none."""
    with replacing(folder) as stage:
        stage.mkdir()
        ends, texts, total = [], [], 0
        with (stage / SAMPLES).open("wb") as file:
            for samples, text in sounds:
                file.write((np.clip(samples, -1, 1) * LOUDEST).round().astype("<i2").tobytes())
                total += len(samples)
                ends.append(total)
                texts.append(text)
        (stage / ENDS).write_bytes(np.array(ends, "<i8").tobytes())
        (stage / TEXTS).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "samples": total,
            "recordings": len(texts),
            "files": {name: _fingerprint(stage / name) for name in (SAMPLES, ENDS, TEXTS)},
        }
        manifest["sha256"] = manifest_digest(manifest)
        (stage / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _fingerprint(path: Path) -> list[int | str]:
    return [path.stat().st_size, read_digest(path)]


def _verify(path: Path, size: int, sha256: str) -> None:
    if not path.is_file() or path.stat().st_size != size:
        raise LangueError(f"{path} is missing or of another size than it was written; begin the training anew")
    if digest(path) != sha256:
        raise LangueError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}; begin the training anew")
