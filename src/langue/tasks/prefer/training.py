"""The training task of `prefer`: a model that writes learns which of two texts is preferred."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from langue.console import say
from langue.data.labelled import Labelled
from langue.models import Model, evaluating
from langue.objectives.padding import by_length
from langue.tasks import read_model
from langue.tasks.framing import batch_tokens
from langue.tasks.policies.prompts import reader_of
from langue.tasks.policies.training import PolicyTraining, source_tokenizer_in
from langue.tasks.prefer.data import EncodedPreferences, PreferenceExamples, check_row, encoded, judged_of, pairs_of
from langue.tasks.prefer.objective import PreferObjective
from langue.tasks.prefer.reference import read_references, reference_log_probabilities, write_references
from langue.tasks.prefer.settings import WITH_REFERENCE, PreferRecipe
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import CardWords, training_task
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
        assert recipe.model.path is not None
        model = read_model(recipe.model.path)[0].model.to(choose_device(recipe.training.device))
        source = source_tokenizer_in(recipe, folder)
        with autocast(model.device, recipe.training.precision):
            references = {
                split: reference_log_probabilities(model, rows.examples)
                for split in SPLITS
                if (rows := _encoded(recipe, tokenizer, source, cls.read(recipe.data, split))).examples
            }
        write_references(folder, references)

    def learn(self, rows: list[Labelled]) -> PreferenceExamples:
        return self._examples(rows, "train")

    def check(self, row: Labelled) -> None:
        check_row(row)

    def _examples(self, rows: list[Labelled], split: str) -> PreferenceExamples:
        kept = _encoded(self.recipe, self.tokenizer, self.source_tokenizer, rows)
        if kept.left_out:
            say(f"left out {kept.left_out:,} of the {split} texts, for which the context has no room")
        held = self.recipe.prefer.loss in WITH_REFERENCE and bool(kept.examples)
        references = read_references(self.folder, split, len(kept.examples)) if held else None
        return PreferenceExamples(kept.examples, references)

    def objective(self) -> PreferObjective:
        return PreferObjective(self.recipe.prefer)

    @property
    def deciding(self) -> Deciding:
        return Deciding("loss")

    def evaluate(self, model: Model) -> dict[str, float]:
        return self._measured(model, self._dev)

    def test(self, model: Model) -> dict[str, float] | None:
        rows = self.rows["test"]
        return self._measured(model, self._examples(rows, "test")) if rows else None

    @cached_property
    def _dev(self) -> PreferenceExamples:
        return self._examples(self.rows["dev"], "dev")

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

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        raise NotImplementedError  # rows without what the reference holds of them say nothing

    @property
    def has_samples(self) -> bool:
        return self.recipe.samples.max_tokens > 0 and self.has_dev

    def sample(self, model: Model) -> str:
        prompts = list(dict.fromkeys(row.values["prompt"] for row in self.rows["dev"]))[:SAMPLES]
        texts = self.task_of(model).predict(prompts, max_tokens=self.recipe.samples.max_tokens, temperature=0.0)
        return "\n\n".join(f"{prompt}\n→ {text}" for prompt, text in zip(prompts, texts, strict=True))


def _encoded(
    recipe: PreferRecipe, tokenizer: Tokenizer, source: Tokenizer | None, rows: list[Labelled]
) -> EncodedPreferences:
    reader = reader_of(recipe.model.architecture(), tokenizer, recipe.policy, source)
    return encoded(judged_of(rows) if recipe.prefer.loss == "kto" else pairs_of(rows), reader)
