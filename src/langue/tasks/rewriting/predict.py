"""The common part of translation and summarisation: a text in, another text out, by an encoder–decoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from langue.account import reported
from langue.batch import Batch, Example
from langue.console import say, with_article
from langue.data.pair_encoder import PairEncoder
from langue.data.parallel import Pair
from langue.data.settings import PairSettings
from langue.engine import Engine, GenerationSettings, Hypothesis, Request
from langue.errors import LangueError
from langue.hub import PretrainedModel
from langue.metrics.scripts import is_unspaced
from langue.metrics.translation import Languages
from langue.models import Model, ModelConfig
from langue.objectives import Seq2SeqObjective
from langue.objectives.padding import by_length
from langue.recipe import PairRecipe, Recipe
from langue.settings import parse
from langue.tasks.constraints import Must, Prefix, phrase_tokens, prefix_tokens, say_what_is_lacking
from langue.tasks.framing import batch_tokens
from langue.tasks.inputs import as_list, check_type
from langue.tasks.losses import mean_loss, with_perplexity
from langue.tasks.references import ReferenceTask
from langue.tasks.rewriting.sources import Long, Sources, read_sources
from langue.text import Tokenizer
from langue.text.sentences import joined


@dataclass(frozen=True)
class Rewritten:
    """The result of one text.

    Attributes:
        text: the best.
        texts: the n best, best first; of a text in several pieces, of each the best.
        scores: log-probability of each.
        best: the hypothesis itself with its tokens, of a text in one piece.
        read: the tokens that it was made of, of a text in one piece.
    """

    text: str
    texts: list[str]
    scores: list[float]
    best: Hypothesis | None = None
    read: Sequence[int] = ()


@dataclass(frozen=True)
class Draft:
    """Texts on their way to being rewritten, in pieces that an engine writes by themselves.

    Attributes:
        count: how many texts there are.
        sources: their pieces.
        settings: of the search.
        requests: one for each piece.
        phrases: what has to stand in each text, or None.
        tokenizer: of what is written.
    """

    count: int
    sources: Sources
    settings: GenerationSettings
    requests: list[Request]
    phrases: list[list[list[int]]] | None
    tokenizer: Tokenizer

    def together(self, written: Sequence[list[Hypothesis]]) -> list[Rewritten]:
        """The result of each text, of the hypotheses of each request."""
        pieces: list[list[int]] = [[] for _ in range(self.count)]
        for number, owner in enumerate(self.sources.owners):
            pieces[owner].append(number)
        answers = []
        for numbers in pieces:
            if len(numbers) == 1:
                best = written[numbers[0]]
                texts = [self.tokenizer.decode(hypothesis.tokens).strip() for hypothesis in best]
                scores = [hypothesis.score for hypothesis in best]
                answers.append(Rewritten(texts[0], texts, scores, best[0], self.sources.ids[numbers[0]]))
                continue
            firsts = [written[number][0] for number in numbers]
            text = joined(self.tokenizer.decode(hypothesis.tokens).strip() for hypothesis in firsts)
            scores = [sum(hypothesis.score for hypothesis in firsts)] if firsts else []
            answers.append(Rewritten(text, [text] if firsts else [], scores))
        return answers

    def say_what_is_missing(self, written: Sequence[list[Hypothesis]]) -> None:
        """Tell which texts lack what has to stand in them."""
        if self.phrases is None:
            return
        pieces = Counter(self.sources.owners)
        if free := sum(bool(self.phrases[owner]) for owner, count in pieces.items() if count > 1):
            say(f"{free:,} texts were split, and nothing was asked of their parts")
        say_what_is_lacking([best[0].tokens for best in written], [request.phrases for request in self.requests])


class Rewrite(ReferenceTask):
    """An encoder–decoder that makes a text of a text.

    Args:
        model: an encoder–decoder.
        tokenizer: of what it writes.
        settings: how long its texts were, and what it is told about them.
        source_tokenizer: of what it reads; None reads by the same.

    Raises:
        LangueError: the tokenizers have numbers that the model does not know.
    """

    measured_on = "pairs"
    measure_options = ("columns", "predictions", "language")
    columns: ClassVar[tuple[str, str]]
    long: ClassVar[Long]

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        settings: PairSettings | None = None,
        source_tokenizer: Tokenizer | None = None,
    ):
        config = model.config
        if config.form != "seq2seq":
            raise LangueError(f"the model is {with_article(config.form)}; to {self.name} takes model.form: seq2seq")
        opening = opening_of(config, tokenizer)
        # Whoever reads a language's token has to write one.
        usual = PairSettings(tagged=not opening and bool(tokenizer.languages_around))
        self.settings, self.tokenizer = settings or usual, tokenizer
        self.sides = PairEncoder.of(source_tokenizer or tokenizer, tokenizer, self.settings, config.context, opening)
        known = config.source_vocab_size or config.vocab_size
        if tokenizer.vocab_size > config.vocab_size or self.sides.source.vocab_size + len(self.sides.tags) > known:
            raise LangueError("the tokenizer has more tokens than the model knows; they do not belong together")
        self.model = model.eval()
        self.models = [self.model]
        self.start = first_token_of(config.decoder_start_token_id, tokenizer)

    @classmethod
    def open(cls, pretrained: PretrainedModel, tokenizer: Tokenizer, recipe: Recipe | None = None) -> Self:
        settings = recipe.data.pairs if isinstance(recipe, PairRecipe) else None
        return cls(pretrained.model, tokenizer, settings, pretrained.source_tokenizer)

    def join(self, others: Sequence[Rewrite]) -> None:
        """Write together with other models, whose probabilities are averaged.

        Raises:
            LangueError: one reads or writes other tokens.
        """
        for other in others:
            same = [(task.sides.source.fingerprint, task.tokenizer.fingerprint, task.start) for task in (self, other)]
            if same[0] != same[1] or other.sides.tags != self.sides.tags:
                raise LangueError("models that write together must share their tokenizers and tags")
            self.models += other.models

    def objective(self) -> Seq2SeqObjective:
        return Seq2SeqObjective(self.start)

    def examples(self, rows: Sequence[Pair]) -> list[Example]:
        """Both sides of pairs, cut to what the model has room for."""
        sides = (self.sides.cut(*both) for both in self.sides.encode(rows))
        return [{"source": source, "target": target} for source, target in sides]

    def predict(self, inputs: Sequence[Any], **options: Any) -> list[Any]:
        """The best text for each of a list."""
        column = self.columns[0]
        many = as_list(inputs, f"a text or a row with {column}", (), (str, Mapping))
        texts = [value if isinstance(value, str) else value.get(column) for value in many]
        for number, text in enumerate(texts, 1):
            check_type(text, f"{column} of input {number}", "a text")
        return [result.text for result in self.rewrite(texts, **options)]

    def check_input(self, value: str, place: str) -> None:
        self.sides.encode_sources([value])

    @reported()
    def rewrite(
        self, texts: Sequence[str], *, advance: Callable[[int], Any] | None = None, **options: Any
    ) -> list[Rewritten]:
        """Rewrite texts, in their order; an empty text stays empty.

        Args:
            texts: what is read.
            advance: called with how many pieces are done.
            options: the other arguments of `draft`.

        Raises:
            LangueError: as of `draft`.
        """
        draft = self.draft(texts, **options)
        written = Engine(self.models, draft.settings).run(draft.requests, advance)
        draft.say_what_is_missing(written)
        return draft.together(written)

    def draft(
        self,
        texts: Sequence[str],
        *,
        tags: Sequence[str] | None = None,
        source_language: str | None = None,
        long: Long | None = None,
        instruction: str | None = None,
        prefix: Prefix = "",
        must: Must = (),
        special: bool = False,
        keys: Sequence[tuple[int | str, ...]] | None = None,
        **options: Any,
    ) -> Draft:
        """Texts as an engine gets them, which is all of `rewrite` but the writing.

        Args:
            texts: what is read.
            tags: what the model is told before each, such as the language to translate into; by default what the
                recipe says, or the only one, if it is always told one.
            source_language: the language that is read, of a model that is told it by a token of its own, such as NLLB;
                by default that of the tokenizer's file.
            long: what becomes of texts that the model has no room for: "split" between sentences, or "cut".
            instruction: what stands before each, such as T5's "summarize: "; None is what the training had there.
            prefix: how what is written begins: all alike, or a list with one for each.
            must: words that have to stand in it: the same for all, or a list of lists with one for each.
            special: let the names of special tokens in what is read be these tokens; otherwise they are letters.
            keys: numbers or names that the draws of each depend on beside the seed.
            options: the fields of `GenerationSettings`.

        Raises:
            LangueError: an option has no such name or value, the model was never told a tag, or cannot write a word.
        """
        tags = self.usual_tags() if tags is None else tuple(tags)
        prefixes = prefix_tokens(prefix, len(texts), self.tokenizer)
        phrases = phrase_tokens(must, len(texts), self.tokenizer)
        sides = replace(self.sides, source=self.sides.source.reading_specials(special))
        sides = sides if instruction is None else replace(sides, instruction=instruction)
        sides = sides.reading(source_language)
        sources = read_sources(texts, sides, tags, long or self.long)
        _, opening = sides.resolved(tags)
        settings, start = self._settings(options, len(opening)), [self.start, *opening]
        requests = sources.requests(start, settings, self.tokenizer.ends, self.suppress_tokens, prefixes, phrases)
        if keys is not None:
            requests = [
                replace(request, key=keys[owner]) for request, owner in zip(requests, sources.owners, strict=True)
            ]
        return Draft(len(texts), sources, settings, requests, phrases, self.tokenizer)

    def usual_tags(self) -> tuple[str, ...]:
        """The tags that the model is told by default.

        Raises:
            LangueError: it is always told one of several.
        """
        known, usual = tuple(self.sides.tags), self.settings.tag
        if usual is not None and (usual in known or self.tokenizer.language(usual) is not None):
            return (usual,)
        if not self.settings.tagged or len(known) == 1:
            return known if self.settings.tagged else ()
        raise LangueError(
            f"the model was always told one of {', '.join(known) or 'several languages'}; say which it is now: "
            f"--target-language {known[0] if known else 'CODE'} of langue translate or langue summarize, or in a "
            f"column target_language"
        )

    def _settings(self, options: dict[str, Any], opening: int) -> GenerationSettings:
        """The settings of the search, with this task's defaults.

        How much may be written at most follows from a piece's own length, never from its neighbours'.
        """
        bounds = {} if "max_tokens" in options else {"max_tokens": 16, "max_tokens_per_source": 1.5}
        # What a text must begin with belongs to its length, as in Transformers, and costs it nothing.
        usual = {"beams": 4, "temperature": 0.0, "length_offset": float(opening)}
        return parse(GenerationSettings, {**usual, **bounds, **options}, self.name)

    def write(self, pairs: Sequence[Pair], **options: Any) -> list[str]:
        """Rewrite the sources of pairs, each with the tags of its pair."""
        answers = [""] * len(pairs)
        for tags in sorted({pair.tags for pair in pairs}):
            chosen = [number for number, pair in enumerate(pairs) if pair.tags == tags]
            names = tags or (() if self.sides.tags else None)
            results = self.rewrite([pairs[number].source for number in chosen], tags=names, **options)
            for number, result in zip(chosen, results, strict=True):
                answers[number] = result.text
        return answers

    @reported()
    @torch.inference_mode()
    def attention(
        self, source: str, target: str | None = None, tags: Sequence[str] = (), special: bool = False
    ) -> tuple[list[str], list[str], list[Tensor]]:
        """The attention to a source while a target is written, or what the model would write itself.

        Returns:
            Tokens of the target as strings, its end included, those of the source, and for each block (heads, T, S) of
            weights, row t of which were looked by when token t was to be written.

        Raises:
            LangueError: there is nothing to read, or no room for the target.
        """
        sides = replace(self.sides, source=self.sides.source.reading_specials(special))
        sources, (_, opening) = read_sources([source], sides, tags, "cut"), sides.resolved(tags)
        if not sources.ids:
            raise LangueError("there is nothing to look at: the text has no tokens")
        if target is None:  # a search says itself what it did to its source
            best = self.rewrite([source], tags=tags, long="cut", special=special)[0].best
            assert best is not None
            written = best.tokens
        else:
            written = self.tokenizer.encode(target, special)
            room = self.sides.max_target - 1 - len(opening)
            if len(written) > room:
                raise LangueError(
                    f"the target has {len(written)} tokens, but the model writes {room} at most; shorten it"
                )
        ids, written = sources.ids[0], [*opening, *written, self.tokenizer.end]
        batch = Batch(torch.tensor([[self.start, *written[:-1]]]), source=torch.tensor([ids])).to(self.model.device)
        looks = [weights[0] for weights in self.model.attention(batch)]
        return self.names(written), self.source_names(ids), looks

    def names(self, tokens: Sequence[int]) -> list[str]:
        """Tokens of a target as strings."""
        return self.tokenizer.names(tokens)

    def source_names(self, tokens: Sequence[int]) -> list[str]:
        """Tokens of a source as strings, tags as <TAG>."""
        tags = {number: f"<{tag}>" for tag, number in self.sides.tags.items()}
        names = self.sides.source.names(tokens)
        return [tags.get(token) or name for token, name in zip(tokens, names, strict=True)]

    def languages_of(self, pairs: Sequence[Pair]) -> Languages:
        """The languages of the targets, which decide how they are split: as the settings say, or the pairs' tags."""
        if self.settings.language is not None:
            return self.settings.language
        return [next((tag for tag in pair.tags if is_unspaced(tag)), None) for pair in pairs]

    def evaluate(
        self, pairs: Sequence[Pair], precision: str = "fp32", *, languages: Languages = None, **options: Any
    ) -> tuple[dict[str, float], list[str]]:
        """Loss of what people wrote, and scores of what the model writes; and that itself."""
        answers = self.write(pairs, **options)
        metrics = self.loss(pairs, precision)
        languages = self.languages_of(pairs) if languages is None else languages
        return {**metrics, **self.score(answers, [pair.target for pair in pairs], languages)}, answers

    def baselines(self, pairs: Sequence[Pair], languages: Languages = None) -> dict[str, dict[str, float]]:
        """Scores of texts that take no model, by their names; none unless a task says otherwise."""
        return {}

    def loss(self, pairs: Sequence[Pair], precision: str = "fp32") -> dict[str, float]:
        """Loss in nats per target token, ends included, and perplexity, of what people wrote."""
        examples, objective = self.examples(pairs), self.objective()
        lengths = [len(example["source"]) + len(example["target"]) for example in examples]
        batches = (
            objective.batch([examples[number] for number in numbers])
            for numbers in by_length(lengths, batch_tokens(self.model))
        )
        return with_perplexity(mean_loss(objective, self.model, batches, precision))


def first_token_of(configured: int | None, tokenizer: Tokenizer) -> int:
    """The token that the decoder begins with: the configuration's, else the tokenizer's."""
    return tokenizer.first if configured is None else configured


def opening_of(config: ModelConfig, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokens that all texts go on with: the configuration's, else BART's <s>, of which the tokenizer tells."""
    if config.forced_bos_token_id is not None:
        return (config.forced_bos_token_id,)
    start = tokenizer.start
    if start in (None, first_token_of(config.decoder_start_token_id, tokenizer)) or start not in tokenizer.before:
        return ()
    return (start,)
