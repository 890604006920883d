"""The training task of `generate`: a decoder learns to go on with a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langue.errors import LangueError
from langue.models import Model
from langue.objectives import Causal
from langue.tasks.card_words import CardWords
from langue.tasks.distill.losses import losses_of_rows
from langue.tasks.distill.training import Standing, WrittenTraining
from langue.tasks.generate.evaluate import evaluate_text
from langue.tasks.generate.predict import Generate
from langue.tasks.generate.settings import GenerateRecipe
from langue.tasks.losses import with_perplexity
from langue.tasks.stores import Store, dev_texts, training_texts
from langue.tasks.text_training import TextTraining
from langue.tasks.training_task import with_vocabulary
from langue.text import Tokenizer
from langue.training.device import autocast


class GenerateTraining(WrittenTraining[GenerateRecipe], TextTraining[GenerateRecipe]):
    """Causal language modelling on windows or whole documents."""

    words = CardWords(
        purpose="to continue text",
        pipeline="text-generation",
        command="langue generate {name} {prompt}",
        call="print(model.generate({prompt}, max_tokens=100))",
        limits="The model knows the text that it was trained on and nothing else. What it writes has the form of that "
        "text, not its\ntruth, and repeats whatever errors and leanings that text has.",
        prompt="",
    )

    def __init__(self, recipe: GenerateRecipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        prompt = recipe.samples.prompt
        if self.has_samples and tokenizer.unknown is not None and tokenizer.unknown in tokenizer.encode(prompt):
            raise LangueError(f"samples.prompt {prompt!r} has characters that do not occur in the training text")

    @classmethod
    def complete(cls, recipe: GenerateRecipe, tokenizer: Tokenizer) -> GenerateRecipe:
        return with_vocabulary(recipe, tokenizer)

    def judged(self, task: Generate, rows: int) -> Standing:
        stores = self.splits.test or self.splits.dev
        with autocast(task.model.device, self.recipe.training.precision):
            return losses_of_rows(task.model, self.objective(), stores, self.row_tokens, rows)

    def can_be_compared(self, teacher: Generate) -> bool:
        limit = teacher.model.context_limit
        reads = limit is None or limit >= self.recipe.model.context
        return reads and teacher.tokenizer.fingerprint == self.tokenizer.fingerprint

    @classmethod
    def inputs_for(cls, recipe: GenerateRecipe, teacher: Generate) -> list[tuple[int, str]]:
        """Numbers of the texts that are to be written, each with its prompt: the beginning of a line, or nothing."""
        assert recipe.distill is not None
        texts, prompts = recipe.distill.texts, [""]
        if texts.prompt_tokens:
            prompts = _beginnings(recipe, teacher.tokenizer, texts.prompt_tokens)
        places = (number * len(prompts) // texts.count for number in range(texts.count if prompts else 0))
        return list(enumerate(prompts[place] for place in places))

    @classmethod
    def rows_by(cls, recipe: GenerateRecipe, teacher: Generate, inputs: list[tuple[int, str]]) -> list[dict[str, Any]]:
        assert recipe.distill is not None
        options = recipe.distill.texts.model_dump(include={"max_tokens", "temperature", "top_p", "seed"})
        prompts, keys = [prompt for _, prompt in inputs], [(number,) for number, _ in inputs]
        written = zip(prompts, teacher.write(prompts, keys=keys, **options), strict=True)
        texts = (prompt + teacher.cut(best[0].tokens, prompt=prompt) for prompt, best in written)
        return [{recipe.data.text: text} for text in texts if text.strip()]

    @classmethod
    def held_out(cls, recipe: GenerateRecipe) -> list[dict[str, Any]] | None:
        if not isinstance(recipe.data.dev, float):
            return None
        return [{recipe.data.text: text} for text in dev_texts(recipe)]

    def objective(self) -> Causal:
        return Causal(self.recipe.training.label_smoothing, self.tokenizer.document_opening)

    def measure(self, model: Model, stores: list[Store]) -> dict[str, float]:
        """Loss in nats per token, perplexity and bits per byte over all stores together, each token predicted once."""
        nats = bits = tokens = 0.0
        for store in stores:
            with autocast(model.device, self.recipe.training.precision):
                measured = evaluate_text(model, self.tokenizer, store, quiet=True)
            count = store.tokens - len(store.opening) * store.documents
            nats, tokens = nats + measured["loss"] * count, tokens + count
            bits += measured["bits_per_byte"] * store.text_bytes
        return with_perplexity(nats / tokens) | {
            "bits_per_byte": bits / max(1, sum(store.text_bytes for store in stores))
        }

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0

    def sample(self, model: Model) -> str:
        samples = self.recipe.samples
        text = Generate(model, self.tokenizer).generate(samples.prompt, **samples.model_dump(exclude={"prompt"}))
        return f"{samples.prompt}{text}"

    @property
    def bytes_per_target(self) -> float | None:
        if self.has_teacher:
            return None
        stores = zip(self.splits.shares, self.splits.train, strict=True)
        return sum(share * store.text_bytes / store.tokens for share, store in stores)


def _beginnings(recipe: GenerateRecipe, tokenizer: Tokenizer, tokens: int) -> list[str]:
    """The first tokens of all lines of the training text that have so many."""
    lines = (line for text in training_texts(recipe) for line in text.split("\n"))
    encoded = (tokenizer.encode(line) for line in lines)
    return [tokenizer.decode(ids[:tokens]) for ids in encoded if len(ids) >= tokens]
