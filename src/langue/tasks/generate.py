"""Text generation: a decoder goes on from a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langue.batch import Batch
from langue.decode import Hypothesis, Search, SearchSettings, StopStrings, Writing
from langue.errors import LangueError
from langue.metrics.classification import accuracy
from langue.models import Model
from langue.objectives import Causal
from langue.settings import parse
from langue.tasks.demands import Must, phrase_tokens, say_what_is_lacking
from langue.text import Tokenizer

ROWS = 64
"""Texts that are written side by side."""


class Generate:
    """A language model that writes.

    Args:
        model: a decoder.
        tokenizer: the one it was trained with.

    Raises:
        LangueError: the tokenizer has numbers that the model does not know.
    """

    name = "generate"

    def __init__(self, model: Model, tokenizer: Tokenizer):
        if tokenizer.vocab_size > model.config.vocab_size:
            raise LangueError(
                f"the tokenizer has {tokenizer.vocab_size} tokens but the model knows {model.config.vocab_size}; "
                f"they do not belong together"
            )
        self.model, self.tokenizer = model.eval(), tokenizer

    @classmethod
    def open(
        cls, model: Model, tokenizer: Tokenizer, labels: Sequence[str] | None = None, recipe: Any = None
    ) -> Generate:
        """The task of a model's folder, and of the recipe it was trained by, where there is one."""
        return cls(model, tokenizer)

    def objective(self) -> Causal:
        """What it learns by."""
        return Causal(opening=self.tokenizer.document_opening)

    def generate(
        self,
        prompts: str | Sequence[str] = "",
        *,
        stop: Sequence[str] = (),
        must: Must = (),
        special: bool = False,
        **options: Any,
    ) -> str | list[str] | list[list[str]]:
        """Go on from one prompt or many.

        Args:
            prompts: text to go on from; an empty one begins a document.
            stop: strings that end a text and are not part of it.
            must: words that have to stand in the new text, of beams: the same in all, or a list for each prompt.
            special: let the names of special tokens in a prompt be these tokens, as in an instruct model's own form;
                otherwise they are text like any other.
            options: the fields of `SearchSettings`: max_tokens, temperature, top_k, top_p, min_p, repetition_penalty,
                samples, beams, length_penalty, seed, ….

        Returns:
            The new text, without the prompt: a string for one prompt, a list for several; a list of `samples` strings
            in its place when more than one was asked for.

        Raises:
            LangueError: an option has no such name or value, or the tokenizer does not know a prompt's character.
        """
        many = [prompts] if isinstance(prompts, str) else list(prompts)
        found = [
            [self.cut(each.tokens, stop, prompt, special) for each in written]
            for prompt, written in zip(
                many, self.write(many, stop=stop, must=must, special=special, **options), strict=True
            )
        ]
        answers: list[Any] = [texts[0] if options.get("samples", 1) == 1 else texts for texts in found]
        return answers[0] if isinstance(prompts, str) else answers

    def write(
        self,
        prompts: Sequence[str],
        *,
        stop: Sequence[str] = (),
        must: Must = (),
        special: bool = False,
        **options: Any,
    ) -> list[list[Hypothesis]]:
        """The same with tokens, their log-probabilities and the score of each text; a stop string may stand at its end.

        Raises:
            LangueError: as of `generate`.
        """
        settings = parse(SearchSettings, options, "generate")
        phrases = phrase_tokens(must, len(prompts), self.tokenizer)
        encoded = [self._encode(prompt, special) for prompt in prompts]
        found: list[list[Hypothesis]] = []
        for start in range(0, len(prompts), ROWS):
            part = slice(start, start + ROWS)
            found += self._write(encoded[part], settings, _strings(stop), None if phrases is None else phrases[part])
        if phrases is not None:
            say_what_is_lacking([each[0].tokens for each in found], phrases)
        return found

    def stream(
        self, prompt: str = "", *, stop: Sequence[str] = (), special: bool = False, **options: Any
    ) -> Iterator[str]:
        """The same for one prompt, piece by piece as the text becomes certain: never half a character, never a part of
        a stop string."""
        settings = parse(SearchSettings, {**options, "samples": 1, "beams": 1}, "generate")
        ids = self._encode(prompt, special)
        writing = Writing(self._search(settings), [ids])
        reader, stops = self.tokenizer.stream(ids), StopStrings(_strings(stop))
        for row, token in writing.tokens():
            piece = stops.push(reader.push(token))
            if piece:
                yield piece
            if stops.stopped:
                writing.stop(row)
        yield stops.push(reader.flush()) + stops.flush()

    def check_input(self, given: str, place: str, special: bool = False) -> None:
        """Refuse a prompt with characters that the tokenizer does not know.

        Raises:
            LangueError: so it is.
        """
        self._encode(given, special)

    def predict(self, inputs: Sequence[str], **options: Any) -> list[Any]:
        """`generate` for a list."""
        found = self.generate(list(inputs), **options)
        assert isinstance(found, list)
        return found

    def score(self, predicted: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
        """Share of texts that are exactly what was expected, but for white space around them."""
        return {"exact_match": accuracy(*([text.strip() for text in texts] for texts in (predicted, expected)))}

    def attention(self, text: str, special: bool = False) -> tuple[list[str], list[Any]]:
        """Tokens of a text as strings, and for each block with attention (heads, T, T) of its weights."""
        import torch

        ids = self._encode(text, special)
        device = self.model.device
        with torch.inference_mode():
            weights = self.model.attention(Batch(torch.tensor([ids], device=device)))
        return self.tokenizer.names(ids), [each[0] for each in weights]

    def _write(
        self, ids: Sequence[list[int]], settings: SearchSettings, stop: Sequence[str], phrases: Sequence[Any] | None
    ) -> list[list[Hypothesis]]:
        search = self._search(settings)
        if settings.beams > 1 or phrases is not None:  # which says what is wrong with phrases and no beams
            return search.run(ids, phrases=phrases)
        writing = Writing(search, ids)
        readers = [self.tokenizer.stream(ids[row // settings.samples]) for row in range(len(writing.hypotheses))]
        watchers = [StopStrings(stop) for _ in writing.hypotheses]
        for row, token in writing.tokens():
            if stop:
                watchers[row].push(readers[row].push(token))
                if watchers[row].stopped:
                    writing.stop(row)
        found = writing.hypotheses
        return [found[place : place + settings.samples] for place in range(0, len(found), settings.samples)]

    def _search(self, settings: SearchSettings) -> Search:
        return Search(self.model, settings, self.tokenizer.ends, self.never())

    def never(self) -> list[int]:
        """Tokens that are no text: special ones, and numbers of the model's that the tokenizer does not use."""
        unknown = set() if self.tokenizer.unknown is None else {self.tokenizer.unknown}
        unused = set(range(self.tokenizer.vocab_size, self.model.config.vocab_size))
        return sorted(self.tokenizer.specials | unknown | unused)

    def cut(
        self, tokens: Sequence[int], stop: str | Sequence[str] = (), prompt: str = "", special: bool = False
    ) -> str:
        """The text of tokens behind a prompt, up to the first stop string."""
        text = self.tokenizer.follow(self._encode(prompt, special), tokens)
        places = [place for string in _strings(stop) if (place := text.find(string)) >= 0]
        return text[: min(places)] if places else text

    def _encode(self, prompt: str, special: bool = False) -> list[int]:
        """Tokens of a prompt, as `Tokenizer.prompt` has them.

        Raises:
            LangueError: names the first characters that the tokenizer does not know.
        """
        ids = self.tokenizer.prompt(prompt, special)
        if self.tokenizer.unknown is not None and self.tokenizer.unknown in ids:
            strange = sorted(set("".join(self.tokenizer.unknown_parts([prompt]))))
            raise LangueError(
                f"the model's tokenizer does not know {', '.join(map(repr, strange[:5])) or 'a part'} of the prompt"
            )
        return ids


def _strings(stop: str | Sequence[str]) -> list[str]:
    return [stop] if isinstance(stop, str) else list(stop)
