"""Rows of preferences: pairs of texts for one prompt, texts with scores, or single texts that are good or bad."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from langue.data.examples import EncodedExample, Examples
from langue.data.labelled import Labelled, missing_columns, number_of, text_of
from langue.data.values import truth
from langue.errors import LangueError
from langue.objectives.completions import Completion
from langue.tasks.policies.prompts import PromptReader, completions_of

GOOD = {"good": True, "bad": False}
"""Labels of single texts, beside true and false."""


class Preference(NamedTuple):
    """Two texts for one prompt, of which the first is preferred."""

    prompt: str
    chosen: str
    rejected: str


class Judged(NamedTuple):
    """One text for a prompt, good or bad, and another row's text, which says nothing about this prompt."""

    prompt: str
    text: str
    mismatched: str
    good: bool


def check_row(row: Labelled) -> None:
    """Refuse a row that nothing can be learnt from.

    Raises:
        LangueError: a column is missing, empty or of another kind; names the place.
    """
    text_of(row, "prompt")
    if "chosen" in row.values:
        text_of(row, "chosen"), text_of(row, "rejected")
    elif "score" in row.values:
        text_of(row, "text"), number_of(row.place, "score", row.values["score"])
    elif "label" in row.values:
        text_of(row, "text"), _is_good(row)
    else:
        raise missing_columns(row.place, ("prompt", "chosen", "rejected"), row.values)


def pairs_of(rows: Sequence[Labelled]) -> list[Preference]:
    """Pairs of rows `prompt`, `chosen`, `rejected`; of rows `prompt`, `text`, `score`, each text with each of a lower
    score for the same prompt (Ouyang et al. 2022, section 3.5). Pairs of equal texts are left out.

    Raises:
        LangueError: a row has neither.
    """
    pairs: list[Preference] = []
    scored: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        check_row(row)
        prompt = row.values["prompt"]
        if "chosen" in row.values:
            pairs.append(Preference(prompt, row.values["chosen"], row.values["rejected"]))
        elif "score" in row.values:
            scored[prompt].append((number_of(row.place, "score", row.values["score"]), row.values["text"]))
        else:
            raise LangueError(f"{row.place} is one text, good or bad, which prefer.loss: kto alone can learn from")
    for prompt, texts in scored.items():
        for first, second in combinations(texts, 2):
            low, high = sorted((first, second))
            if low[0] < high[0]:
                pairs.append(Preference(prompt, high[1], low[1]))
    return [pair for pair in pairs if pair.chosen != pair.rejected]


def judged_of(rows: Sequence[Labelled]) -> list[Judged]:
    """Single texts of rows `prompt`, `text`, `label`; both texts of a pair are taken for one good and one bad.

    The mismatched text is the next row's, so that it is the same whatever batch a row comes into.

    Raises:
        LangueError: a row has neither, or there is no text but one.
    """
    texts: list[tuple[str, str, bool]] = []
    for row in rows:
        check_row(row)
        values = row.values
        if "chosen" in values:
            texts += [(values["prompt"], values["chosen"], True), (values["prompt"], values["rejected"], False)]
        elif "label" in values:
            texts.append((values["prompt"], values["text"], _is_good(row)))
        else:
            raise LangueError(f"{row.place} has a score, which prefer.loss: kto does not learn from; take dpo")
    shift = next((n for n in range(1, len(texts)) if texts[n][0] != texts[0][0]), None)
    if shift is None and texts:
        raise LangueError("kto holds texts against those of other prompts, but all rows have the same prompt")
    others = [texts[(number + (shift or 0)) % len(texts)][1] for number in range(len(texts))]
    return [Judged(*text[:2], other, text[2]) for text, other in zip(texts, others, strict=True)]


def _is_good(row: Labelled) -> bool:
    label = row.values["label"]
    good = GOOD.get(str(label).strip().lower(), truth(label))
    if good is None:
        raise LangueError(f"{row.place}: label should be good or bad, got {label!r:.60}")
    return good


@dataclass(frozen=True)
class EncodedPreferences:
    """Examples as numbers.

    Attributes:
        examples: each with two rows, (T,) tokens whose segments are 1 where they belong to the text; of an
            encoder–decoder the source comes before them. The target is 1 where the first row is good.
        left_out: how many rows the context had no room for.
    """

    examples: list[EncodedExample]
    left_out: int


def encoded(rows: Sequence[Preference] | Sequence[Judged], reader: PromptReader) -> EncodedPreferences:
    """Rows that a model learns from; both texts of one stand behind the same prompt, as short as the longer needs."""
    prompts = reader.read([row.prompt for row in rows])
    firsts, seconds = (completions_of(reader, prompts, [str(row[place]) for row in rows]) for place in (1, 2))
    examples = [
        _example(first, second, getattr(row, "good", True))
        for row, first, second in zip(rows, firsts, seconds, strict=True)
        if first is not None and second is not None
    ]
    return EncodedPreferences(examples, len(rows) - len(examples))


def _example(first: Completion, second: Completion, good: bool) -> EncodedExample:
    rows = [row.ids for row in (first, second)]
    marks = [np.arange(len(row.ids)) >= row.first for row in (first, second)]
    if first.source is not None:
        rows, marks = [first.source, *rows], [np.zeros(len(first.source), bool), *marks]
    return EncodedExample(rows, [mark.astype(np.int8) for mark in marks], good)


def completions_in(ids: Sequence[np.ndarray], segments: Sequence[np.ndarray]) -> list[Completion]:
    """The two rows of an example."""
    *sources, first, second = ids
    marks = segments[-2:]
    source = sources[0] if sources else None
    return [Completion(row, int(mark.argmax()), source) for row, mark in zip((first, second), marks, strict=True)]


class PreferenceExamples(Examples):
    """Examples by number, each with what the reference holds of its two texts.

    Args:
        encoded: the examples.
        references: (examples, 2) log-probabilities in nats; None of losses without a reference.
    """

    def __init__(self, encoded: Iterable[EncodedExample], references: np.ndarray | None = None):
        super().__init__(encoded, several=True)
        self.references = np.zeros((len(self), 2)) if references is None else references

    def example(self, number: int) -> dict[str, object]:
        return {**super().example(number), "references": self.references[number]}
