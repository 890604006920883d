"""The one search: greedy, sampling and beam, for every form and mixer, in batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch

from langue import machine
from langue.decode.beam import Beams
from langue.decode.rank import Hypothesis
from langue.decode.rows import Source
from langue.decode.settings import SearchSettings
from langue.decode.task import Asked, Chooser, Rule
from langue.decode.writing import Writing
from langue.errors import LangueError
from langue.kernels import settled_weights
from langue.models import Model

LATE_SHARE = 8
"""When one in so many of a batch's prompts is left, these go on later, together with those of other batches."""

WEIGHTS_SHARE = 4
"""One in so many bytes of free memory may be taken to have weights in an order that makes products faster."""


@dataclass
class Search:
    """What to search with, and when to end.

    Args:
        model: a decoder or encoder–decoder, or several of one form and vocabulary, whose probabilities are averaged.
        settings: how tokens are chosen.
        ends: the token that ends a text, or several.
        never: tokens that may not be chosen; those that end a text are never among them.
        rule: what else rules tokens out, see `Chooser`.

    Raises:
        LangueError: models of different vocabularies or forms.
    """

    model: Model | Sequence[Model]
    settings: SearchSettings
    ends: int | Sequence[int]
    never: Sequence[int] = ()
    rule: Rule | None = None
    chooser: Chooser = field(init=False, repr=False)

    def __post_init__(self) -> None:
        models = [self.model] if isinstance(self.model, Model) else list(self.model)
        kinds = sorted({(model.config.form, model.config.vocab_size) for model in models})
        if len(kinds) != 1:
            raise LangueError(
                "an ensemble needs models of one form and vocabulary, but these are "
                + ", ".join(f"{form}s of {size} tokens" for form, size in kinds)
            )
        ends = (self.ends,) if isinstance(self.ends, int) else tuple(self.ends)
        banned = sorted({token for token in self.never if token not in ends and token < kinds[0][1]})
        never = torch.tensor(banned, dtype=torch.long, device=models[0].device) if banned else None
        self.chooser = Chooser(models, self.settings, ends, never, self.rule)

    @torch.inference_mode()
    def run(
        self,
        prompts: Sequence[Sequence[int]],
        sources: Sequence[Source] | None = None,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        phrases: Sequence[Sequence[Sequence[int]]] | None = None,
    ) -> list[list[Hypothesis]]:
        """For each prompt its `samples` hypotheses; of beams the best, best first.

        Args:
            prompts: tokens of each, at least one, which are not part of what is written.
            sources: what each is written about, for encoder–decoders.
            prefixes: tokens that each text has to begin with, which are part of it and of its score.
            phrases: for each text, phrases of tokens that have to stand in it; for beams. Where no room is left for
                them, a text holds as many of their tokens as could be found; of n-best there may be fewer.

        Raises:
            LangueError: phrases without beams, a prefix or phrases without room, or coverage of a model that looks at
                no source.
        """
        asked = Asked(prompts, sources, prefixes, phrases if phrases is not None and any(phrases) else None)
        self._check(asked)
        with settled_weights(machine.memory()[1] // WEIGHTS_SHARE):
            found = self._write(asked) if self.settings.beams == 1 else self._follow(asked)
        return [found[number][: self.settings.samples] for number in range(len(asked))]

    def batches(self, asked: Asked) -> Iterator[list[int]]:
        """Numbers of prompts that are worked on together: of like length, longest first, within the settings' bounds.

        The longest come first so that memory runs out at once or not at all.
        """
        lengths = asked.lengths()
        waiting = sorted(range(len(asked)), key=lambda number: -lengths[number])
        while waiting:
            most = self._most(lengths[waiting[0]])
            yield waiting[:most]
            del waiting[:most]

    def _most(self, longest: int) -> int:
        """How many prompts may be worked on together."""
        rows = min(self.settings.batch_rows, self.settings.batch_tokens // max(1, longest))
        return max(1, rows // self.settings.width)

    def _write(self, asked: Asked) -> dict[int, list[Hypothesis]]:
        """Greedily or by sampling."""
        found = {}
        for numbers in self.batches(asked):
            part = asked.take(numbers)
            writing = Writing(self, part.prompts, part.sources, part.prefixes)
            for _ in writing.tokens():
                pass
            rows = iter(writing.hypotheses)
            found |= {number: list(islice(rows, self.settings.samples)) for number in numbers}
        return found

    def _follow(self, asked: Asked) -> dict[int, list[Hypothesis]]:
        """By beams. A batch's last few prompts go on with those of others: a step of few rows costs almost as much."""
        lengths, found = asked.lengths(), {}
        late: Beams | None = None
        for numbers in self.batches(asked):
            beams = Beams(self.chooser, asked, numbers)
            beams.run(len(numbers) // LATE_SHARE)
            found |= beams.ended  # lists, which those that are late go on with
            if late is None or not late.live:
                late = beams
            elif beams.live:
                late.join(beams)
            most = self._most(max((lengths[number] for number in late.live), default=0))
            if len(late.live) > most - most // LATE_SHARE:
                late.run(most // LATE_SHARE)
        if late is not None:
            late.run()
        return found

    def _check(self, asked: Asked) -> None:
        models = self.chooser.models
        if self.settings.coverage_penalty and any(model.config.form != "seq2seq" for model in models):
            raise LangueError("coverage_penalty needs an encoder–decoder, whose decoder looks at a source")
        for room, prefix in zip(asked.rooms(self.settings), asked.prefixes or (), strict=False):
            if len(prefix) > room:
                raise LangueError(f"a prefix of {len(prefix)} tokens has no room in {room} new ones; raise max_tokens")
        if asked.phrases is None:
            return
        if self.settings.beams == 1:
            raise LangueError("phrases that have to stand in a text need a beam search; set beams to 2 or more")
        if self.settings.groups > 1:
            raise LangueError("phrases that have to stand in a text do not go together with groups; set groups to 1")
        for room, phrases in zip(asked.rooms(self.settings), asked.phrases, strict=True):
            needed = sum(len(phrase) for phrase in phrases)
            if needed > room:
                raise LangueError(f"phrases of {needed} tokens do not fit into {room} new tokens; raise max_tokens")
