"""Chat templates: how a conversation becomes tokens, and which of them the assistant wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from langue.errors import LangueError
from langue.extra import need
from langue.text.conversation import Message, Tool, conversation, described
from langue.text.encoding import encoding
from langue.text.special import START
from langue.text.tokenizer import Tokenizer
from langue.text.tokenizer_files import DEFAULT

WITH_TOOLS = "tool_use"
"""The name of the template that some models have for conversations with tools."""

GUARD = "\ue0ff"
"""Character that no text holds (the end of a private area), put into what looks like a special token in a message."""


class RenderedChat(NamedTuple):
    """A conversation as tokens.

    Attributes:
        ids: token numbers.
        is_assistant: of each, whether the assistant wrote it; the token that ends its turn is one of them.
    """

    ids: list[int]
    is_assistant: list[bool]


class ChatTemplate:
    """A model's way to write a conversation.

    What a message holds is text: the name of a special token in it never becomes that token.

    Args:
        tokenizer: of the model; without a template of its own, conversations are written plainly, see
            `plain_template`.
        source: a template in Jinja in place of the tokenizer's.

    Raises:
        LangueError: Jinja is not installed.
    """

    def __init__(self, tokenizer: Tokenizer, source: str | None = None):
        need("jinja2", "chat", "a chat")
        self.tokenizer = tokenizer
        self._own = tokenizer.chat_templates if source is None else {DEFAULT: source}

    @property
    def source(self) -> str:
        """The template of conversations without tools."""
        return self._source(False)

    def _source(self, with_tools: bool) -> str:
        if with_tools and WITH_TOOLS in self._own:
            return self._own[WITH_TOOLS]
        if DEFAULT in self._own:
            return self._own[DEFAULT]
        return next(iter(self._own.values()), None) or plain_template(self.tokenizer)

    def text(self, messages: str | Sequence[Message], tools: Sequence[Tool] = (), *, answer: bool = False) -> str:
        """A conversation as the template writes it.

        Args:
            messages: the conversation.
            tools: functions that the assistant may call.
            answer: go on to where the assistant's next turn begins.

        Raises:
            LangueError: the template fails on it, refuses it, or has no place for tools.
        """
        return self._text(conversation(messages), described(tools), answer)

    def prompt(self, messages: str | Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """Token numbers of a conversation that the assistant is to answer.

        Raises:
            LangueError: as of `text`.
        """
        guarded = self._guarded(conversation(messages)), self._guarded(described(tools))
        return [token for token, _ in self._encode(self._text(*guarded, True))]

    def render(self, messages: str | Sequence[Message], tools: Sequence[Tool] = ()) -> RenderedChat:
        """Tokens of a whole conversation, and which of them the assistant wrote.

        What stands before a turn of the assistant's has the tokens that it has when the turn is asked for: where one
        would reach across the beginning of the turn, it is cut there.

        Raises:
            LangueError: as of `text`; or the template writes what came before a turn of the assistant's in another way
                once it has come, or ends the turn by no token that ends what the model writes. Names the turn.
        """
        plain, guarded = self._guarded(conversation(messages)), self._guarded(described(tools))
        whole = self._text(plain, guarded, False)
        turns = [self._span(plain, number, guarded, whole) for number in range(len(plain))]
        spans = {number: span for number, span in enumerate(turns, 1) if span is not None}
        tokens = self._encode(whole)
        begins = [begin for begin, _ in spans.values()]
        if not {start for _, start in tokens}.issuperset(begins):
            tokens = self._encode(whole, begins)
        is_assistant = [False] * len(tokens)
        for number, (begin, end) in spans.items():
            for place in self._turn(tokens, begin, end, number):
                is_assistant[place] = True
        return RenderedChat([token for token, _ in tokens], is_assistant)

    def _span(self, messages: list[Any], number: int, tools: list[Any], whole: str) -> tuple[int, int] | None:
        """Begin and end of a message in the whole text, if it is the assistant's."""
        if messages[number]["role"] != "assistant":
            return None
        before = self._text(messages[:number], tools, True)
        after = self._text(messages[: number + 1], tools, False)
        if not (after.startswith(before) and whole.startswith(after)):
            raise LangueError(
                f"the chat template writes what stands before message {number + 1} in another way once that has been "
                f"written, so a model could not learn what it will read; use another template"
            )
        return len(before), len(after)

    def _turn(self, tokens: Sequence[tuple[int, int]], begin: int, end: int, number: int) -> range:
        """Places of an assistant's turn among tokens and where each begins: up to the token that ends it."""
        places = [place for place, (_, start) in enumerate(tokens) if begin <= start < end]
        for place in places:
            if tokens[place][0] in self.tokenizer.ends:
                return range(places[0], place + 1)
        ends = ", ".join(self.tokenizer.engine.id_to_token(token) or str(token) for token in self.tokenizer.ends)
        raise LangueError(
            f"the chat template ends message {number}, which is the assistant's, by none of the tokens that end what "
            f"the model writes ({ends}); it would never stop"
        )

    def _text(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], answer: bool) -> str:
        from langue.text.sandbox import compiled

        source = self._source(bool(tools))
        if tools and "tools" not in source:
            raise LangueError("the model's chat template has no place for tools; it was not taught to use any")
        return compiled(source)(
            messages=messages,
            tools=tools or None,
            documents=None,
            add_generation_prompt=answer,
            **self._variables,
        )

    @cached_property
    def _variables(self) -> dict[str, Any]:
        """Special tokens by the names that templates know."""
        tokenizer, roles = self.tokenizer, self.tokenizer.roles
        by_purpose = {"bos_token": tokenizer.start, "eos_token": tokenizer.end, "pad_token": tokenizer.pad}
        names = {role: tokenizer.engine.id_to_token(n) for role, n in by_purpose.items() if n is not None}
        return {**names, **roles}

    @cached_property
    def _special(self) -> re.Pattern[str]:
        """Names of special tokens, the longest first."""
        decoder = self.tokenizer.engine.get_added_tokens_decoder()
        names = sorted((token.content for token in decoder.values() if token.special), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, names)) or r"(?!)")

    def _guarded(self, value: Any) -> Any:
        """The same with a guard behind the first character of what looks like a special token."""
        if isinstance(value, str):
            plain = value.replace(GUARD, "")
            return self._special.sub(lambda match: f"{match[0][0]}{GUARD}{match[0][1:]}", plain)
        if isinstance(value, dict):
            return {name: self._guarded(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._guarded(part) for part in value]
        return value

    def _encode(self, text: str, cuts: Sequence[int] = ()) -> list[tuple[int, int]]:
        """Token numbers of a rendered text, and where each begins in it, none of which reaches across a cut; guards are
        taken out."""
        if cuts:
            parts = zip([0, *cuts], [*cuts, len(text)], strict=True)
            return [(token, begin + at) for begin, end in parts for token, at in self._encode(text[begin:end])]
        if GUARD not in text:
            return self._encode_piece(text, 0, special=True)
        tokens: list[tuple[int, int]] = []
        place = 0
        for match in self._special.finditer(text):
            tokens += self._encode_guarded(text[place : match.start()], place)
            tokens += self._encode_piece(match[0], match.start(), special=True)
            place = match.end()
        return tokens + self._encode_guarded(text[place:], place)

    def _encode_guarded(self, text: str, begin: int) -> list[tuple[int, int]]:
        """Tokens of a piece without special ones."""
        places = [place for place, letter in enumerate(text) if letter != GUARD]
        pieces = self._encode_piece(text.replace(GUARD, ""), 0, special=False)
        return [(token, begin + (places[start] if start < len(places) else len(text))) for token, start in pieces]

    def _encode_piece(self, text: str, begin: int, *, special: bool) -> list[tuple[int, int]]:
        if not text:
            return []
        with encoding((text,)):
            made = self.tokenizer.reading_specials(special).engine.encode(text, add_special_tokens=False)
        return [(token, begin + start) for token, (start, _) in zip(made.ids, made.offsets, strict=True)]


def plain_template(tokenizer: Tokenizer) -> str:
    """The template of a model that has none: each message begins with its role and ends with the token that ends a
    document.

    `<|start|>user\\nHello<|end|>\\n` with the tokens of tokenizers that Langue trains; others may have no first one.
    """
    names = [token.content for token in tokenizer.engine.get_added_tokens_decoder().values()]
    start = START if START in names else ""
    end = tokenizer.engine.id_to_token(tokenizer.end)
    turn = f"{start!r} + message.role + '\\n' + message.content + {end!r} + '\\n'"
    answer = f"{start!r} + 'assistant\\n'"
    return (
        f"{{%- for message in messages -%}}{{{{ {turn} }}}}{{%- endfor -%}}"
        f"{{%- if add_generation_prompt -%}}{{{{ {answer} }}}}{{%- endif -%}}"
    )
