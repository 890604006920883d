"""The training task of `tag`: any model learns to label the words of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langue.data.examples import Examples
from langue.data.labelled import Labelled, missing_columns, read_split
from langue.errors import LangueError
from langue.models import Model
from langue.models.heads import at_positions
from langue.tasks.card_words import CardWords
from langue.tasks.table_training import TableTraining
from langue.tasks.tag.data import encoded_pieces, tags_of, targets_of, words_of
from langue.tasks.tag.objective import TagObjective
from langue.tasks.tag.predict import Tag, is_bio
from langue.tasks.tag.settings import TagRecipe
from langue.tasks.training_task import with_vocabulary
from langue.text import Tokenizer
from langue.training import Deciding


class TagTraining(TableTraining[TagRecipe]):
    """One label for each word."""

    words = CardWords(
        purpose="to label the words of a text",
        pipeline="token-classification",
        command="langue tag {name} {prompt}",
        call="print(model.tag({prompt}))",
        limits="The model has learnt what its training data call by which name, in texts of their kind.",
    )
    judges = "position"
    columns = ("tokens", "tags")

    @classmethod
    def row_texts(cls, rows: Sequence[Labelled], recipe: TagRecipe) -> Iterator[str]:
        """The words of each row with a space between them."""
        for row in rows:
            if "tokens" not in row.values:
                raise missing_columns(row.place, cls.columns, row.values)
            yield " ".join(words_of(row))

    @classmethod
    def complete(cls, recipe: TagRecipe, tokenizer: Tokenizer) -> TagRecipe:
        recipe = with_vocabulary(recipe, tokenizer)
        if recipe.model.form == "seq2seq":
            raise LangueError("task: tag wants model.form: encoder or decoder")
        if recipe.data.benchmark is not None:
            raise LangueError(f"{recipe.data.benchmark} has no labels of words; set task: classify or answer")
        settings = recipe.tag
        if not settings.labels:
            settings = settings.replace(labels=_learnt(read_split(recipe.data, "train")))
        if len(settings.labels) < 2:
            raise LangueError(f"the training data have one label alone, {settings.labels[0]}; nothing can be learnt")
        known = ("f1", "accuracy", "loss") if is_bio(settings.labels) else ("accuracy", "loss")
        metric = settings.metric or known[0]
        if metric not in known:
            raise LangueError(f"tag.metric: {metric!r} is none of {', '.join(known)}, which these labels allow")
        head = at_positions(recipe.model.classifier, len(settings.labels))
        return recipe.replace(model={"classifier": head}, tag=settings.replace(metric=metric))

    def learn(self, rows: list[Labelled]) -> Examples:
        recipe = self.recipe
        return Examples(encoded_pieces(self.tokenizer, rows, recipe.tag, recipe.model.context))

    def check(self, row: Labelled) -> None:
        targets_of(row, self.recipe.tag)

    def objective(self) -> TagObjective:
        return TagObjective(self.recipe.training.label_smoothing)

    @property
    def deciding(self) -> Deciding:
        metric = self.recipe.tag.metric or "accuracy"
        return Deciding(metric, higher=metric != "loss")

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        return Tag(model, self.tokenizer, self.recipe.tag).evaluate(rows, self.recipe.training.precision)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.recipe.tag.labels


def _learnt(rows: list[Labelled]) -> tuple[str, ...]:
    """All labels of the rows, "O" first and then by the alphabet, so that entities' two marks stand in one order.

    Raises:
        LangueError: there are no rows.
    """
    if not rows:
        raise LangueError("there are no rows to learn labels from")
    tags = {tag for row in rows for tag in tags_of(row)}
    return tuple(sorted(tags, key=lambda tag: (tag != "O", tag)))
