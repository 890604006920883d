"""Summaries by a model that was never taught to make them, but has read what follows after "TL;DR:"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langue.account import note_length, reported
from langue.data.parallel import Pair
from langue.data.records import is_blank
from langue.engine import Engine, GenerationSettings, Hypothesis, Request
from langue.metrics.rouge import rouge
from langue.metrics.scripts import one_language
from langue.metrics.translation import Languages
from langue.settings import parse
from langue.tasks.constraints import Must, Prefix, phrase_tokens, prefix_tokens, say_what_is_lacking
from langue.tasks.generate.predict import Generate
from langue.tasks.inputs import as_list
from langue.tasks.rewriting.predict import Rewritten
from langue.text import Tokenizer

MAX_TOKENS = 60


class Prompted:
    """A decoder that goes on from a text and a prompt; its summary is what it writes up to the first line's end.

    Args:
        task: the decoder.
        prompt: what stands after the text (Radford et al. 2019, section 3.6).
        instruction: what stands before it.
    """

    name = "summarize"
    columns = ("text", "summary")

    def __init__(self, task: Generate, prompt: str = "\nTL;DR:", instruction: str = ""):
        self.task, self.prompt, self.instruction = task, prompt, instruction

    def summarize(self, texts: str | Sequence[str], **options: Any) -> str | list[str]:
        """Summarise one text or many; options are the fields of `GenerationSettings`."""
        summaries = [result.text for result in self.rewrite(as_list(texts, "a text"), **options)]
        return summaries[0] if isinstance(texts, str) else summaries

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of what it writes."""
        return self.task.tokenizer

    def check_input(self, value: str, place: str) -> None:
        """Refuse a text that the tokenizer cannot read, as `Task.check_input` does."""
        self.tokenizer.encode(value)

    @reported()
    def rewrite(
        self,
        texts: Sequence[str],
        *,
        prefix: Prefix = "",
        must: Must = (),
        special: bool = False,
        advance: Callable[[int], Any] | None = None,
        **options: Any,
    ) -> list[Rewritten]:
        """Summarise texts, in their order; a text is cut where the context has no room for it and its summary."""
        usual = {"beams": 4, "temperature": 0.0, "max_tokens": MAX_TOKENS}
        settings = parse(GenerationSettings, {**usual, **options}, self.name)
        prefixes = prefix_tokens(prefix, len(texts), self.tokenizer) or [[]] * len(texts)
        phrases = phrase_tokens(must, len(texts), self.tokenizer) or [[]] * len(texts)
        numbers = [number for number, text in enumerate(texts) if not is_blank(text)]
        requests = [
            Request(
                self._read(texts[number], settings.max_tokens, special), settings, self.tokenizer.ends,
                suppress_tokens=self.task.suppress_tokens, prefix=prefixes[number], phrases=phrases[number],
            )
            for number in numbers
        ]  # fmt: skip
        written = dict(zip(numbers, Engine(self.task.model, settings).run(requests, advance), strict=True))
        if advance is not None:
            advance(len(texts) - len(numbers))
        say_what_is_lacking([written[n][0].tokens for n in numbers], [phrases[n] for n in numbers])
        return [self._rewritten(written.get(number, [])) for number in range(len(texts))]

    def _read(self, text: str, max_tokens: int, special: bool) -> list[int]:
        """Tokens of a text and the prompt behind it, cut where the context has no room for them and a summary."""
        limit, prompt = self.task.model.context_limit, self.tokenizer.encode(self.prompt, special)
        ids = self.tokenizer.prompt(f"{self.instruction}{text}", special)
        room = len(ids) if limit is None else max(1, limit - len(prompt) - max_tokens)
        note_length(len(ids), room, f"the context of {limit} tokens")
        return [*ids[:room], *prompt]

    def _rewritten(self, hypotheses: Sequence[Hypothesis]) -> Rewritten:
        texts = [self.tokenizer.decode(hypothesis.tokens).strip().partition("\n")[0] for hypothesis in hypotheses]
        return Rewritten(texts[0] if texts else "", texts, [hypothesis.score for hypothesis in hypotheses])

    def score(self, predicted: Sequence[str], expected: Sequence[str], languages: Languages = None) -> dict[str, float]:
        """As of a model that was trained to summarise."""
        return rouge(predicted, expected, language=one_language(languages))

    def languages_of(self, pairs: Sequence[Pair]) -> None:
        """None: the language of the summaries is not known; see `Rewrite.languages_of`."""
        return

    def write(self, pairs: Sequence[Pair], **options: Any) -> list[str]:
        """Summaries of the sources of pairs."""
        return [result.text for result in self.rewrite([pair.source for pair in pairs], **options)]

    def evaluate(
        self, pairs: Sequence[Pair], precision: str = "fp32", *, languages: Languages = None, **options: Any
    ) -> tuple[dict[str, float], list]:
        """The scores of what the model writes, and that itself."""
        answers = self.write(pairs, **options)
        return self.score(answers, [pair.target for pair in pairs], languages), answers
