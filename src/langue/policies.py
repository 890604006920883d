"""Policies: whatever answers observations. A run that writes is one, and so is a person at the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from langue.engine import GenerationSettings, Hypothesis
from langue.errors import LangueError
from langue.settings import parse
from langue.written_text import WrittenText


class Reply(NamedTuple):
    """A policy's answer to one observation.

    Attributes:
        text: the action.
        written: the tokens of the observation and of the answer, with who wrote each, behind those of earlier turns;
            empty of a policy without tokens. Of an encoder–decoder, what its decoder reads and writes.
        source: the tokens that an encoder read, or (frames, bins) features of a recording.
        cut: the answer did not end by itself, but where there was no more room.
    """

    text: str
    written: WrittenText = WrittenText()
    source: Any = ()
    cut: bool = False


Policy = Callable[[Sequence[str], Sequence[Mapping[str, Any]]], Sequence[Reply]]
"""From observations and their infos to a reply to each.

An info is the environment's, with `history`: a `WrittenText` of all earlier turns; and `seed`, `episode_number`,
`sample` and `turn`, on which draws are to depend and on nothing else.
"""


def policy_of(task: Any, *, within_context: bool = False, **options: Any) -> Policy:
    """The policy of a model.

    Args:
        task: what `langue.load` gives of a run that writes.
        within_context: let no text outgrow the decoder's context, beyond which what was drawn has not the likelihood
            that the model gives the text as a whole.
        options: the task's own, such as temperature, max_tokens, beams and seed.

    Raises:
        LangueError: it does not write.
    """
    if task.policy is None:
        raise LangueError(f"the model was trained to {task.name}, which is no way to act; take one that writes")
    limit = task.model.context_limit if within_context else None
    # The last token is written, and never read.
    return task.policy(task, options, None if limit is None else limit + 1)


@dataclass
class DecoderPolicy:
    """A decoder goes on from all that was written so far; `within` so many tokens, where that is bounded."""

    task: Any
    options: Mapping[str, Any]
    within: int | None = None

    def __call__(self, observations: Sequence[str], infos: Sequence[Mapping[str, Any]]) -> list[Reply]:
        read = cache(self._read)  # the texts of a group answer the same observation
        turns = [read(text, not info["history"].ids) for text, info in zip(observations, infos, strict=True)]
        prompts = [(info["history"] + turn).ids for turn, info in zip(turns, infos, strict=True)]
        options = {**_keeping_draws(self.options, beams=1), "keys": _keys(infos)}
        written = self.task.write(prompts, within=self.within, **options)
        cut = cache(self._cut)  # and often say the same
        return [self._reply(*row, cut) for row in zip(prompts, turns, (best[0] for best in written), strict=True)]

    def _read(self, observation: str, first: bool) -> WrittenText:
        tokenizer = self.task.tokenizer
        if first:
            return WrittenText().extended(tokenizer.prompt(observation), "prompt")
        return WrittenText().extended(tokenizer.encode(observation), "environment")

    def _cut(self, prompt: tuple[int, ...], tokens: tuple[int, ...]) -> str:
        return self.task.cut(tokens, self.options.get("stop", ()), prompt)

    def _reply(
        self,
        prompt: tuple[int, ...],
        turn: WrittenText,
        best: Hypothesis,
        cut: Callable[[tuple[int, ...], tuple[int, ...]], str],
    ) -> Reply:
        written = turn.extended(best.written, "model", _draws(best))
        return Reply(cut(prompt, tuple(best.tokens)), written, cut=not best.ended)


@dataclass
class RewriterPolicy:
    """An encoder–decoder reads an observation, and rewrites it `within` so many tokens, where that is bounded; it
    remembers no earlier turn."""

    task: Any
    options: Mapping[str, Any]
    within: int | None = None

    def __call__(self, observations: Sequence[str], infos: Sequence[Mapping[str, Any]]) -> list[Reply]:
        replies: dict[int, Reply] = {}
        tags = [tuple(info.get("tags", ())) for info in infos]
        for own in sorted(set(tags)):
            rows = [number for number, other in enumerate(tags) if other == own]
            bounded = _bounded(self.options, 1 + len(self.task.sides.opening), self.within)
            options = {**_keeping_draws(bounded, beams=4), "keys": _keys([infos[row] for row in rows])}
            written = self.task.rewrite([observations[row] for row in rows], tags=own or None, long="cut", **options)
            replies |= {row: self._reply(result) for row, result in zip(rows, written, strict=True)}
        return [replies[row] for row in range(len(observations))]

    def _reply(self, result: Any) -> Reply:
        if result.best is None:  # of a source without any token
            return Reply(result.text)
        opening = WrittenText().extended((self.task.start, *self.task.sides.opening), "prompt")
        written = opening.extended(result.best.written, "model", _draws(result.best))
        return Reply(result.text, written, result.read, cut=not result.best.ended)


@dataclass
class TranscriberPolicy:
    """A model that hears writes down an observation's recording; `within` so many tokens, where that is bounded."""

    task: Any
    options: Mapping[str, Any]
    within: int | None = None

    def __call__(self, observations: Sequence[str], infos: Sequence[Mapping[str, Any]]) -> list[Reply]:
        if any("audio" not in info for info in infos):
            raise LangueError("a model that hears needs recordings, such as those of Langue/Transcribe-v0")
        # The texts of a group are about one recording, which each of their episodes has read.
        episodes = [(info["seed"], info["episode_number"], info["turn"]) for info in infos]
        recordings = dict(zip(episodes, (info["audio"] for info in infos), strict=True))
        sounds = [recordings[episode] for episode in episodes]
        if not self.options.get("temperature"):
            known = {name: value for name, value in self.options.items() if name in HEARING}
            return [Reply(result.text) for result in self.task.hear(sounds, **known)]
        settings = parse(GenerationSettings, _bounded(self.options, len(self.task.prompt), self.within), "transcribe")
        drawn = self.task.draw(sounds, _keys(infos), settings)
        return [self._reply(transcript) for transcript in drawn]

    def _reply(self, drawn: Any) -> Reply:
        written = WrittenText().extended(drawn.prompt, "prompt")
        written = written.extended(drawn.tokens, "model", drawn.log_probabilities)
        return Reply(drawn.text, written, drawn.features, cut=not drawn.ended)


HEARING = ("beams", "language_model", "weight", "bonus", "vad")
"""Options of a model that hears, where it does not draw."""


def _bounded(options: Mapping[str, Any], opening: int, within: int | None) -> Mapping[str, Any]:
    """Options whose `max_tokens`, where it is one, leaves a text behind its opening `within` a bound."""
    most = options.get("max_tokens")
    return options if within is None or most is None else {**options, "max_tokens": min(most, within - opening)}


def _keeping_draws(options: Mapping[str, Any], beams: int) -> dict[str, Any]:
    """Options that keep the log-probabilities that tokens are drawn with, of whatever is drawn and no beam."""
    return {**options, "draw_log_probabilities": options.get("beams", beams) == 1}


def _keys(infos: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...]]:
    return [(info["episode_number"], info["sample"], info["turn"]) for info in infos]


def _draws(best: Hypothesis) -> list[float]:
    logs = best.log_probabilities if best.draw_log_probabilities is None else best.draw_log_probabilities
    return logs[: len(best.written)]
