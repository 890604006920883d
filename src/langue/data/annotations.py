"""Recordings with a transcript along them: ELAN's .eaf and Praat's TextGrid, as rows with start and end in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

from langue.data.sound_files import SUFFIXES
from langue.errors import LangueError, reason
from langue.extra import need


class SpokenRow(NamedTuple):
    """A recording, or a stretch of one, and what is said in it, and the file that says so."""

    place: str
    values: dict[str, Any]


class TierInterval(NamedTuple):
    """A stretch of a tier, in seconds."""

    start: float
    end: float
    text: str


def annotated_rows(path: Path) -> Iterator[SpokenRow]:
    """The stretches of a file of ELAN's or Praat's in which something is said, in the order of tiers and times.

    Raises:
        LangueError: it is damaged, or its recording is not there.
    """
    return ANNOTATIONS[path.suffix.lower()](path)


def read_eaf(path: Path) -> Iterator[SpokenRow]:
    """The stretches of an ELAN file: of tiers that hang on no other, each with its tier and who speaks in it.

    Raises:
        LangueError: it is no ELAN file, or its recording is not there.
    """
    try:
        root = ElementTree.parse(path).getroot()
        slots = {slot.attrib["TIME_SLOT_ID"]: slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
        tiers = [(tier, list(_aligned(tier, slots))) for tier in root.iter("TIER") if "PARENT_REF" not in tier.attrib]
        if root.tag != "ANNOTATION_DOCUMENT":
            raise ValueError(f"it is {root.tag}")
        audio, origin = _media(path, root.iter("MEDIA_DESCRIPTOR"))
    except (ElementTree.ParseError, LookupError, ValueError, OverflowError, OSError) as error:
        raise LangueError(f"{path} is damaged or no file of ELAN's: {reason(error)}") from None
    for tier, intervals in tiers:
        name = tier.get("TIER_ID", "")
        known = {"tier": name, "speaker": tier.get("PARTICIPANT") or name}
        moved = (TierInterval(part.start + origin, part.end + origin, part.text) for part in intervals)
        yield from _rows(path, audio, moved, known)


def _aligned(tier: ElementTree.Element, slots: dict[str, str | None]) -> Iterator[TierInterval]:
    """A tier's stretches; those whose times nobody has set are none."""
    for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
        start, end = (slots[annotation.attrib[name]] for name in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"))
        if start is not None and end is not None:
            yield TierInterval(int(start) / 1000, int(end) / 1000, annotation.findtext("ANNOTATION_VALUE") or "")


def _media(path: Path, media: Iterable[ElementTree.Element]) -> tuple[Path, float]:
    """The recording that a file of ELAN's names, and the second of it at which its times begin."""
    for descriptor in media:
        relative, whole = (descriptor.get(name, "") for name in ("RELATIVE_MEDIA_URL", "MEDIA_URL"))
        for place in (path.parent / unquote(urlparse(relative).path), Path(unquote(urlparse(whole).path))):
            if place.is_file():
                return place, int(descriptor.get("TIME_ORIGIN", 0)) / 1000
    return _beside(path), 0.0


def read_textgrid(path: Path) -> Iterator[SpokenRow]:
    """The stretches of a TextGrid of Praat's, each with its tier; of tiers that divide others, the others alone.

    Raises:
        LangueError: it is no TextGrid, or no recording of its name lies beside it.
    """
    textgrid = need("praatio.textgrid", "audio", f"reading {path}")
    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    except Exception as error:  # its parser raises whatever it stumbles over
        raise LangueError(f"{path} is damaged or no TextGrid of Praat's: {reason(error)}") from None
    tiers = {
        tier.name: [TierInterval(*entry) for entry in tier.entries]
        for tier in grid.tiers
        if isinstance(tier, textgrid.IntervalTier) and tier.entries
    }
    audio = _beside(path)
    for name in _undivided(tiers):
        yield from _rows(path, audio, tiers[name], {"tier": name, "speaker": name})


def _undivided(tiers: dict[str, list[TierInterval]]) -> list[str]:
    """The tiers of which not all stretches lie within those of tiers with longer ones, as words do within sentences."""
    kept: list[str] = []
    for name in sorted(tiers, key=lambda name: -_mean_length(tiers[name])):
        longer = [part for other in kept for part in tiers[other]]
        if not all(_lies_within(part, longer) for part in tiers[name]):
            kept.append(name)
    return [name for name in tiers if name in kept]


def _mean_length(parts: Sequence[TierInterval]) -> float:
    return sum(part.end - part.start for part in parts) / len(parts)


def _lies_within(part: TierInterval, others: Iterable[TierInterval]) -> bool:
    return any(other.start <= part.start and part.end <= other.end for other in others)


def _rows(path: Path, audio: Path, intervals: Iterable[TierInterval], known: dict[str, str]) -> Iterator[SpokenRow]:
    for start, end, text in intervals:
        if text.strip() and end > start:
            values = {"audio": str(audio), "start": start, "end": end, "text": " ".join(text.split()), **known}
            yield SpokenRow(f"{path}, {known['tier']}, {start:.2f} s", values)


def _beside(path: Path) -> Path:
    """The recording of the same name.

    Raises:
        LangueError: there is none.
    """
    for file in sorted(path.parent.iterdir()):
        if file.stem == path.stem and file.suffix.lower() in SUFFIXES:
            return file
    raise LangueError(f"the recording of {path} is not there; put it beside it, as {path.stem}.wav")


ANNOTATIONS: dict[str, Callable[[Path], Iterator[SpokenRow]]] = {".eaf": read_eaf, ".textgrid": read_textgrid}
"""Readers by the endings of files."""
