"""The training task of `generate`: a decoder learns to go on with a text."""

from __future__ import annotations

from pathlib import Path

from langue.errors import LangueError
from langue.models import Model
from langue.objectives import Causal
from langue.tasks.distill.training import TaughtTraining
from langue.tasks.generate.evaluate import evaluate_text
from langue.tasks.generate.predict import Generate
from langue.tasks.generate.settings import GenerateRecipe
from langue.tasks.stores import Store
from langue.tasks.text_training import TextTraining
from langue.tasks.training_task import CardWords, with_vocabulary
from langue.text import Tokenizer
from langue.training.device import autocast


class GenerateTraining(TaughtTraining[GenerateRecipe], TextTraining[GenerateRecipe]):
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

    def objective(self) -> Causal:
        return Causal(self.recipe.training.label_smoothing, self.tokenizer.document_opening)

    def measure(self, model: Model, stores: list[Store]) -> dict[str, float]:
        """Loss in nats per token and bits per byte over all stores together, each token predicted once."""
        nats = bits = tokens = 0.0
        for store in stores:
            with autocast(model.device, self.recipe.training.precision):
                measured = evaluate_text(model, self.tokenizer, store, quiet=True)
            count = store.tokens - len(store.opening) * store.documents
            nats, tokens = nats + measured["loss"] * count, tokens + count
            bits += measured["bits_per_byte"] * store.text_bytes
        return {"loss": nats / tokens, "bits_per_byte": bits / max(1, sum(store.text_bytes for store in stores))}

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0

    def sample(self, model: Model) -> str:
        samples = self.recipe.samples
        text = Generate(model, self.tokenizer).generate(samples.prompt, **samples.model_dump(exclude={"prompt"}))
        return f"{samples.prompt}{text}"

    @property
    def bytes_per_target(self) -> float | None:
        if self.recipe.distill is not None:  # in the training's loss a teacher has a share, which is of no byte
            return None
        stores = zip(self.splits.shares, self.splits.train, strict=True)
        return sum(share * store.text_bytes / store.tokens for share, store in stores)
