"""Conversations in tables, in the layouts that people publish them in, and as tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from langue.data.labelled import Labelled, missing_columns
from langue.data.order import epoch_order
from langue.data.pack import best_fit
from langue.data.records import Dropped, excerpt
from langue.data.stream import ArrayRows, Lookahead, RowStream
from langue.data.tally import Tally
from langue.errors import LangueError
from langue.text.chat import ChatTemplate
from langue.text.conversation import Message, conversation

SHAREGPT = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system",
            "tool": "tool", "observation": "tool", "function_response": "tool"}  # fmt: skip
"""Names of those who speak, as ShareGPT and its descendants call them."""


class ConversationRow(NamedTuple):
    """A conversation, and the tools that are at hand in it."""

    messages: list[dict[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()


class EncodedConversation(NamedTuple):
    """A conversation as tokens.

    Attributes:
        ids: (T,) int32.
        is_assistant: (T,) bool, what the assistant wrote.
    """

    ids: np.ndarray
    is_assistant: np.ndarray


def conversation_of(row: Labelled) -> ConversationRow:
    """The conversation of a row: `messages`; ShareGPT's `conversations`; Alpaca's `instruction`, `input`, `output`; or
    `prompt` and `completion`.

    Raises:
        LangueError: it has none of these columns, or nothing in it that the assistant says; names the place.
    """
    values = row.values
    try:
        messages = conversation(_messages(row))
    except LangueError as error:
        raise LangueError(f"{row.place}: {error}") from None
    if not any(message["role"] == "assistant" for message in messages):
        raise LangueError(f"{row.place}: the assistant says nothing in it, so there is nothing to learn")
    return ConversationRow(messages, values.get("tools") or ())


def _messages(row: Labelled) -> list[Message]:
    values = row.values
    if "messages" in values:
        return values["messages"]
    if "conversations" in values:
        return [_of_sharegpt(turn) for turn in values["conversations"]]
    if "instruction" in values and "output" in values:
        question = "\n\n".join(part for part in (values["instruction"], values.get("input")) if part)
        system = [{"role": "system", "content": values["system"]}] if values.get("system") else []
        return [*system, {"role": "user", "content": question}, {"role": "assistant", "content": values["output"]}]
    if "prompt" in values and "completion" in values:
        return [*_turns(values["prompt"], "user"), *_turns(values["completion"], "assistant")]
    raise missing_columns(row.place, ("messages",), values)


def _of_sharegpt(turn: Any) -> Message:
    if not isinstance(turn, Mapping) or "from" not in turn:
        return turn  # some of its descendants have messages there
    return {"role": SHAREGPT.get(str(turn["from"]), turn["from"]), "content": turn.get("value")}


def _turns(value: Any, role: str) -> list[Message]:
    return [{"role": role, "content": value}] if isinstance(value, str) else list(value)


def texts_in(rows: Sequence[Labelled]) -> Iterator[str]:
    """All texts of conversations, each behind the name of who says it."""
    for row in rows:
        for message in conversation_of(row).messages:
            yield f"{message['role']}\n{message['content']}\n"


def encoded(rows: Sequence[Labelled], template: ChatTemplate, longest: int, tally: Tally) -> list[EncodedConversation]:
    """Conversations as tokens; longer ones are left out, since an answer without its question teaches nothing.

    Args:
        rows: of a table.
        template: how they are written.
        longest: tokens at most.
        tally: gets what is kept and what is left out.

    Raises:
        LangueError: a row is no conversation, or the template refuses it; names the place.
    """
    kept = []
    for number, row in enumerate(rows, 1):
        messages, tools = conversation_of(row)
        try:
            ids, is_assistant = template.render(messages, tools)
        except LangueError as error:
            raise LangueError(f"{row.place}: {error}") from None
        text = "\n".join(message["content"] for message in messages).encode("utf-8", "surrogatepass")
        if len(ids) > longest:
            tally.drop(Dropped("longer than the context", row.place, number, len(text), excerpt(text)))
        else:
            tally.keep(len(text))
            kept.append(EncodedConversation(np.array(ids, np.int32), np.array(is_assistant)))
    return kept


class PackedConversations(RowStream):
    """Rows of context + 1 tokens, filled with whole conversations by the best fit; none sees another.

    Args:
        conversations: as tokens, none longer than a row.
        context: positions of a row.
        seed: of the order of rows, which changes with each epoch.
    """

    def __init__(self, conversations: Sequence[EncodedConversation], context: int, seed: int):
        self.conversations, self.context = conversations, context
        rows = best_fit(np.array([len(one.ids) for one in conversations]), context + 1)
        self._members = [np.flatnonzero(rows == row) for row in range(int(rows.max()) + 1)]
        self._locate = Lookahead(lambda numbers: epoch_order(numbers, self.size, seed)[1], self.size)

    def __len__(self) -> int:
        return len(self.conversations)

    @property
    def tokens(self) -> int:
        """Tokens of all conversations."""
        return sum(len(one.ids) for one in self.conversations)

    @property
    def targets(self) -> int:
        """Tokens that are learnt."""
        return sum(int(one.is_assistant.sum()) for one in self.conversations)

    @property
    def size(self) -> int:
        return len(self._members)

    def take(self, rows: np.ndarray) -> ArrayRows:
        """`ids` and `documents` (context + 1,) int64, and `learnt` (context + 1,) bool of each row."""
        return self.places(self._locate(rows))

    def places(self, places: np.ndarray) -> ArrayRows:
        """The same by their place, whatever their order is."""
        shape = (len(places), self.context + 1)
        ids, learnt = np.zeros(shape, np.int64), np.zeros(shape, bool)
        documents = np.zeros(shape, np.int64)
        for row, place in enumerate(places.tolist()):
            at = 0
            for number, member in enumerate(self._members[place].tolist()):
                conversation = self.conversations[member]
                stretch = slice(at, at + len(conversation.ids))
                ids[row, stretch], learnt[row, stretch] = conversation.ids, conversation.is_assistant
                documents[row, stretch] = number
                at = stretch.stop
            free = shape[1] - at  # each a document of its own, so that nothing sees it
            documents[row, at:] = len(self._members[place]) + np.arange(free)
        return ArrayRows({"ids": ids, "documents": documents, "learnt": learnt})
