"""Prompts as a policy reads them: the decoder's first tokens, and the source of an encoder–decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from langue.data.pair_encoder import PairEncoder
from langue.errors import LangueError
from langue.models import ModelConfig
from langue.objectives.completions import Completion
from langue.tasks.policies.settings import PolicySettings
from langue.tasks.rewriting.predict import first_token_of, opening_of
from langue.text import Tokenizer


class Prompt(NamedTuple):
    """One prompt.

    Attributes:
        ids: the decoder's first tokens, behind which it writes.
        source: the encoder's tokens (S,), or features of a recording (S, bins).
    """

    ids: Sequence[int]
    source: Any = None


class PromptReader(Protocol):
    """A way of reading prompts."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of what is written."""

    def read(self, prompts: Sequence[str]) -> list[Prompt]:
        """The tokens of prompts, as long as they are."""

    def fit(self, prompt: Prompt, length: int) -> Prompt | None:
        """A prompt that leaves room for a text of so many tokens, its beginning cut; None if there is no room."""


@dataclass(frozen=True)
class DecoderPrompts:
    """Prompts that a decoder goes on from."""

    tokenizer: Tokenizer
    context: int
    special: bool = False

    def read(self, prompts: Sequence[str]) -> list[Prompt]:
        return [Prompt(self.tokenizer.prompt(prompt, self.special)) for prompt in prompts]

    def fit(self, prompt: Prompt, length: int) -> Prompt | None:
        room = self.context + 1 - length  # the last token is written, and never read
        return Prompt(prompt.ids[-room:]) if room > 0 else None


@dataclass(frozen=True)
class SourcePrompts:
    """Prompts that an encoder reads, and about which a decoder writes.

    Attributes:
        sides: of the model's pairs.
        start: the token that the decoder begins with.
        tags: tokens that stand before each source.
    """

    sides: PairEncoder
    context: int
    start: int
    tags: Sequence[int] = ()

    @property
    def tokenizer(self) -> Tokenizer:
        return self.sides.target

    def read(self, prompts: Sequence[str]) -> list[Prompt]:
        sources = self.sides.encode_sources(list(prompts))
        return [Prompt((self.start, *self.sides.opening), self.sides.framed(self.tags, ids)) for ids in sources]

    def fit(self, prompt: Prompt, length: int) -> Prompt | None:
        source, most = list(prompt.source), self.sides.max_source
        cut = source if len(source) <= most else [*source[: most - 1], source[-1]]
        return Prompt(prompt.ids, cut) if len(prompt.ids) + length <= self.context + 1 else None


def reader_of(
    config: ModelConfig, tokenizer: Tokenizer, settings: PolicySettings, source_tokenizer: Tokenizer | None = None
) -> PromptReader:
    """The reader of a policy's prompts.

    Raises:
        LangueError: the policy reads no texts, or is told one of several tags and the settings name none.
    """
    if config.audio is not None:
        raise LangueError("the model hears, and reads no prompts")
    if config.form == "decoder":
        return DecoderPrompts(tokenizer, config.context, settings.special)
    if config.form != "seq2seq":
        raise LangueError("an encoder writes nothing; begin from a decoder or an encoder–decoder")
    opening, pairs = opening_of(config, tokenizer), settings.pairs
    source = (source_tokenizer or tokenizer).reading_specials(settings.special)
    sides = PairEncoder.of(source, tokenizer, pairs, config.context, opening)
    tags = (pairs.tag,) if pairs.tag is not None else pairs.tags if pairs.tagged and len(pairs.tags) == 1 else ()
    if pairs.tagged and not tags:
        raise LangueError(f"the model was always told one of {', '.join(pairs.tags)}; set policy.pairs.tag to one")
    first = first_token_of(config.decoder_start_token_id, tokenizer)
    numbers, opening = sides.resolved(tags)
    return SourcePrompts(replace(sides, opening=opening), config.context, first, numbers)


def completions_of(reader: PromptReader, prompts: Sequence[Prompt], texts: Sequence[str]) -> list[Completion | None]:
    """Texts behind their prompts, ended; None for a text that the context has no room for."""
    rows: list[Completion | None] = []
    for prompt, ids in zip(prompts, reader.tokenizer.encode_batch(texts), strict=True):
        text = [*ids, reader.tokenizer.end]
        fitting = reader.fit(prompt, len(text))
        rows.append(None if fitting is None else Completion.of(fitting.ids, text, fitting.source))
    return rows
