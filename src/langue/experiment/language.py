"""What the courses that learn from running text have in common: their token stores and the rows that they give."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from langue.data import Loader
from langue.data.part import StorePart
from langue.data.stream import RowStream
from langue.experiment.course import Course
from langue.experiment.data import Store, open_data, prepare_data, training_texts
from langue.experiment.fit import Shape, rows_of
from langue.recipe import Recipe
from langue.report.words import short
from langue.text import Tokenizer

DEV_TOKENS = 1 << 17
"""An evaluation on the way looks at no more tokens of each dev store than these, so that it takes no longer than it
teaches; `langue evaluate` looks at all."""


class Language(Course):
    """A course on token stores."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        self.splits = open_data(recipe, tokenizer, folder)
        self._stream = self.stream()

    @classmethod
    def texts(cls, recipe: Recipe) -> Iterator[str]:
        return training_texts(recipe)

    @classmethod
    def known_shape(cls, recipe: Recipe) -> Shape:
        return Shape(rows_of(recipe.training, recipe.model.context), recipe.model.context)

    @classmethod
    def prepare(cls, recipe: Recipe, tokenizer: Tokenizer, folder: Path) -> None:
        prepare_data(recipe, tokenizer, folder)

    @abstractmethod
    def stream(self) -> RowStream:
        """The rows of training."""

    def batches(self, rank: int, world: int) -> Loader:
        return Loader(self._stream, self.known_shape(self.recipe).rows, self.recipe.training.accumulate, rank, world)

    @property
    def steps_per_epoch(self) -> float:
        return self._stream.size / (self.known_shape(self.recipe).rows * self.recipe.training.accumulate)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Of the stores, whose bytes are compared with their manifests when they are opened."""
        stores = [*self.splits.train, *self.splits.dev, *self.splits.test]
        return {self._name(store.folder): store.manifest["sha256"] for store in stores}

    def _name(self, store: Path) -> str:
        """One's own are called by their place in the run, which may be moved."""
        own = store.is_relative_to(self.folder)
        return str(store.relative_to(self.folder.parent) if own else store)

    def describe(self) -> str:
        return f"{short(sum(store.tokens for store in self.splits.train))} tokens"

    @property
    def has_dev(self) -> bool:
        return bool(self.splits.dev)

    def dev_parts(self) -> list[Store]:
        """The beginning of each dev store."""
        return [
            store if store.tokens <= DEV_TOKENS else StorePart(store, 0, DEV_TOKENS, self.tokenizer)  # type: ignore[arg-type]
            for store in self.splits.dev
        ]


def weighted(stores: list[Store], measure: Callable[[Any], dict[str, float]], by: str) -> dict[str, float]:
    """Means over stores of what is measured of each, weighted by one of the measures, which is summed."""
    found = [measure(store) for store in stores]
    total = sum(each[by] for each in found)
    return {name: sum(each[name] * each[by] for each in found) / total for name in found[0] if name != by}
