"""Text generation: a decoder goes on from a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, overload

from langue.batch import Batch
from langue.data import TokenStore
from langue.engine import (
    Engine,
    GenerationSettings,
    Hypothesis,
    OutputSettings,
    Request,
    SamplingSettings,
    StopStrings,
    StructureProcessor,
)
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.metrics.classification import accuracy
from langue.models import Model
from langue.objectives import Causal
from langue.policies import DecoderPolicy
from langue.settings import parse
from langue.tasks.constraints import Must, phrase_tokens, say_what_is_lacking
from langue.tasks.generate.evaluate import evaluate_text
from langue.tasks.generate.settings import GenerateRecipe
from langue.tasks.inputs import as_list, check_type
from langue.tasks.task import SupervisedTask, check_vocabulary
from langue.text import Tokenizer
from langue.text.chat import ChatTemplate
from langue.text.conversation import Message, Tool
from langue.text.tool_calls import AssistantTurn, message_of, read_calls

CHAT_TOKENS = 4096
"""Tokens of an answer at most."""


class Generate(SupervisedTask):
    """A language model that writes.

    Args:
        model: a decoder.
        tokenizer: the one it was trained with.

    Raises:
        LangueError: the tokenizer has numbers that the model does not know.
    """

    name = "generate"
    policy = DecoderPolicy
    measured_on = "text"
    measure_options = ("documents", "text", "stride")

    def __init__(self, model: Model, tokenizer: Tokenizer):
        check_vocabulary(model, tokenizer)
        self.model, self.tokenizer = model.eval(), tokenizer

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: GenerateRecipe | None = None) -> Generate:
        return cls(pretrained.model, tokenizer)

    def objective(self) -> Causal:
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
            options: the fields of `GenerationSettings`: max_tokens, temperature, top_k, top_p, min_p,
                repetition_penalty, samples, beams, length_penalty, seed, ….

        Returns:
            The new text, without the prompt: a string for one prompt, a list for several; a list of `samples` strings
            in its place when more than one was asked for.

        Raises:
            LangueError: an option has no such name or value, or the tokenizer does not know a prompt's character.
        """
        many = as_list(prompts, "a text", kinds=(str, list, tuple))
        texts_by_prompt = [
            [self.cut(hypothesis.tokens, stop, prompt, special) for hypothesis in written]
            for prompt, written in zip(
                many, self.write(many, stop=stop, must=must, special=special, **options), strict=True
            )
        ]
        answers: list[Any] = [texts[0] if options.get("samples", 1) == 1 else texts for texts in texts_by_prompt]
        return answers[0] if isinstance(prompts, str) else answers

    def write(
        self,
        prompts: Sequence[str | Sequence[int]],
        *,
        stop: Sequence[str] = (),
        must: Must = (),
        special: bool = False,
        output: Mapping[str, Any] | None = None,
        keys: Sequence[tuple[int | str, ...]] | None = None,
        within: int | None = None,
        engine: Engine | None = None,
        **options: Any,
    ) -> list[list[Hypothesis]]:
        """The same with tokens, their log-probabilities and the score of each text; a stop string may stand at its end.

        Args:
            prompts: texts, or tokens.
            stop: and `must`, `special` and `options` as of `generate`.
            output: the form of each text, {"schema": …}, {"regex": …} or {"choice": […]}; see `OutputSettings`.
            keys: numbers or names that the draws of each depend on beside the seed.
            within: tokens of a prompt and its text together, at most; None lets a text outgrow the context.
            engine: one of this model's, which may remember how earlier prompts began; None makes one.

        Raises:
            LangueError: as of `generate`, or `within` leaves a prompt no room.
        """
        settings = parse(GenerationSettings, options, "generate")
        phrases = phrase_tokens(must, len(prompts), self.tokenizer)
        many = len(prompts)
        requests = [
            self.request(
                prompt, _bounded(settings, len(prompt), within), stop=stop, phrases=words, key=key, output=output
            )
            for prompt, words, key in zip(
                (self.encode(prompt, special) for prompt in prompts),
                phrases or [()] * many,
                keys or [()] * many,
                strict=True,
            )
        ]
        hypotheses = (engine or Engine(self.model, settings)).run(requests)
        if phrases is not None:
            say_what_is_lacking([best[0].tokens for best in hypotheses], phrases)
        return hypotheses

    def stream(
        self,
        prompt: str | Sequence[int] = "",
        *,
        stop: Sequence[str] = (),
        special: bool = False,
        output: Mapping[str, Any] | None = None,
        within: int | None = None,
        engine: Engine | None = None,
        **options: Any,
    ) -> Iterator[str]:
        """The same for one prompt, piece by piece as the text becomes certain: never half a character, never a part of
        a stop string."""
        settings = parse(GenerationSettings, {**options, "samples": 1, "beams": 1}, "generate")
        if not (isinstance(prompt, list) and all(type(token) is int for token in prompt)):
            check_type(prompt, "the prompt", "a text")
        ids = self.encode(prompt, special)
        settings = _bounded(settings, len(ids), within)
        reader, stops = self.tokenizer.stream(ids), StopStrings(_strings(stop))
        for event in (engine or Engine(self.model, settings)).stream(self.request(ids, settings, output=output)):
            piece = "" if event.token is None else stops.push(reader.push(event.token))
            if piece:
                yield piece
            if stops.stopped:
                break
        yield stops.push(reader.flush()) + stops.flush()

    @overload
    def chat(
        self,
        messages: str | Sequence[Message],
        *,
        tools: Sequence[Tool] = ...,
        stream: Literal[False] = ...,
        **options: Any,
    ) -> dict[str, Any]: ...

    @overload
    def chat(
        self, messages: str | Sequence[Message], *, tools: Sequence[Tool] = ..., stream: Literal[True], **options: Any
    ) -> Iterator[str]: ...

    def chat(
        self, messages: str | Sequence[Message], *, tools: Sequence[Tool] = (), stream: bool = False, **options: Any
    ) -> dict[str, Any] | Iterator[str]:
        """The assistant's next message, which can be put behind the conversation as it is.

        Args:
            messages: the conversation, each with `role` and `content`; a text is one message of the user's. The names
                of special tokens in them are text like any other.
            tools: functions that the assistant may call, with type hints, or their descriptions; what it calls stands
                in the message's `tool_calls`.
            stream: give the text piece by piece instead.
            options: as of `generate`, `stop` as well; without max_tokens, as many as the model's context has room for.

        Raises:
            LangueError: as of `generate`; the model's chat template refuses the conversation, or it has no room.
        """
        template = ChatTemplate(self.tokenizer)
        ids, within = template.prompt(messages, tools), self.model.context_limit
        bound: Any = {"max_tokens": CHAT_TOKENS, **options, "within": None if within is None else within + 1}
        if stream:
            return self.stream(ids, **bound)
        stop = options.get("stop", ())
        bound["samples"] = 1
        [[best]] = self.write([ids], **bound)
        text = self.cut(best.tokens, stop, ids)
        return message_of(read_calls(text) if tools else AssistantTurn(text, []))

    def check_input(self, value: str, place: str, special: bool = False) -> None:
        self.encode(value, special)

    def evaluate_store(self, store: TokenStore, stride: int | None = None) -> dict[str, float]:
        """Metrics on all text of a store; a window slides by `stride` tokens, half of the context by default."""
        half = max(1, self.model.config.context // 2)
        return evaluate_text(self.model, self.tokenizer, store, stride=half if stride is None else stride)

    def score(self, predicted: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
        """Share of texts that are exactly what was expected, but for white space around them."""
        return {"exact_match": accuracy(*([text.strip() for text in texts] for texts in (predicted, expected)))}

    def attention(self, text: str, special: bool = False) -> tuple[list[str], list[Any]]:
        """Tokens of a text as strings, and for each block with attention (heads, T, T) of its weights."""
        import torch

        ids = self.encode(text, special)
        device = self.model.device
        with torch.inference_mode():
            weights = self.model.attention(Batch(torch.tensor([ids], device=device)))
        return self.tokenizer.names(ids), [heads[0] for heads in weights]

    def request(
        self,
        prompt: Sequence[int],
        settings: SamplingSettings,
        *,
        stop: str | Sequence[str] = (),
        phrases: Sequence[Sequence[int]] = (),
        key: tuple[int | str, ...] = (),
        output: Mapping[str, Any] | None = None,
    ) -> Request:
        """A prompt as an engine gets it; its text is that of `cut`.

        Args:
            prompt: tokens, such as `encode` gives.
            settings: how tokens are chosen, and how many.
            stop: strings that end what is sampled, which may stand at its end.
            phrases: phrases of tokens that have to stand in the text, of beams.
            key: numbers or names that draws depend on beside the seed.
            output: the form of the text, see `OutputSettings`.

        Raises:
            LangueError: there is no such form.
        """
        stops = _strings(stop)
        watchers = [
            (self.tokenizer.stream(prompt), StopStrings(stops)) for _ in range(settings.samples if stops else 0)
        ]

        def is_stopped(sample: int, token: int) -> bool:
            reader, strings = watchers[sample]
            strings.push(reader.push(token))
            return strings.stopped

        return Request(
            prompt,
            settings,
            self.tokenizer.ends,
            suppress_tokens=self.suppress_tokens,
            processor=None if output is None else self._structure(output),
            phrases=phrases,
            stop=is_stopped if stops else None,
            key=key,
        )

    def _structure(self, output: Mapping[str, Any]) -> StructureProcessor:
        """A processor that leaves what is written this form."""
        settings = parse(OutputSettings, output, "output")
        return StructureProcessor(settings, self.tokenizer, self.tokenizer.ends, self.model.config.vocab_size)

    def cut(
        self,
        tokens: Sequence[int],
        stop: str | Sequence[str] = (),
        prompt: str | Sequence[int] = "",
        special: bool = False,
    ) -> str:
        """The text of tokens behind a prompt, up to the first stop string."""
        text = self.tokenizer.follow(self.encode(prompt, special), tokens)
        places = [place for string in _strings(stop) if (place := text.find(string)) >= 0]
        return text[: min(places)] if places else text

    def encode(self, prompt: str | Sequence[int], special: bool = False) -> list[int]:
        """Tokens of a prompt, as `Tokenizer.prompt` has them; of tokens, these.

        Raises:
            LangueError: names the first characters that the tokenizer does not know.
        """
        if not isinstance(prompt, str):
            return list(prompt)
        ids = self.tokenizer.prompt(prompt, special)
        if self.tokenizer.unknown is not None and self.tokenizer.unknown in ids:
            strange = sorted(set("".join(self.tokenizer.unknown_parts([prompt]))))
            raise LangueError(
                f"the model's tokenizer does not know {', '.join(map(repr, strange[:5])) or 'a part'} of the prompt"
            )
        return ids


def _bounded(settings: GenerationSettings, length: int, within: int | None) -> GenerationSettings:
    """Settings of a prompt of so many tokens that leave it and its text `within` a bound.

    Raises:
        LangueError: there is no room for any text.
    """
    if within is None:
        return settings
    if length >= within:
        raise LangueError(
            f"a prompt of {length} tokens leaves no room for a text in the model's context of {within - 1}; shorten it"
        )
    return settings if settings.max_tokens <= within - length else settings.replace(max_tokens=within - length)


def _strings(stop: str | Sequence[str]) -> list[str]:
    return [stop] if isinstance(stop, str) else list(stop)
