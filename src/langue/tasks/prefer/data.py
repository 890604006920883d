"""Rows of preferences: pairs of texts for one prompt, texts with scores, or single texts that are good or bad."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from langue.data.examples import EncodedExample, Examples
from langue.data.labelled import Labelled, missing_columns, number_of, text_of
from langue.data.records import Dropped, excerpt
from langue.data.tally import Tally
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
    place: str = ""


class Judged(NamedTuple):
    """One text for a prompt, good or bad, and another row's text, which says nothing about this prompt."""

    prompt: str
    text: str
    mismatched: str
    good: bool
    place: str = ""


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
    score for the same prompt (Ouyang et al. 2022, section 3.5).

    Raises:
        LangueError: a row has neither.
    """
    pairs: list[Preference] = []
    scored: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    for row in rows:
        check_row(row)
        prompt = row.values["prompt"]
        if "chosen" in row.values:
            pairs.append(Preference(prompt, row.values["chosen"], row.values["rejected"], row.place))
        elif "score" in row.values:
            score = number_of(row.place, "score", row.values["score"])
            scored[prompt].append((score, row.values["text"], row.place))
        else:
            raise LangueError(f"{row.place} is one text, good or bad, which prefer.loss: kto alone can learn from")
    for prompt, texts in scored.items():
        for first, second in combinations(texts, 2):
            low, high = sorted((first, second))
            if low[0] < high[0]:
                pairs.append(Preference(prompt, high[1], low[1], high[2]))
    return pairs


def judged_of(rows: Sequence[Labelled]) -> list[Judged]:
    """Single texts of rows `prompt`, `text`, `label`; both texts of a pair are taken for one good and one bad.

    The mismatched text is the next one of another prompt, so that it is the same whatever batch a row comes into.

    Raises:
        LangueError: a row has neither, or there is no text but one.
    """
    texts: list[tuple[str, str, bool, str]] = []
    for row in rows:
        check_row(row)
        values = row.values
        if "chosen" in values:
            texts += [(values["prompt"], values[name], name == "chosen", row.place) for name in ("chosen", "rejected")]
        elif "label" in values:
            texts.append((values["prompt"], values["text"], _is_good(row), row.place))
        else:
            raise LangueError(f"{row.place} has a score, which prefer.loss: kto does not learn from; take dpo")
    others = _next_of_another([prompt for prompt, *_ in texts])
    return [
        Judged(prompt, text, texts[other][1], good, place)
        for (prompt, text, good, place), other in zip(texts, others, strict=True)
    ]


def _next_of_another(prompts: Sequence[str]) -> list[int]:
    """The number of the next row whose prompt is another, for each row; behind the last comes the first.

    Raises:
        LangueError: there is none.
    """
    if len(set(prompts)) == 1:
        raise LangueError("kto holds texts against those of other prompts, but all rows have the same prompt")
    others, following = [0] * len(prompts), 0
    for place in reversed(range(2 * len(prompts))):
        number, after = place % len(prompts), (place + 1) % len(prompts)
        following = after if prompts[after] != prompts[number] else following
        others[number] = following
    return others


def _is_good(row: Labelled) -> bool:
    label = row.values["label"]
    good = GOOD.get(str(label).strip().lower(), truth(label))
    if good is None:
        raise LangueError(f"{row.place}: label should be good or bad, got {label!r:.60}")
    return good


def encoded(rows: Sequence[Preference] | Sequence[Judged], reader: PromptReader, tally: Tally) -> list[EncodedExample]:
    """Examples that a model learns from, counted as they pass.

    Each has two rows, (T,) tokens whose segments are 1 where they belong to the text, behind the same prompt; of an
    encoder–decoder the source comes before them. The target is 1 where the first row is good.

    Args:
        rows: as numbers they may be too long, and two texts the same, from which nothing can be learnt.
        reader: of the prompts.
        tally: gets what is kept and what is left out.
    """
    prompts = reader.read([row.prompt for row in rows])
    firsts, seconds = (completions_of(reader, prompts, [str(row[place]) for row in rows]) for place in (1, 2))
    examples = []
    for number, (row, first, second) in enumerate(zip(rows, firsts, seconds, strict=True), 1):
        text = f"{row.prompt}\t{row[1]}\t{row[2]}".encode("utf-8", "surrogatepass")
        if isinstance(row, Preference) and row.chosen == row.rejected:
            tally.drop(Dropped("chosen and rejected are the same", row.place, number, len(text), excerpt(text)))
        elif first is None or second is None:
            tally.drop(Dropped("longer than the context", row.place, number, len(text), excerpt(text)))
        else:
            tally.keep(len(text))
            examples.append(_example(first, second, getattr(row, "good", True)))
    return examples


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
