"""The training task of `prefer`: a model that writes learns which of two texts is preferred."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from langue.console import say
from langue.data.examples import EncodedExample
from langue.data.labelled import Labelled
from langue.data.tally import Tally
from langue.models import Model, evaluating
from langue.objectives.padding import by_length
from langue.tasks.card_words import CardWords
from langue.tasks.framing import batch_tokens
from langue.tasks.policies.prompts import reader_of
from langue.tasks.policies.training import PolicyTraining, first_weights, source_tokenizer_in
from langue.tasks.prefer.data import PreferenceExamples, check_row, encoded, judged_of, pairs_of
from langue.tasks.prefer.objective import PreferObjective
from langue.tasks.prefer.reference import read_references, reference_log_probabilities, write_references
from langue.tasks.prefer.settings import WITH_REFERENCE, PreferRecipe
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import training_task
from langue.text import Tokenizer
from langue.training import Deciding, choose_device
from langue.training.device import autocast

SPLITS = ("train", "dev", "test")

SAMPLES = 3
"""Dev prompts that a report shows with what is written for them."""


class PreferTraining(PolicyTraining[PreferRecipe], TableTraining[PreferRecipe]):
    """Two texts for each prompt."""

    columns = ("prompt", "chosen", "rejected")

    @classmethod
    def words_of(cls, recipe: PreferRecipe) -> CardWords:
        use = recipe.of_use()
        words = training_task(use).words_of(use)
        return CardWords(**{**vars(words), "purpose": f"{words.purpose}, as is preferred"})

    @classmethod
    def prepare(cls, recipe: PreferRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        super().prepare(recipe, tokenizer, folder)
        if recipe.prefer.loss not in WITH_REFERENCE:
            return
        model = first_weights(recipe).to(choose_device(recipe.training.device))
        source = source_tokenizer_in(recipe, folder)
        with autocast(model.device, recipe.training.precision):
            references = {
                split: reference_log_probabilities(model, examples)
                for split in SPLITS
                if (examples := _encoded(recipe, tokenizer, source, cls.read(recipe.data, split), Tally()))
            }
        write_references(folder, references)

    def learn(self, rows: list[Labelled]) -> PreferenceExamples:
        return self._examples(rows)

    def check(self, row: Labelled) -> None:
        check_row(row)

    def _examples(self, rows: list[Labelled]) -> PreferenceExamples:
        """The examples of one of the splits, with what the reference holds of them; what is left out is told.

        Raises:
            LangueError: it is more than may be.
        """
        split = next(name for name, own in self.rows.items() if own is rows)
        data, tally = self.recipe.data, Tally()
        examples = _encoded(self.recipe, self.tokenizer, self.source_tokenizer, rows, tally)
        tally.check([f"the {split} rows"], data.max_dropped, data.option)
        if tally.records:
            say(f"left out of the {split} rows: {tally.words()}")
        held = self.recipe.prefer.loss in WITH_REFERENCE and bool(examples)
        references = read_references(self.folder, split, len(examples)) if held else None
        return PreferenceExamples(examples, references)

    def objective(self) -> PreferObjective:
        return PreferObjective(self.recipe.prefer)

    @property
    def deciding(self) -> Deciding:
        return Deciding("loss")

    @cached_property
    def _dev(self) -> PreferenceExamples:
        return self._examples(self.rows["dev"])

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        return self._measured(model, self._dev if rows is self.rows["dev"] else self._examples(rows)), []

    @torch.inference_mode()
    def _measured(self, model: Model, examples: PreferenceExamples) -> dict[str, float]:
        """Means of the loss and of all that it measures."""
        objective, sums = self.objective(), dict[str, torch.Tensor]()
        with evaluating(model), autocast(model.device, self.recipe.training.precision):
            for numbers in by_length(examples.lengths.tolist(), batch_tokens(model)):
                batch = objective.batch([examples[int(number)] for number in numbers]).to(model.device)
                loss = objective.loss(model, batch)
                measured = {"loss": torch.stack([loss.total, loss.count]), **loss.metrics}
                sums = {name: sums.get(name, 0) + values.double().cpu() for name, values in measured.items()}
        return {name: float(total / count) for name, (total, count) in sums.items() if count}

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0 and self.has_dev

    def sample(self, model: Model) -> str:
        prompts = list(dict.fromkeys(row.values["prompt"] for row in self.rows["dev"]))[:SAMPLES]
        texts = self.task_of(model).predict(prompts, max_tokens=self.recipe.samples.max_tokens, temperature=0.0)
        return "\n\n".join(f"{prompt}\n→ {text}" for prompt, text in zip(prompts, texts, strict=True))


def _encoded(
    recipe: PreferRecipe, tokenizer: Tokenizer, source: Tokenizer | None, rows: list[Labelled], tally: Tally
) -> list[EncodedExample]:
    reader = reader_of(recipe.architecture(), tokenizer, recipe.policy, source)
    return encoded(judged_of(rows) if recipe.prefer.loss == "kto" else pairs_of(rows), reader, tally)
