"""The training task of `embed`: any model learns to represent texts by vectors, from texts that belong together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from langue.data.examples import Examples
from langue.data.labelled import Labelled
from langue.data.retrieval_pairs import RowKind, kind_of, read_retrieval_rows, texts_in
from langue.data.settings import TableDataSettings
from langue.errors import LangueError
from langue.models import Model, ModelConfig, evaluating
from langue.models.config import EmbedderConfig
from langue.tasks.card_words import CardWords
from langue.tasks.embed.data import encoded_rows, examples, own_targets
from langue.tasks.embed.distillation import read_teacher_answers, write_teacher_answers
from langue.tasks.embed.evaluate import measure
from langue.tasks.embed.objective import EmbedObjective
from langue.tasks.embed.predict import Embed
from langue.tasks.embed.settings import EmbedRecipe, EmbedSettings, SimilarityLoss
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import WeightsOrigin, with_vocabulary
from langue.text import Tokenizer
from langue.text.reading import FILE as READING
from langue.text.reading import Reading
from langue.training import Deciding
from langue.training.device import autocast

LOSSES: Mapping[RowKind, tuple[SimilarityLoss, ...]] = {
    "pairs": ("contrastive", "margin", "divergence", "vectors"),
    "graded": ("cosent", "cosine", "vectors"),
    "texts": ("contrastive", "vectors"),
}
"""Losses for rows of a kind; the first is the default."""

METRICS: Mapping[RowKind, tuple[str, ...]] = {
    "pairs": ("mrr@10", "accuracy", "loss"),
    "graded": ("spearman", "pearson", "loss"),
    "texts": ("loss",),
}
"""Metrics that can decide, by the kind of the dev rows; the first is the default."""


class EmbedTraining(TableTraining[EmbedRecipe]):
    """Texts that belong together, in batches of any lengths: those of one length would be told apart by other things
    than those that a search meets."""

    words = CardWords(
        purpose="to represent texts by vectors",
        pipeline="sentence-similarity",
        command="langue embed {name} {prompt}",
        call="print(model.embed([{prompt}]))",
        limits="Vectors of texts of another kind than those it has learnt from may lie together for no good reason.",
    )

    @classmethod
    def start_config(cls, config: ModelConfig) -> ModelConfig:
        return config

    @classmethod
    def begun_from(cls, recipe: EmbedRecipe, origin: WeightsOrigin) -> EmbedRecipe:
        """The recipe by which texts are read as the weights know them, unless it says otherwise itself."""
        if origin.reading is None:
            return recipe
        own = {name: getattr(recipe.embed, name) for name in recipe.embed.model_fields_set}
        return recipe.replace(embed=EmbedSettings(**{**origin.reading.model_dump(), **own}))

    @classmethod
    def reading_of(cls, recipe: EmbedRecipe) -> Reading:
        return recipe.embed.reading()

    @classmethod
    def read(cls, data: TableDataSettings, split: str) -> list[Labelled]:
        return read_retrieval_rows(data, split)

    @classmethod
    def row_texts(cls, rows: Sequence[Labelled], recipe: EmbedRecipe) -> Iterator[str]:
        kind = kind_of(rows) if rows else "texts"
        for row in rows:
            yield from texts_in(row, kind)

    @classmethod
    def complete(cls, recipe: EmbedRecipe, tokenizer: Tokenizer) -> EmbedRecipe:
        recipe = with_vocabulary(recipe, tokenizer)
        if recipe.model.audio is not None:
            raise LangueError("task: embed wants a model that reads, not one that hears")
        settings = recipe.embed
        if settings.loss is None:
            kind = kind_of(cls.learnt(recipe))
            settings = settings.replace(loss=LOSSES[kind][0])
        usual = "last" if recipe.model.form == "decoder" else "mean"
        head = recipe.model.embedder or EmbedderConfig(pooling=usual)
        if recipe.model.form == "decoder" and head.pooling == "first":
            raise LangueError(
                "the first position of a decoder has seen nothing; set model.embedder.pooling to last or mean"
            )
        wrong = [size for size in settings.sizes if size > _size(recipe, head)]
        if wrong:
            raise LangueError(
                f"embed.sizes: vectors have {_size(recipe, head)} numbers, of which {wrong[0]} cannot be taken"
            )
        return recipe.replace(model={"embedder": head, "classifier": None}, embed=settings)

    @classmethod
    def prepare(cls, recipe: EmbedRecipe, tokenizer: Tokenizer, folder: Path) -> None:
        if recipe.embed.teacher is not None:
            write_teacher_answers(recipe.embed, cls.learnt(recipe), folder, recipe.training.device)

    def learn(self, rows: list[Labelled]) -> Examples:
        settings, context = self.recipe.embed, self.recipe.model.context
        kind = kind_of(rows)
        assert settings.loss is not None
        if settings.loss not in LOSSES[kind]:
            raise LangueError(
                f"embed.loss: {settings.loss} cannot be learnt from {rows[0].place}; known for its columns: "
                f"{', '.join(LOSSES[kind])}"
            )
        encoded = encoded_rows(self.tokenizer, rows, kind, settings, context)
        if settings.loss in ("margin", "divergence") and max(map(len, encoded)) < 3:
            raise LangueError(
                f"embed.loss: {settings.loss} compares an anchor's positive with its negatives, but no row has any; "
                f"to find some: langue index mine INDEX --data FILE --out mined.jsonl"
            )
        if settings.teacher is None:
            targets = own_targets(rows, kind, settings.loss)
        else:
            targets = read_teacher_answers(self.folder, [len(row) for row in encoded], settings.loss)
            width = targets[0].shape[-1]
            if settings.loss == "vectors" and width != self.size:
                raise LangueError(
                    f"embed.teacher gives vectors of {width} numbers and the model such of {self.size}; "
                    f"set model.embedder.layers to [{{width: {width}}}]"
                )
        return Examples(examples(encoded, targets), several=True)

    @property
    def size(self) -> int:
        """The numbers of a vector."""
        assert self.recipe.model.embedder is not None
        return _size(self.recipe, self.recipe.model.embedder)

    def check(self, row: Labelled) -> None:
        kind = kind_of([row])
        texts_in(row, kind)
        if kind == "graded":
            own_targets([row], kind, "cosent")

    @property
    def lengths(self) -> np.ndarray:
        """Equal ones: the wrong answers of a batch are to be any, not those of one length."""
        return np.full(len(self.train), self.tokens_per_target)

    def objective(self) -> EmbedObjective:
        return EmbedObjective(self.recipe.embed)

    @property
    def deciding(self) -> Deciding:
        metric = self.recipe.embed.metric
        if self.rows["dev"]:
            known = METRICS[kind_of(self.rows["dev"])]
            metric = metric or known[0]
            if metric not in known:
                raise LangueError(f"embed.metric: {metric!r} is none of {', '.join(known)}, which the dev data allow")
        return Deciding(metric or "loss", higher=metric not in (None, "loss"))

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        training = self.recipe.training
        with evaluating(model), autocast(model.device, training.precision):
            task = Embed(model, self.tokenizer, self.recipe.embed)
            return measure(task, rows, self.recipe.embed, training.rows), []

    @property
    def notes(self) -> Mapping[str, str]:
        return {READING: json.dumps(self.recipe.embed.reading().model_dump(), indent=2, ensure_ascii=False) + "\n"}


def _size(recipe: EmbedRecipe, head: EmbedderConfig) -> int:
    return head.layers[-1].width if head.layers else recipe.architecture().read_width
