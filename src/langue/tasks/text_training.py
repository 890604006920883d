"""Training on running text: token stores, and the rows that they give."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from langue.data import Loader, Mix, Packed, Windows
from langue.data.part import StorePart
from langue.data.stream import RowStream
from langue.models import Model
from langue.models.count import flops_per_token
from langue.recipe import TextRecipe
from langue.tasks.stores import Store, beginning, check_data, open_data, prepare_data, training_texts
from langue.tasks.training_task import SupervisedTraining
from langue.tasks.workload import Load, Shape, rows_of
from langue.text import Tokenizer, train_tokenizer
from langue.wording import short

LOOKED_AT = 1 << 20
"""Characters of the text by which a plan counts how many there are of."""

DEV_TOKENS = 1 << 17
"""An evaluation on the way looks at no more tokens of each dev store than these, so that it takes no longer than it
teaches; `langue evaluate` looks at all."""


AnyTextRecipe = TypeVar("AnyTextRecipe", bound=TextRecipe)


class TextTraining(SupervisedTraining[AnyTextRecipe]):
    """A training task on token stores."""

    def __init__(self, recipe: AnyTextRecipe, tokenizer: Tokenizer, folder: Path):
        super().__init__(recipe, tokenizer, folder)
        self.splits = open_data(recipe, tokenizer, folder)
        self._stream = self.stream()

    @classmethod
    def texts(cls, recipe: AnyTextRecipe) -> Iterator[str]:
        return training_texts(recipe)

    @classmethod
    def known_shape(cls, recipe: AnyTextRecipe) -> Shape:
        return Shape(rows_of(recipe.training, recipe.model.context), recipe.model.context)

    @classmethod
    def load_of(cls, recipe: AnyTextRecipe) -> Load:
        dropped = check_data(recipe.data)
        config = recipe.architecture().replace(vocab_size=cls._vocabulary(recipe))
        shape = cls.known_shape(recipe)
        source, length = cls.usual_lengths(recipe)
        return Load(
            config=config,
            rows=shape.rows,
            longest=shape.length,
            tokens_per_step=shape.rows * length * recipe.training.accumulate,
            steps_per_epoch=math.inf,
            flops_per_token=flops_per_token(config, length, source),
            tokens_per_target=1 / cls.target_share(recipe),
            source=shape.source,
            dropped=dropped,
        )

    @classmethod
    def usual_lengths(cls, recipe: AnyTextRecipe) -> tuple[int | None, int]:
        """Tokens of the source of a row, where it has one, and of the row itself."""
        return None, recipe.model.context

    @classmethod
    def target_share(cls, recipe: AnyTextRecipe) -> float:
        """The share of the tokens that are targets."""
        return 1.0

    @classmethod
    def extra_tokens(cls, recipe: AnyTextRecipe) -> int:
        """Tokens that the model has beyond those of its tokenizer."""
        return 0

    @classmethod
    def _vocabulary(cls, recipe: AnyTextRecipe) -> int:
        """Tokens of the model, as far as that can be known before the tokenizer is trained."""
        if recipe.model.vocab_size:
            return recipe.model.vocab_size
        settings = recipe.tokenizer
        if settings.path is not None:
            size = Tokenizer.load(settings.path).vocab_size
        elif settings.kind in ("char", "byte"):
            size = train_tokenizer(settings, beginning(recipe.data, LOOKED_AT)).vocab_size
        else:
            size = settings.vocab_size
        return size + cls.extra_tokens(recipe)

    @classmethod
    def prepare(cls, recipe: AnyTextRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        prepare_data(recipe, tokenizer, folder)

    def stream(self) -> RowStream:
        """The rows of training; of a mix, each source gives its share."""
        streams = [self.stream_of(store) for store in self.splits.train]
        return streams[0] if len(streams) == 1 else Mix(streams, self.splits.shares, self.recipe.training.seed)

    def stream_of(self, store: Store) -> RowStream:
        """The rows of one store."""
        data = self.recipe.data
        kind = Packed if data.pack else Windows
        return kind(store, self.row_tokens, self.recipe.training.seed, document_mask=data.document_mask)

    @property
    def row_tokens(self) -> int:
        """Tokens of text in a row."""
        return self.recipe.model.context

    def batches(self, rank: int, world: int) -> Loader:
        return Loader(self._stream, self.known_shape(self.recipe).rows, self.recipe.training.accumulate, rank, world)

    @property
    def steps_per_epoch(self) -> float:
        return self._stream.size / (self.known_shape(self.recipe).rows * self.recipe.training.accumulate)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """The hashes of the stores, whose bytes are compared with their manifests when they are opened."""
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

    @abstractmethod
    def measure(self, model: Model, stores: list[Store]) -> dict[str, float]:
        """Metrics on all stores together."""

    def evaluate(self, model: Model) -> dict[str, float]:
        return self.measure(model, self.dev_parts())

    def test(self, model: Model) -> dict[str, float] | None:
        return self.measure(model, self.splits.test) if self.splits.test else None

    def dev_parts(self) -> list[Store]:
        """The beginning of each dev store."""
        return [
            store if store.tokens <= DEV_TOKENS else StorePart(store, 0, DEV_TOKENS, self.tokenizer)  # type: ignore[arg-type]
            for store in self.splits.dev
        ]


def weighted(stores: list[Store], measure: Callable[[Any], dict[str, float]], by: str) -> dict[str, float]:
    """Means over stores of what is measured of each, weighted by one of the measures, which is summed."""
    measures = [measure(store) for store in stores]
    total = sum(metrics[by] for metrics in measures)
    return {
        name: sum(metrics[name] * metrics[by] for metrics in measures) / total for name in measures[0] if name != by
    }
