"""Layouts: rows as people publish them are known by the names of their columns or by what stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from langue.data.columns import Column
from langue.data.layouts import layout_of, looks_headless
from langue.errors import LangueError

WORDS = ["it", "was", "the", "best", "of", "times", "it", "was", "the", "worst", "of", "times"]


def text(number: int, length: int = 8) -> str:
    return f"{' '.join(WORDS[:length])} {number}"


def table(**columns: Any) -> list[dict[str, Any]]:
    """Forty rows; a column is a function of the row's number."""
    return [{name: value(number) for name, value in columns.items()} for number in range(40)]


def label(number: int) -> str:
    return ("good", "bad")[number % 2]


def columns_of(rows: list[dict[str, Any]]) -> list[Column]:
    """The columns of rows, in the order in which they come up."""
    columns: dict[str, Column] = {}
    for values in rows:
        for name, value in values.items():
            if name not in columns:
                columns[name] = Column(str(name))
            columns[name].add(value)
    return list(columns.values())


def layout(rows: list[dict[str, Any]], **options: Any) -> Any:
    return layout_of(columns_of(rows), "rows.csv", **options)


@pytest.mark.parametrize(
    ("rows", "task", "columns"),
    [
        (table(text=text, label=label), "classify", {"text": "text", "label": "label"}),
        (table(sentence=text, label=label), "classify", {"text": "sentence", "label": "label"}),
        (table(claim_id=int, claim=text, verdict=label), "classify", {"text": "claim", "label": "verdict"}),
        (table(id=int, words=text, side=label), "classify", {"text": "words", "label": "side"}),
        (table(premise=text, hypothesis=text, label=label), "classify",
         {"sentence1": "premise", "sentence2": "hypothesis", "label": "label"}),
        (table(Review=text, Stars=lambda n: n % 5), "classify", {"text": "Review", "label": "Stars"}),
        (table(source=text, target=text), "translate", {"source": "source", "target": "target"}),
        (table(en=text, de=text), "translate", {"source": "en", "target": "de"}),
        (table(one=text, other=text), "translate", {"source": "one", "target": "other"}),
        (table(text=text, summary=lambda n: text(n, 2)), "summarize", {"text": "text", "summary": "summary"}),
        (table(body=lambda n: text(n) * 9, short=text), "summarize", {"text": "body", "summary": "short"}),
        (table(text=text), "generate", {"text": "text"}),
        (table(text=text, url=lambda n: f"https://e.org/{n}", lang=lambda n: "en"), "generate", {"text": "text"}),
        (table(messages=lambda n: [{"role": "user", "content": "Hello"}]), "chat", {"messages": "messages"}),
        (table(conversations=lambda n: [{"from": "human", "value": "Hello"}]), "chat",
         {"conversations": "conversations"}),
        (table(instruction=text, input=text, output=text), "chat", {"instruction": "instruction", "output": "output"}),
        (table(question=text, response=text), "chat", {"prompt": "question", "completion": "response"}),
        (table(prompt=text, chosen=text, rejected=text), "prefer",
         {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}),
        (table(question=text, context=text, answer=lambda n: "best"), "answer",
         {"question": "question", "context": "context", "answer": "answer"}),
        (table(question=text, passage=text, answer=lambda n: n % 2 == 0), "classify",
         {"sentence1": "question", "sentence2": "passage", "label": "answer"}),
        (table(question=text, choices=lambda n: ["a", "b"], answer=lambda n: n % 2), "classify",
         {"text": "question", "choices": "choices", "label": "answer"}),
        (table(tokens=lambda n: WORDS, tags=lambda n: ["O"] * 12), "tag", {"tokens": "tokens", "tags": "tags"}),
        (table(tokens=lambda n: WORDS, ner_tags=lambda n: [0] * 12), "tag", {"tokens": "tokens", "tags": "ner_tags"}),
        (table(path=lambda n: f"{n}.mp3", sentence=text), "transcribe", {"audio": "path", "text": "sentence"}),
        (table(clip=lambda n: f"{n}.wav", digit=label), "transcribe", {"audio": "clip", "text": "digit"}),
        (table(anchor=text, positive=text), "embed", {"anchor": "anchor", "positive": "positive"}),
        (table(sentence1=text, sentence2=text, score=lambda n: n / 7), "embed",
         {"sentence1": "sentence1", "sentence2": "sentence2", "score": "score"}),
    ],
)  # fmt: skip
def test_published_layouts_are_known(rows: list[dict[str, Any]], task: str, columns: dict[str, str]) -> None:
    found = layout(rows)
    assert (found.task, dict(found.columns)) == (task, columns)


def test_numbers_and_several_labels_are_learnt_as_such() -> None:
    assert layout(table(text=text, label=lambda n: n / 7)).fields == {"classify.kind": "number"}
    assert layout(table(text=text, label=lambda n: ["a", "b"][: n % 3])).fields == {"classify.kind": "labels"}
    assert layout(table(text=text, label=label)).fields == {}


def test_columns_that_may_be_meant_as_well_are_named_and_one_that_is_chosen_counts() -> None:
    rows = table(claim=text, region=lambda n: "nsew"[n % 4], outcome_of_it=label)
    found = layout(rows)
    assert found.columns["label"] == "outcome_of_it"
    assert found.others == {"label": ("region",)}
    chosen = layout(rows, chosen={"label": "region"})
    assert chosen.columns == {"text": "claim", "label": "region"}
    assert not chosen.others


def test_a_task_that_is_named_is_taken() -> None:
    rows = table(text=text, label=label)
    assert layout(rows, task="generate").columns == {"text": "text"}
    assert layout(table(one=text, other=text), task="summarize").columns == {"text": "one", "summary": "other"}


def test_a_label_that_is_a_text_is_refused_and_the_others_are_named() -> None:
    rows = table(label=text, text=text, verdict=label)
    with pytest.raises(LangueError, match=r"the column label has 40 different values in 40 rows.*verdict may be meant"):
        layout(rows)
    with pytest.raises(LangueError, match=r"'\{label: verdict\}'"):
        layout(rows, chosen={"label": "label"})


def test_nothing_is_learnt_without_texts_or_from_a_column_that_is_not_there() -> None:
    with pytest.raises(LangueError, match="no column of texts"):
        layout(table(id=int, score=lambda n: n / 7))
    with pytest.raises(LangueError, match="no column verdict; it has text, label"):
        layout(table(text=text, label=label), chosen={"label": "verdict"})


def test_a_table_without_a_header_is_seen() -> None:
    assert looks_headless(columns_of([{"It was the best of times": "Es war", "die beste": "Zeit"}]))
    assert not looks_headless(columns_of(table(text=text, label=label)))
