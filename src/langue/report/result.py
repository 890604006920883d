"""What a race found, as it stands in race.json."""

from __future__ import annotations

import json
from pathlib import Path

from langue.content import read_json
from langue.errors import LangueError
from langue.files import check_file, replacing_listed
from langue.report.words import short
from langue.settings import Settings, parse

RESULT = "race.json"


class MemberResult(Settings):
    """One model of a race, after its budget was spent."""

    name: str
    """Its preset."""
    run: str
    """Its run folder, relative to the race's."""
    parameters: int
    """How many numbers it learned."""
    steps: int
    """Updates of its weights."""
    tokens: int
    """How many it was trained on."""
    seconds: float
    """Wall time of its training."""
    tokens_per_second: float
    """Training speed."""
    bits_per_byte: float
    """Over the whole dev text, each token predicted once."""
    positions: tuple[float, ...]
    """Bits per byte by position in the context, the first position first; every model was asked the same tokens at
    each."""
    sample: str
    """Text it wrote."""

    def early(self) -> float:
        """Bits per byte over the first eighth of the context."""
        count = max(1, len(self.positions) // 8)
        return sum(self.positions[:count]) / count

    def late(self) -> float:
        """Bits per byte over the last half of the context."""
        half = self.positions[len(self.positions) // 2 :]
        return sum(half) / len(half)

    def gain(self) -> float:
        """Bits per byte that a long context saves."""
        return self.early() - self.late()


class RaceResult(Settings):
    """A race: who ran, on what, with which budget."""

    data: str
    """What the text is and how much there is of it."""
    budget: str
    """What each member could spend, in words."""
    machine: str
    """What it ran on."""
    tokenizer: str
    """Kind and size of the tokenizer that all share."""
    prompt: str
    """The words that each member went on from."""
    members: tuple[MemberResult, ...]
    """Those who have spent their budget, in the order in which they ran."""

    def ranked(self) -> list[MemberResult]:
        """The members, the best first."""
        return sorted(self.members, key=lambda member: member.bits_per_byte)


def write_result(folder: Path, result: RaceResult) -> None:
    """Write race.json, whole or not at all."""
    with replacing_listed(folder) as stage:
        text = json.dumps(result.model_dump(), indent=1, ensure_ascii=False) + "\n"
        (stage / RESULT).write_text(text, encoding="utf-8")


def read_result(folder: Path | str) -> RaceResult:
    """Read race.json.

    Raises:
        LangueError: it is missing or damaged.
    """
    path = Path(folder) / RESULT
    try:
        return parse(RaceResult, read_json(check_file(path)), str(path))
    except FileNotFoundError:
        raise LangueError(f"{folder} holds no race: {RESULT} is missing") from None


def findings(result: RaceResult) -> list[str]:
    """What the numbers say, in sentences; nothing that they do not say."""
    ranked = result.ranked()
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else None
    if second is None:
        return [f"{first.name} reached {first.bits_per_byte:.3f} bits per byte."]
    others = [second] if len(ranked) == 2 else [second, ranked[-1]]
    fewer = [
        f"{100 * (1 - first.bits_per_byte / other.bits_per_byte):.1f} % fewer than {other.name}" for other in others
    ]
    said = [f"{first.name} predicts unseen text best: {first.bits_per_byte:.3f} bits per byte, {' and '.join(fewer)}."]
    fastest = max(result.members, key=lambda member: member.tokens_per_second)
    slowest = min(result.members, key=lambda member: member.tokens_per_second)
    said.append(
        f"{fastest.name} trains fastest, at {short(fastest.tokens_per_second)} tokens per second, "
        f"{fastest.tokens_per_second / slowest.tokens_per_second:.1f} times {slowest.name}."
    )
    most = max(result.members, key=MemberResult.gain)
    least = min(result.members, key=MemberResult.gain)
    if most.gain() > 0.02:
        said.append(
            f"{most.name} makes most of what stands before: {most.gain():.2f} bits per byte from the first eighth of "
            f"the context to its second half; {least.name} makes least of it, {least.gain():z.2f}."
        )
    return said
