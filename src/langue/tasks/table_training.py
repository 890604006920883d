"""Training on labelled rows: tables, encoded once, and batches of one length."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from langue.account import learning_from
from langue.data.buckets import Buckets
from langue.data.labelled import Labelled, missing_columns, read_split, texts_of
from langue.data.settings import TableDataSettings
from langue.errors import LangueError
from langue.metrics.benchmarks import score, task_score
from langue.models import Model
from langue.models.count import flops_per_token
from langue.recipe import TableRecipe
from langue.tasks.fingerprints import Fingerprints
from langue.tasks.training_task import SupervisedTraining, set_up
from langue.tasks.workload import Load, buckets_of
from langue.text import Tokenizer
from langue.training.types import Batches
from langue.wording import short

AnyTableRecipe = TypeVar("AnyTableRecipe", bound=TableRecipe)


class TableTraining(SupervisedTraining[AnyTableRecipe]):
    """A training task on tables."""

    columns: ClassVar[tuple[str, ...]] = ("text",)
    """The columns that no row can do without, as errors call them; the first holds what is read."""

    def __init__(self, recipe: AnyTableRecipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        self.benchmark = recipe.data.benchmark
        self.rows = {split: self.read(recipe.data, split) for split in ("train", "dev", "test")}
        if not self.rows["train"]:
            raise LangueError(f"there are no rows to learn from in {recipe.data.train}")
        # What is wrong with these is said before the training and not at its first evaluation.
        for split in ("dev", "test"):
            for row in self.rows[split]:
                self.check(row)
            with learning_from(f"the {split} rows"):
                tokenizer.encode_batch(list(self.row_texts(self.rows[split], recipe)))
        with learning_from(str(recipe.data.train)):
            self.train = self.learn(self.rows["train"])
        if not len(self.train):
            raise LangueError(f"none of the rows in {recipe.data.train} can be learnt from")

    @classmethod
    def read(cls, data: TableDataSettings, split: str) -> list[Labelled]:
        """The rows of "train", "dev" or "test"; none where the settings name none."""
        return read_split(data, split)

    @classmethod
    def learnt(cls, recipe: AnyTableRecipe) -> list[Labelled]:
        """The rows to learn from.

        Raises:
            LangueError: there are none.
        """
        rows = cls.read(recipe.data, "train")
        if not rows:
            raise LangueError(f"there are no rows to learn from in {recipe.data.train}")
        return rows

    @classmethod
    def texts(cls, recipe: AnyTableRecipe) -> Iterator[str]:
        return cls.row_texts(cls.learnt(recipe), recipe)

    @classmethod
    def row_texts(cls, rows: Sequence[Labelled], recipe: AnyTableRecipe) -> Iterator[str]:
        """The texts of rows, as they become tokens.

        Raises:
            LangueError: a row has none; names its columns.
        """
        for row in rows:
            texts = list(texts_of(row.values))
            if not texts and cls.columns[0] not in row.values:  # what is wrong with one that is there, is said later
                raise missing_columns(row.place, cls.columns, row.values)
            yield from texts

    @abstractmethod
    def learn(self, rows: list[Labelled]) -> Any:
        """Examples to learn from, by number, with their `lengths`, the `tokens` of all, and the `texts` of each."""

    @abstractmethod
    def check(self, row: Labelled) -> None:
        """Refuse a row that the model cannot be measured by.

        Raises:
            LangueError: something is missing or wrong; names the place.
        """

    @property
    def lengths(self) -> Any:
        """(examples,): examples of like lengths stand together in a batch."""
        return self.train.lengths

    def batches(self, rank: int, world: int) -> Batches:
        return self._buckets(rank, world)

    def _buckets(self, rank: int, world: int) -> Buckets:
        return buckets_of(self.train, self.lengths, self.recipe.training, rank, world)

    @cached_property
    def steps_per_epoch(self) -> float:
        return self._buckets(0, 1).steps_per_epoch

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:  # type: ignore[override]
        fingerprints = Fingerprints()
        for rows in self.rows.values():
            fingerprints.of_rows(rows)
        return fingerprints.by_source()

    @property
    def tokens_per_target(self) -> float:
        """Tokens that are read for each target."""
        return self.train.tokens / len(self.train)

    def describe(self) -> str:
        return f"{len(self.rows['train']):,} examples of {short(self.tokens_per_target)} tokens"

    @classmethod
    def load_of(cls, recipe: AnyTableRecipe) -> Load:
        """The rows are encoded, since their lengths decide."""
        with set_up(cls, recipe) as (task, dropped):
            examples, tokens = task.train, task.tokens_per_target
            rows = math.ceil(len(examples) / (task.steps_per_epoch * recipe.training.accumulate))
            return Load(
                config=task.recipe.architecture(),
                rows=rows * int(examples.texts.max()),
                longest=int((examples.lengths // examples.texts).max()),
                tokens_per_step=examples.tokens / task.steps_per_epoch,
                steps_per_epoch=task.steps_per_epoch,
                flops_per_token=round(task.flops_per_target / tokens),
                tokens_per_target=tokens,
                predicts_tokens=False,
                dropped=dropped,
            )

    @property
    def has_dev(self) -> bool:
        return bool(self.rows["dev"])

    @abstractmethod
    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        """Metrics on labelled rows, and the model's answers."""

    def evaluate(self, model: Model) -> dict[str, float]:
        metrics, answers = self.measure(model, self.rows["dev"])
        if self.benchmark is None:
            return metrics
        scores = score(self.benchmark, answers, [row.values for row in self.rows["dev"]])
        return {**metrics, **scores, "score": task_score(self.benchmark, scores)}

    def test(self, model: Model) -> dict[str, float] | None:
        return self.measure(model, self.rows["test"])[0] if self.rows["test"] else None

    @cached_property
    def flops_per_target(self) -> float:
        length = max(1, round(self.tokens_per_target))
        config = self.recipe.architecture()
        head = 6 * config.vocab_size * config.width  # which a judgement does not go through
        return length * (flops_per_token(config, length) - head)
