"""Answers to questions from the passages of an index, which they cite, by a model that finds or writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.search.index import Hit, Index, Mode
from langue.search.where import Conditions
from langue.tasks import load
from langue.tasks.answer.predict import Answer
from langue.tasks.generate.predict import Generate
from langue.tasks.rewriting.predict import Rewrite
from langue.text.chat import ChatTemplate

INSTRUCTION = (
    "Answer the question by the numbered passages alone, in a sentence or two. Behind each statement put the number of "
    "the passage that says it, such as [2]. If the passages do not say it, answer: the passages do not say it."
)

_CITED = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True)
class CitedAnswer:
    """An answer with the passages that it is from."""

    question: str
    text: str
    """The answer; empty where no passage holds one."""
    citations: Sequence[tuple[int, Hit]]
    """Passages with their numbers in the order in which they were found, from 1."""
    score: float | None = None
    """Margin of a model that finds answers: by how much it prefers the answer; comparable within one question."""

    def as_json(self) -> dict[str, Any]:
        """By name."""
        cited = [{"number": number, **hit.as_json()} for number, hit in self.citations]
        return {"question": self.question, "answer": self.text, "score": self.score, "citations": cited}


@dataclass(frozen=True)
class PassageReader:
    """A model beside an index.

    Attributes:
        index: of passages.
        task: finds answers in texts, or writes.
        k: passages that it reads.
        where: conditions on documents.
        mode: of the search.
        max_tokens: of an answer that is written.
    """

    index: Index
    task: Answer | Generate | Rewrite
    k: int = 5
    where: Conditions = None
    mode: Mode | None = None
    max_tokens: int = 256

    @classmethod
    def load(cls, index: Index, model: Path | str, **options: Any) -> PassageReader:
        """A reader with a model by its folder.

        Raises:
            LangueError: there is none, or it was made for something else.
        """
        task = load(model, index.device)
        if not isinstance(task, Answer | Generate | Rewrite):
            raise LangueError(f"{model} was made to {task.name}; name a model that finds answers or writes")
        return cls(index, task, **options)

    def ask(self, question: str) -> CitedAnswer:
        """Answer a question.

        Raises:
            LangueError: the question is empty, or the model has no room for it.
        """
        hits = self.index.search(question, self.k, where=self.where, mode=self.mode)
        if not hits:
            return CitedAnswer(question, "", [])
        if isinstance(self.task, Answer):
            return _extracted(self.task, question, hits)
        return _written(self.task, question, hits, self.max_tokens)


def _extracted(task: Answer, question: str, hits: Sequence[Hit]) -> CitedAnswer:
    """The best answer that stands in a passage, which is cited with the answer marked.

    Scores of a model that may say that there is no answer count from what it gives to that.
    """
    best: tuple[float, int, dict[str, Any]] | None = None
    candidates = task.answer([question] * len(hits), [hit.text for hit in hits], top=2, scores=True)
    for number, spans in enumerate(candidates, 1):
        if not spans[0]["text"]:
            continue
        nothing = sum(span["score"] for span in spans if not span["text"])
        margin = spans[0]["score"] - nothing
        if best is None or margin > best[0]:
            best = margin, number, spans[0]
    if best is None:
        return CitedAnswer(question, "", [])
    score, number, span = best
    place = span["start"], span["start"] + len(span["text"])
    return CitedAnswer(question, span["text"], [(number, replace(hits[number - 1], sentence=place))], score)


def _written(task: Generate | Rewrite, question: str, hits: Sequence[Hit], max_tokens: int) -> CitedAnswer:
    """An answer in the model's own words; it cites what it names, or all that it has read."""
    read = list(hits)
    if isinstance(task, Rewrite):
        source = f"question: {question} context: {' '.join(hit.text for hit in read)}"
        text = task.rewrite([source], long="cut", instruction="", max_tokens=max_tokens)[0].text
    else:
        while len(read) > 1 and not _has_room(task, question, read, max_tokens):
            read.pop()
        text = task.chat(_messages(question, read), temperature=0.0, max_tokens=max_tokens)["content"]
    named = {int(number) for number in _CITED.findall(text)}
    numbered = list(enumerate(read, 1))
    return CitedAnswer(question, text.strip(), [pair for pair in numbered if pair[0] in named] or numbered)


def _has_room(task: Generate, question: str, read: Sequence[Hit], max_tokens: int) -> bool:
    """True where a prompt leaves room for an answer in the model's context."""
    limit = task.model.context_limit
    return (
        limit is None or len(ChatTemplate(task.tokenizer).prompt(_messages(question, read), ())) + max_tokens <= limit
    )


def _messages(question: str, read: Sequence[Hit]) -> list[dict[str, str]]:
    passages = "\n\n".join(f"[{number}] {' '.join(hit.text.split())}" for number, hit in enumerate(read, 1))
    return [{"role": "user", "content": f"{INSTRUCTION}\n\n{passages}\n\nQuestion: {question}"}]
