"""What a race found, as it stands in race.json."""

from __future__ import annotations

import json
from pathlib import Path

from langue.errors import LangueError
from langue.settings import Settings, parse

RESULT = "race.json"


class MemberResult(Settings):
    """One model of a race, after its budget was spent.

    Attributes:
        name: its preset.
        run: its run folder, relative to the race's.
        parameters: how many numbers it learned.
        steps, tokens, seconds: what it spent.
        tokens_per_second: training speed.
        bits_per_byte: over the whole dev text, each token predicted once.
        positions: bits per byte by position in the context, the first position first; every model was asked the
            same tokens at each.
        sample: text it wrote.
    """

    name: str
    run: str
    parameters: int
    steps: int
    tokens: int
    seconds: float
    tokens_per_second: float
    bits_per_byte: float
    positions: tuple[float, ...]
    sample: str

    def early(self) -> float:
        """Bits per byte over the first eighth of the context."""
        count = max(1, len(self.positions) // 8)
        return sum(self.positions[:count]) / count

    def late(self) -> float:
        """Bits per byte over the last half of the context."""
        half = self.positions[len(self.positions) // 2 :]
        return sum(half) / len(half)


class RaceResult(Settings):
    """A race: who ran, on what, with which budget."""

    data: str
    budget: str
    machine: str
    tokenizer: str
    prompt: str
    members: tuple[MemberResult, ...]

    def ranked(self) -> list[MemberResult]:
        """The members, the best first."""
        return sorted(self.members, key=lambda member: member.bits_per_byte)


def write_result(folder: Path, result: RaceResult) -> None:
    """Write race.json, whole or not at all."""
    path = folder / RESULT
    beside = path.with_suffix(".json.new")
    beside.write_text(json.dumps(result.model_dump(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)


def read_result(folder: Path | str) -> RaceResult:
    """Read race.json.

    Raises:
        LangueError: it is missing or damaged.
    """
    path = Path(folder) / RESULT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LangueError(f"{folder} holds no race: {RESULT} is missing") from None
    except ValueError:
        raise LangueError(f"{path} is damaged: it is not valid JSON") from None
    return parse(RaceResult, content, str(path))
