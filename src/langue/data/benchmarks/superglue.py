"""SuperGLUE's own files: one JSON object a line; MultiRC and ReCoRD hold several examples in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from langue.data.benchmarks.benchmark import Fields, Record, located, take, take_objects
from langue.data.lines import valid_lines
from langue.data.records import is_blank
from langue.data.strict_json import parse_json
from langue.data.values import whole
from langue.errors import LangueError

COPA_QUESTIONS = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
"""COPA's two questions, as its makers put them (Roemmele et al. 2011)."""


def read_jsonl(path: Path, unfold: Callable[[Fields], Iterator[Fields]] | None = None) -> Iterator[Record]:
    """The objects of a file, or the examples that `unfold` finds in each.

    Raises:
        LangueError: a line is no JSON object, or not of the task's layout.
    """
    for line in valid_lines(path):
        if is_blank(line.text):
            continue
        place = f"{path}, line {line.number}"
        try:
            fields = parse_json(line.text)
        except ValueError as error:
            raise LangueError(f"{place}: {error}") from None
        if not isinstance(fields, dict):
            raise LangueError(f"{place}: not a JSON object")
        with located(place):
            for example in unfold(fields) if unfold else (fields,):
                yield place, example


def _multirc_options(fields: Fields) -> Iterator[Fields]:
    """One example for each answer option of each question, in the columns of `aps/super_glue`."""
    passage = take(fields, "passage", dict)
    for question in take_objects(passage, "questions"):
        for answer in take_objects(question, "answers"):
            yield {
                "paragraph": take(passage, "text"),
                "question": take(question, "question"),
                "answer": take(answer, "text"),
                "label": answer.get("label"),
                "idx": {
                    "paragraph": take(fields, "idx", int),
                    "question": take(question, "idx", int),
                    "answer": take(answer, "idx", int),
                },
            }


def _record_queries(fields: Fields) -> Iterator[Fields]:
    """One example for each query, in the columns of `aps/super_glue`: entities once each, in alphabetical order."""
    passage = take(fields, "passage", dict)
    text = take(passage, "text")
    # The last character of a mention is part of it.
    entities = {text[take(one, "start", int) : take(one, "end", int) + 1] for one in take_objects(passage, "entities")}
    for query in take_objects(fields, "qas"):
        example: dict[str, Any] = {
            "passage": text,
            "query": take(query, "query"),
            "entities": sorted(entities),
            "idx": {"passage": take(fields, "idx", int), "query": take(query, "idx", int)},
        }
        if "answers" in query:
            example["answers"] = sorted({take(answer, "text") for answer in take_objects(query, "answers")})
        yield example


read_multirc = partial(read_jsonl, unfold=_multirc_options)
read_record = partial(read_jsonl, unfold=_record_queries)


def multirc_row(fields: Fields) -> dict[str, Any]:
    """An answer option: `sentence1` the paragraph, `sentence2` question and answer, `group` its question."""
    index = take(fields, "idx", dict)
    return {
        "sentence1": take(fields, "paragraph"),
        "sentence2": f"{take(fields, 'question')} {take(fields, 'answer')}",
        "group": f"{take(index, 'paragraph', int)}-{take(index, 'question', int)}",
        "label": fields.get("label"),
        "index": index,
    }


def record_row(fields: Fields) -> dict[str, Any]:
    """A query: `choices` is the query with each of the `entities` at its @placeholder, `answers` the right entities.

    `label` is the first right entity's index and `right` the indices of all; a gold answer that is no entity of the
    passage cannot be chosen and has no index.
    """
    query, entities = take(fields, "query"), list(take(fields, "entities", (list, tuple)))
    if "@placeholder" not in query:
        raise LangueError(f"there is no @placeholder in the query {query!r:.60}")
    row: dict[str, Any] = {
        "sentence1": take(fields, "passage"),
        "choices": [query.replace("@placeholder", entity) for entity in entities],
        "entities": entities,
        "index": take(fields, "idx", dict),
    }
    answers = list(fields.get("answers") or ())
    if answers:
        right = [place for place, entity in enumerate(entities) if entity in answers]
        row |= {"answers": answers, "right": right, "label": right[0] if right else None}
    return row


def copa_row(fields: Fields) -> dict[str, Any]:
    """A premise with its question, and two choices."""
    question = take(fields, "question")
    if question not in COPA_QUESTIONS:
        raise LangueError(f"question should be cause or effect, got {question!r:.60}")
    return {
        "sentence1": f"{take(fields, 'premise')} {COPA_QUESTIONS[question]}",
        "choices": [take(fields, "choice1"), take(fields, "choice2")],
        "label": fields.get("label"),
        "index": fields.get("idx"),
    }


def wic_row(fields: Fields) -> dict[str, Any]:
    """Two sentences, the word in question between stars in both, as T5 marks the spans of WSC."""
    row: dict[str, Any] = {"label": fields.get("label"), "index": fields.get("idx"), "word": take(fields, "word")}
    for side in "12":
        sentence = take(fields, f"sentence{side}")
        start, end = _place(fields, f"start{side}"), _place(fields, f"end{side}")
        if not 0 <= start < end <= len(sentence):
            raise LangueError(f"sentence{side} has no characters {start} to {end}")
        row[f"sentence{side}"] = _marked(sentence, [(start, end, "*")])
    return row


def wsc_row(fields: Fields) -> dict[str, Any]:
    """A text with the noun between stars and the pronoun between hashes: "* Tom * said # he # came".

    That is how T5 puts the task (Raffel et al. 2020, `t5.data.preprocessors.wsc`). Spans are told by the number of
    their first word; where their text is not what stands there (a handful of rows differ in case or punctuation), as
    many words as it has are marked.
    """
    spans = {**fields, **(take(fields, "target", dict) if fields.get("target") else {})}
    text = take(fields, "text")
    marks = []
    for span, mark in (("span1", "*"), ("span2", "#")):
        start, end = _word_span(text, take(spans, f"{span}_text"), _place(spans, f"{span}_index"))
        marks.append((start, end, mark))
    return {"text": _marked(text, marks), "label": fields.get("label"), "index": fields.get("idx")}


def _word_span(text: str, wanted: str, first: int) -> tuple[int, int]:
    """First character and the one after the last of a span that begins with word number `first`."""
    words = list(re.finditer(r"\S+", text))
    if not 0 <= first < len(words):
        raise LangueError(f"the text has {len(words)} words and no word {first}")
    start = words[first].start()
    if text.startswith(wanted, start):
        return start, start + len(wanted)
    last = min(first + max(len(wanted.split()), 1), len(words)) - 1
    return start, words[last].end()


def _marked(text: str, spans: list[tuple[int, int, str]]) -> str:
    """A text with a mark on both sides of each span of (start, end, mark)."""
    edges = [(place, edge) for start, end, mark in spans for place, edge in ((start, f"{mark} "), (end, f" {mark}"))]
    # From the end on, so that a mark moves none that is still to come.
    for place, edge in sorted(edges, reverse=True):
        text = text[:place] + edge + text[place:]
    return text


def _place(fields: Fields, name: str) -> int:
    number = whole(fields.get(name))
    return take(fields, name, int) if number is None else number
