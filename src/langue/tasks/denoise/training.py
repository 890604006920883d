"""The training task of `denoise`: an encoder–decoder learns from text alone, for others to go on from its weights."""

from __future__ import annotations

from langue.data import Windows
from langue.errors import LangueError
from langue.models import Model
from langue.models.count import flops_per_token
from langue.randomness import RowRandomness
from langue.tasks.card_words import CardWords
from langue.tasks.denoise.objective import DenoiseObjective, longest_sides, usual_sides, vocabulary
from langue.tasks.denoise.settings import DenoiseRecipe
from langue.tasks.losses import mean_loss, with_perplexity
from langue.tasks.rewriting.predict import first_token_of
from langue.tasks.stores import Store
from langue.tasks.text_training import TextTraining
from langue.tasks.training_task import with_vocabulary
from langue.tasks.workload import Shape, rows_of
from langue.text import Tokenizer

ROWS = 32
"""Rows of one forward pass of an evaluation."""


class DenoiseTraining(TextTraining[DenoiseRecipe]):
    """Windows or whole documents with something amiss."""

    words = CardWords(
        purpose="to mend spoilt text",
        pipeline="text2text-generation",
        command="langue train translate-en-de --start-from {name} --data.train PAIRS.tsv --data.dev 0.05 "
        "--data.test null --out runs/next",
        call="print(model.predict([{prompt}]))",
        limits="The model is a beginning for others: it has learnt a language, and no task.",
    )

    @classmethod
    def complete(cls, recipe: DenoiseRecipe, tokenizer: Tokenizer) -> DenoiseRecipe:
        if recipe.model.form != "seq2seq":
            raise LangueError(f"task: denoise wants model.form: seq2seq, not {recipe.model.form}")
        if recipe.denoise.kind == "infill" and tokenizer.mask is None:
            raise LangueError("denoise.kind: infill needs a tokenizer with a token that hides others, such as <|mask|>")
        if recipe.data.document_mask:
            raise LangueError("task: denoise reads rows whole; set data.document_mask off")
        size = recipe.model.vocab_size
        recipe = with_vocabulary(recipe, tokenizer)
        needed = vocabulary(tokenizer, recipe.denoise)
        if size and size < needed:
            raise LangueError(f"model.vocab_size is {size:,}, but with sentinels {needed:,} are needed; leave it out")
        return recipe.replace(model={"vocab_size": size or needed})

    @classmethod
    def usual_lengths(cls, recipe: DenoiseRecipe) -> tuple[int | None, int]:
        return usual_sides(recipe.denoise, room_of(recipe))

    @classmethod
    def extra_tokens(cls, recipe: DenoiseRecipe) -> int:
        return recipe.denoise.sentinels if recipe.denoise.kind == "spans" else 0

    @classmethod
    def known_shape(cls, recipe: DenoiseRecipe) -> Shape:
        if recipe.model.form != "seq2seq":
            raise LangueError(f"task: denoise wants model.form: seq2seq, not {recipe.model.form}")
        rows = rows_of(recipe.training, recipe.model.context)
        source, target = longest_sides(recipe.denoise, room_of(recipe), rows)
        return Shape(rows, target, source)

    @property
    def row_tokens(self) -> int:
        return room_of(self.recipe)

    @property
    def flops_per_target(self) -> float:
        source, target = usual_sides(self.recipe.denoise, room_of(self.recipe))
        return flops_per_token(self.recipe.architecture(), target, source)

    def objective(self) -> DenoiseObjective:
        start = first_token_of(self.recipe.model.decoder_start_token_id, self.tokenizer)
        return DenoiseObjective(self.tokenizer, self.recipe.denoise, start, self.recipe.training.label_smoothing)

    def measure(self, model: Model, stores: list[Store]) -> dict[str, float]:
        """Loss in nats per token that is to be told, spoilt in the same way each time."""
        objective = self.objective()
        batches = (
            objective.batch(windows.rows(first, min(ROWS, windows.size - first)), RowRandomness(0, first))
            for windows in (Windows(store, min(self.row_tokens, store.tokens - 1), 0) for store in stores)
            for first in range(0, windows.size, ROWS)
        )
        return with_perplexity(mean_loss(objective, model, batches, self.recipe.training.precision))


def room_of(recipe: DenoiseRecipe) -> int:
    """Tokens of a row; a source and a target each end with a token of their own."""
    return max(2, recipe.model.context - 1)
