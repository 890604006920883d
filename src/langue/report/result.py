"""The result of a race, as it stands in race.json."""

from __future__ import annotations

import json
from pathlib import Path

from langue.content import read_json
from langue.errors import LangueError
from langue.files import check_file, replacing_listed
from langue.settings import Settings, parse
from langue.wording import short

RESULT = "race.json"


DISTURBED, UNEVEN = 0.7, 0.85
"""A member's share of the machine below which a race was disturbed, and its ratio to the largest share."""


class MemberResult(Settings):
    """One model of a race, after its budget was spent."""

    name: str
    """Its preset."""
    run: str
    """Its run folder, relative to the race's."""
    parameters: int
    """The count of its weights."""
    steps: int
    """Updates of its weights."""
    tokens: int
    """The tokens that it was trained on."""
    seconds: float
    """Wall time of its training."""
    tokens_per_second: float
    """Training speed."""
    machine_share: float = 1.0
    """The share of the machine's power that its training had; little where other programs ran."""
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
    """The text in words, and how much there is of it."""
    budget: str
    """The budget of each member, in words."""
    timed: bool = False
    """True where that was time, of which a disturbed machine makes less."""
    machine: str
    """The machine that it ran on."""
    tokenizer: str
    """Kind and size of the tokenizer that all share."""
    prompt: str
    """The words that each member went on from."""
    members: tuple[MemberResult, ...]
    """Those who have spent their budget, in the order in which they ran."""

    def is_disturbed(self) -> bool:
        """True where other programs took so much of the machine, or so much more from one member than another, that
        times say little."""
        shares = [member.machine_share for member in self.members]
        return min(shares) < DISTURBED or min(shares) < UNEVEN * max(shares)

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
    """The findings that the numbers bear out, in sentences."""
    ranked = result.ranked()
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else None
    disturbed = result.is_disturbed()
    sentences = [_disturbance(result)] if disturbed else []
    if second is None:
        return [*sentences, f"{first.name} reached {first.bits_per_byte:.3f} bits per byte."]
    if disturbed and result.timed:
        return sentences
    others = [second] if len(ranked) == 2 else [second, ranked[-1]]
    fewer = [
        f"{100 * (1 - first.bits_per_byte / other.bits_per_byte):.1f} % fewer than {other.name}" for other in others
    ]
    sentences.append(
        f"{first.name} predicts unseen text best: {first.bits_per_byte:.3f} bits per byte, {' and '.join(fewer)}."
    )
    if not disturbed:
        sentences.append(_speeds(result))
    most = max(result.members, key=MemberResult.gain)
    least = min(result.members, key=MemberResult.gain)
    if most.gain() > 0.02:
        sentences.append(
            f"{most.name} makes most of what stands before: {most.gain():.2f} bits per byte from the first eighth of "
            f"the context to its second half; {least.name} makes least of it, {least.gain():z.2f}."
        )
    return sentences


def _speeds(result: RaceResult) -> str:
    fastest = max(result.members, key=lambda member: member.tokens_per_second)
    slowest = min(result.members, key=lambda member: member.tokens_per_second)
    return (
        f"{fastest.name} trains fastest, at {short(fastest.tokens_per_second)} tokens per second, "
        f"{fastest.tokens_per_second / slowest.tokens_per_second:.1f} times {slowest.name}."
    )


def _disturbance(result: RaceResult) -> str:
    shares = sorted(round(100 * member.machine_share) for member in result.members)
    had = f"{shares[0]} %" if shares[0] == shares[-1] else f"{shares[0]} to {shares[-1]} %"
    lost = (
        "the table says what came out and not which model is better or faster"
        if result.timed
        else ("their speeds cannot be compared")
    )
    return f"Other programs ran on this machine meanwhile: the models had {had} of what it can do, so {lost}."
