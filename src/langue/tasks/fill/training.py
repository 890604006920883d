"""The training task of `fill`: an encoder learns to say which tokens were hidden."""

from __future__ import annotations

from pathlib import Path

from langue.data.pairs import Pairs
from langue.data.stream import RowStream
from langue.errors import LangueError
from langue.models import Model
from langue.models.config import ClassifierConfig
from langue.tasks.card_words import CardWords
from langue.tasks.distill.losses import losses_of_rows
from langue.tasks.distill.training import Standing, TaughtTraining
from langue.tasks.fill.evaluate import evaluate_masked
from langue.tasks.fill.objective import Masked
from langue.tasks.fill.predict import Fill
from langue.tasks.fill.settings import FillRecipe
from langue.tasks.stores import Store
from langue.tasks.text_training import TextTraining, weighted
from langue.tasks.training_task import with_vocabulary
from langue.text import Tokenizer
from langue.training.device import autocast


class FillTraining(TaughtTraining[FillRecipe], TextTraining[FillRecipe]):
    """Masked language modelling on framed windows, whole documents, or pairs of stretches."""

    words = CardWords(
        purpose="to say which tokens of a text were hidden",
        pipeline="fill-mask",
        command="langue fill {name} {prompt}",
        call="print(model.fill({prompt}))",
        limits="The model knows the text that it was trained on and nothing else. It says what is usual in a place, "
        "not what is true.",
        prompt="This is {mask} text.",
    )

    def __init__(self, recipe: FillRecipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        if self.has_samples:
            Fill.check(tokenizer, recipe.samples.prompt)

    @classmethod
    def complete(cls, recipe: FillRecipe, tokenizer: Tokenizer) -> FillRecipe:
        if tokenizer.mask is None:
            raise LangueError("the tokenizer has no token that hides others, such as <|mask|>; task: fill needs one")
        if recipe.model.form != "encoder":
            raise LangueError(f"task: fill wants model.form: encoder, which sees both sides, not {recipe.model.form}")
        recipe = with_vocabulary(recipe, tokenizer)
        if _room(recipe, tokenizer) < 2:
            raise LangueError(f"a context of {recipe.model.context} has no room for text among its special tokens")
        if recipe.masking.pairs == "none":
            return recipe
        if len(tokenizer.pair([], [])[0]) < 2:
            raise LangueError("masking.pairs needs a tokenizer with tokens that stand before and between texts")
        if recipe.data.pack or recipe.data.document_mask:
            raise LangueError(
                "masking.pairs takes stretches of any documents; set data.pack and data.document_mask off"
            )
        head = recipe.model.classifier or ClassifierConfig(pooling="first", dense="tanh")
        segments = recipe.model.segments or (2 if recipe.model.path is None else 0)
        classifier = head.replace(level="text", outputs=2, pooling="first")
        return recipe.replace(model={"classifier": classifier, "segments": segments})

    @classmethod
    def target_share(cls, recipe: FillRecipe) -> float:
        return recipe.masking.rate

    @property
    def row_tokens(self) -> int:
        return _room(self.recipe, self.tokenizer)

    def stream_of(self, store: Store) -> RowStream:
        pairs = self.recipe.masking.pairs
        if pairs == "none":
            return super().stream_of(store)
        return Pairs(store, self.row_tokens, self.recipe.training.seed, pairs)

    def judged(self, task: Fill, rows: int) -> Standing:
        objective = Masked(self.tokenizer, self.recipe.masking.replace(pairs="none"))
        room = self.recipe.model.context - len(self.tokenizer.pair([])[0])
        with autocast(task.model.device, self.recipe.training.precision):
            return losses_of_rows(task.model, objective, self.splits.test or self.splits.dev, room, rows)

    def objective(self) -> Masked:
        return Masked(self.tokenizer, self.recipe.masking, self.recipe.training.label_smoothing)

    def measure(self, model: Model, stores: list[Store]) -> dict[str, float]:
        def measured(store: Store) -> dict[str, float]:
            with autocast(model.device, self.recipe.training.precision):
                return evaluate_masked(model, self.tokenizer, store, self.recipe.masking)

        return weighted(stores, measured, "guessed")

    @property
    def has_samples(self) -> bool:
        return Fill.mask_name(self.tokenizer) in self.recipe.samples.prompt

    def sample(self, model: Model) -> str:
        prompt = self.recipe.samples.prompt
        gaps = Fill(model, self.tokenizer).fill(prompt, top=1)
        return "\n".join([prompt, *(guesses[0]["token"] for guesses in gaps)])

    @property
    def flops_per_target(self) -> float:
        # A target for each hidden token, while the model reads all of them.
        return super().flops_per_target / self.recipe.masking.rate


def _room(recipe: FillRecipe, tokenizer: Tokenizer) -> int:
    """Tokens of text in a row."""
    second = None if recipe.masking.pairs == "none" else []
    return recipe.model.context - len(tokenizer.pair([], second)[0])
