"""Requests: what is to be written, and how; and what an engine tells of them step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from torch import Tensor

from langue.engine.hypothesis import Hypothesis
from langue.engine.settings import SamplingSettings
from langue.errors import LangueError


@dataclass(frozen=True)
class EncodedSource:
    """A source as the model's encoder has read it already, (S, encoder width)."""

    hidden: Tensor

    def __len__(self) -> int:
        return len(self.hidden)


Source = Sequence[int] | Tensor | EncodedSource
"""The source of one text: tokens, a tensor (S,) or (S, features), or what one encoder made of it."""

LogitsProcessor = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From log-probabilities (rows, V), texts (rows, L) and how many of each one's tokens were written (rows,), to
log-probabilities."""


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt, and what is asked of the texts that go on from it.

    Attributes:
        prompt: tokens, at least one, which are not part of what is written.
        settings: how tokens are chosen, and how many.
        ends: the tokens that end a text.
        source: what it is written about, for encoder–decoders.
        suppress_tokens: tokens that may not be chosen; those that end a text are never among them.
        processor: what else rules tokens out; requests that share it are chosen for together.
        prefix: tokens that each text has to begin with, which are part of it and of its score.
        phrases: phrases of tokens that have to stand in each text, for beams. Where no room is left for them, a text
            holds as many of their tokens as could be found, and of the best few texts there may be fewer.
        stop: called with the number of the sample and each token that is drawn for it; True ends the text behind it.
        key: numbers or names that draws depend on beside the seed, the number of the sample and the position.
    """

    prompt: Sequence[int]
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    ends: Sequence[int] = ()
    source: Source | None = None
    suppress_tokens: Sequence[int] = ()
    processor: LogitsProcessor | None = None
    prefix: Sequence[int] = ()
    phrases: Sequence[Sequence[int]] = ()
    stop: Callable[[int, int], bool] | None = None
    key: tuple[int | str, ...] = ()

    @property
    def source_length(self) -> int:
        """Positions of the source."""
        return 0 if self.source is None else len(self.source)

    @property
    def length(self) -> int:
        """Positions of prompt and source."""
        return len(self.prompt) + self.source_length

    @property
    def max_tokens(self) -> int:
        """New tokens that each text may have."""
        return self.settings.max_tokens + int(self.settings.max_tokens_per_source * self.source_length)

    @cached_property
    def kind(self) -> tuple[Any, ...]:
        """A key that requests share whose tokens are chosen together."""
        ends, suppressed = tuple(self.ends), tuple(self.suppress_tokens)
        return self.settings.kind, ends, suppressed, self.processor, bool(self.phrases)

    def check(self, *, attends: bool) -> None:
        """Refuse what cannot be done.

        Args:
            attends: the model looks at a source.

        Raises:
            LangueError: phrases without beams, a prefix or phrases without room, or coverage of a model that looks at
                no source.
        """
        settings, room = self.settings, self.max_tokens
        if settings.coverage_penalty and not attends:
            raise LangueError("coverage_penalty needs an encoder–decoder, whose decoder looks at a source")
        if len(self.prefix) > room:
            raise LangueError(f"a prefix of {len(self.prefix)} tokens has no room in {room} new ones; raise max_tokens")
        if not self.phrases:
            return
        if settings.beams == 1:
            raise LangueError("phrases that have to stand in a text need a beam search; set beams to 2 or more")
        if settings.groups > 1:
            raise LangueError("phrases that have to stand in a text do not go together with groups; set groups to 1")
        needed = sum(len(phrase) for phrase in self.phrases)
        if needed > room:
            raise LangueError(f"phrases of {needed} tokens do not fit into {room} new tokens; raise max_tokens")


class Event(NamedTuple):
    """Something that happened to a request in a step.

    Attributes:
        request: it.
        sample: which of its texts got a token. Beams' texts are not certain before the last step, and show none.
        token: that token; None where a text or the request ended. Ending tokens are not shown.
        hypotheses: of a request that has finished, `samples` of them: of beams the best, best first.
    """

    request: Request
    sample: int = 0
    token: int | None = None
    hypotheses: list[Hypothesis] | None = None
