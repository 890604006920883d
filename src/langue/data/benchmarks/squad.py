"""SQuAD's own files: one JSON document of articles, paragraphs, and questions with answers by character offset."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from langue.data.benchmarks.benchmark import Fields, Record, take, take_objects
from langue.data.strict_json import parse_json
from langue.data.values import truth, whole
from langue.errors import LangueError, reading


def read_squad(path: Path) -> Iterator[Record]:
    """The questions of a file, each with its paragraph.

    Raises:
        LangueError: the file is no JSON, or not of SQuAD's layout.
    """
    with reading(path, "a file of SQuAD's is one JSON document"):
        document = parse_json(path.read_bytes().decode("utf-8-sig"))
    try:
        if not isinstance(document, dict):
            raise LangueError("it is no object")
        for article in take_objects(document, "data"):
            for paragraph in take_objects(article, "paragraphs"):
                for question in take_objects(paragraph, "qas"):
                    fields = {"context": take(paragraph, "context"), **question}
                    yield f"{path}, question {take(question, 'id')}", fields
    except LangueError as error:
        raise LangueError(f"{path} is not SQuAD's JSON: {error}") from None


def _squad_row(fields: Fields, may_be_impossible: bool) -> dict[str, Any]:
    """A question: `answers` are {"text", "start"} in characters of the context, none where `impossible`.

    `answers` and `impossible` are missing where the source does not tell the answers. Both shapes of answers are
    read: the files' list of objects, and Hugging Face's object of lists.

    Raises:
        LangueError: an empty context, an answer that does not stand where it says, or none where there must be one.
    """
    context = take(fields, "context")
    if not context or context.isspace():
        raise LangueError("the context is empty")
    row: dict[str, Any] = {name: take(fields, name) for name in ("id", "question", "context")}
    row["index"] = row["id"]
    golds = fields.get("answers")
    if golds is None:
        return row
    if isinstance(golds, dict):
        texts, starts = take(golds, "text", list), take(golds, "answer_start", list)
        if len(texts) != len(starts):
            raise LangueError(f"the answers have {len(texts)} texts and {len(starts)} places; give one for each")
        golds = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(golds, list):
        raise LangueError(f"answers should be a list of objects, got {golds!r:.60}")
    impossible = truth(fields.get("is_impossible", not golds and may_be_impossible))
    if impossible is None:
        raise LangueError(f"is_impossible should be true or false, got {fields['is_impossible']!r:.60}")
    answers = [] if impossible else [_answer(answer, context) for answer in golds]
    if impossible and not may_be_impossible:
        raise LangueError("the question is marked impossible, which squad/1.1 does not know; use squad/2.0")
    if not impossible and not answers:
        raise LangueError(
            "the question has no answer" + ("" if may_be_impossible else "; squad/2.0 has such questions")
        )
    return {**row, "answers": answers, "impossible": impossible}


squad_v1_row = partial(_squad_row, may_be_impossible=False)
squad_v2_row = partial(_squad_row, may_be_impossible=True)


def _answer(answer: Any, context: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise LangueError("answers should be a list of objects")
    text, start = take(answer, "text"), whole(answer.get("answer_start"))
    if start is None:
        start = take(answer, "answer_start", int)
    if not text or start < 0 or context[start : start + len(text)] != text:
        place = context.find(text) if text else -1
        hint = f"it stands at {place}" if place >= 0 else "it stands nowhere in it"
        raise LangueError(f"the answer {text!r:.60} is not at character {start} of its context; {hint}")
    return {"text": text, "start": start}
