"""The training task of `classify`: any model learns to judge texts from labelled rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from langue.console import say
from langue.data.examples import Examples
from langue.data.labelled import Labelled, read_split
from langue.data.layouts import are_texts, too_many_labels
from langue.data.values import whole
from langue.errors import LangueError
from langue.metrics.significance import as_mean, mean_of
from langue.models import Model
from langue.models.config import ClassifierConfig
from langue.tasks.card_words import CardWords
from langue.tasks.classify.data import check_texts, encoded_examples, labels_of, one_label, target_of
from langue.tasks.classify.objective import ClassifyObjective
from langue.tasks.classify.predict import Classify
from langue.tasks.classify.settings import AnswerKind, ClassifyRecipe, ClassifySettings
from langue.tasks.distill.rows import held_out, named
from langue.tasks.distill.training import Standing, WrittenTraining
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import with_vocabulary
from langue.text import Tokenizer
from langue.training import Deciding
from langue.training.device import autocast

METRICS: Mapping[AnswerKind, tuple[str, ...]] = {
    "label": ("accuracy", "f1_macro", "f1", "matthews", "loss"),
    "labels": ("f1_micro", "f1_macro", "exact_match", "loss"),
    "number": ("pearson", "spearman", "mean_squared_error", "loss"),
    "choice": ("accuracy", "loss"),
}
"""Metrics that can decide, by the kind of answer; the first is the default."""

LOWER = {"loss", "mean_squared_error"}


class ClassifyTraining(WrittenTraining[ClassifyRecipe], TableTraining[ClassifyRecipe]):
    """One judgement for each row."""

    words = CardWords(
        purpose="to classify text",
        pipeline="text-classification",
        command="langue classify {name} {prompt}",
        call="print(model.classify({prompt}))",
        limits="The model has learnt what its training data call by which name. On text of another kind its "
        "probabilities mean little.",
    )
    judges = "text"
    columns = ("text", "label")

    @classmethod
    def complete(cls, recipe: ClassifyRecipe, tokenizer: Tokenizer) -> ClassifyRecipe:
        recipe = with_vocabulary(recipe, tokenizer)
        recipe = recipe.replace(classify=_settings(recipe))
        settings = recipe.classify
        head = recipe.model.classifier
        if head is None or head.level != "text":
            head = None
        usual = "last" if recipe.model.form == "decoder" else "mean"
        chosen = ClassifierConfig(
            outputs=len(settings.labels) or 1,
            pooling=settings.pooling or (head.pooling if head else usual),
            dense=settings.dense or (head.dense if head else "none"),
            dense_bias=head.dense_bias if head else True,
            norm=head.norm if head else False,
            bias=head.bias if head else True,
        )
        if recipe.model.form == "seq2seq":
            raise LangueError("task: classify wants model.form: encoder or decoder")
        if recipe.model.form == "decoder" and chosen.pooling == "first":
            raise LangueError("the first position of a decoder has seen nothing; set classify.pooling to last or mean")
        return recipe.replace(model={"classifier": chosen})

    def learn(self, rows: list[Labelled]) -> Examples:
        recipe = self.recipe
        known = self._labelled(rows)
        if len(known) < len(rows):
            say(f"left out {len(rows) - len(known):,} of {len(rows):,} rows, of which no choice is right")
        encoded = encoded_examples(self.tokenizer, known, recipe.classify, recipe.model.context)
        return Examples(encoded, several=recipe.classify.kind == "choice")

    def check(self, row: Labelled) -> None:
        check_texts(row, self.recipe.classify.kind)
        for known in self._labelled([row]):
            target_of(known, self.recipe.classify)

    def objective(self) -> ClassifyObjective:
        settings = self.recipe.classify
        return ClassifyObjective(settings.kind, self._weights(settings), self.recipe.training.label_smoothing)

    def judged(self, task: Classify, rows: int) -> Standing:
        known = self._labelled(self.rows["test"] or self.rows["dev"])[:rows]
        with autocast(task.model.device, self.recipe.training.precision):
            values = task.judgements(known)
        metric = {"number": "mean_squared_error", "labels": "exact_match"}.get(task.kind, "accuracy")
        return Standing(metric, as_mean(values), mean_of, "rows")

    @classmethod
    def inputs_for(cls, recipe: ClassifyRecipe, teacher: Classify) -> list[Labelled]:
        return cls.learnt(recipe)

    @classmethod
    def rows_by(cls, recipe: ClassifyRecipe, teacher: Classify, inputs: list[Labelled]) -> list[dict[str, Any]]:
        answers = teacher.predict([row.values for row in inputs])
        return [
            named(recipe.data, {**row.values, "label": answer}) for row, answer in zip(inputs, answers, strict=True)
        ]

    @classmethod
    def held_out(cls, recipe: ClassifyRecipe) -> list[dict[str, Any]] | None:
        return held_out(recipe.data)

    @classmethod
    def with_texts(cls, recipe: ClassifyRecipe, teacher: Classify, data: Mapping[str, Any]) -> ClassifyRecipe:
        """The labels are the teacher's, in its order; a benchmark's own files are no longer read."""
        recipe = super().with_texts(recipe, teacher, {**data, "benchmark": None, "folder": None})
        return recipe.replace(classify={"kind": teacher.kind, "labels": teacher.settings.labels})

    @classmethod
    def with_kept_texts(cls, recipe: ClassifyRecipe, old: ClassifyRecipe) -> ClassifyRecipe:
        recipe = super().with_kept_texts(recipe, old)
        return recipe.replace(classify={"kind": old.classify.kind, "labels": old.classify.labels})

    def check_teacher(self, teacher: Classify) -> None:
        own, theirs, distill = self.recipe.classify, teacher.settings, self.distill
        if distill is not None and distill.what == "hidden" and own.kind == "choice":
            raise LangueError("distill.what: choices are learnt from logits; several texts share a target there")
        if own.kind in ("label", "labels") and own.labels != theirs.labels:
            raise LangueError(
                f"distill.teacher: it tells {', '.join(theirs.labels)} apart, and the student learns "
                f"{', '.join(own.labels)}; name the same in classify.labels"
            )

    def _weights(self, settings: ClassifySettings) -> list[float] | None:
        """A weight for each label, of mean 1 over the training data."""
        if settings.class_weights is None or settings.kind not in ("label", "labels"):
            return None
        labels, targets = settings.labels, self.train.targets
        counts = [float((targets == n).sum()) for n in range(len(labels))]
        if settings.kind == "labels":
            counts = targets.sum(0).tolist()
        if settings.class_weights == "balanced":
            weights = [1 / max(1.0, count) for count in counts]
        else:
            weights = [settings.class_weights.get(label, 1.0) for label in labels]
        mean = sum(w * c for w, c in zip(weights, counts, strict=True)) / max(1.0, sum(counts))
        return [weight / mean for weight in weights]

    @property
    def deciding(self) -> Deciding:
        metric = self.recipe.classify.metric
        if metric is None:
            metric = "score" if self.benchmark is not None else METRICS[self.recipe.classify.kind][0]
        return Deciding(metric, higher=metric not in LOWER)

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        task = Classify(model, self.tokenizer, self.recipe.classify)
        known = self._labelled(rows)
        measured, answers = task.evaluate(known, self.recipe.training.precision)
        return measured, answers if len(known) == len(rows) else task.predict([row.values for row in rows])

    def _labelled(self, rows: list[Labelled]) -> list[Labelled]:
        """The rows with a label; of a benchmark's some have none, since a right answer of ReCoRD may be no choice."""
        return rows if self.benchmark is None else [row for row in rows if "label" in row.values]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.recipe.classify.labels


def _settings(recipe: ClassifyRecipe) -> ClassifySettings:
    """The settings with all labels; a benchmark brings both kind and labels.

    Raises:
        LangueError: there are fewer than two labels, or as many as rows; a weight is for none of them, or the metric is
            unknown.
    """
    settings = recipe.classify
    if recipe.data.benchmark is not None:
        settings = settings.replace(**_of_benchmark(recipe.data.benchmark))
    if settings.kind in ("label", "labels") and not settings.labels:
        rows = read_split(recipe.data, "train")
        settings = settings.replace(labels=_learnt(rows, settings.kind))
        if settings.kind == "label" and are_texts(len(settings.labels), len(rows)):
            column = recipe.data.columns.get("label", "label")
            raise too_many_labels(str(recipe.data.train), column, len(settings.labels), len(rows))
    if settings.kind == "label" and len(settings.labels) < 2:
        raise LangueError(
            f"the training data have one label alone, {', '.join(settings.labels)}; nothing can be learnt"
        )
    if isinstance(settings.class_weights, dict):
        strange = sorted(set(settings.class_weights) - set(settings.labels))
        if strange:
            raise LangueError(f"classify.class_weights: there is no label {strange[0]!r}")
    known = METRICS[settings.kind]
    if settings.metric is not None and settings.metric not in known:
        raise LangueError(f"classify.metric: {settings.metric!r} is none of {', '.join(known)}")
    return settings


def _of_benchmark(name: str) -> dict[str, Any]:
    from langue.data.benchmarks import find_benchmark

    benchmark = find_benchmark(name)
    kinds: dict[str, AnswerKind] = {"single": "label", "pair": "label", "regression": "number", "choice": "choice"}
    if benchmark.kind not in kinds:
        raise LangueError(f"{name} is no task of classification; set task: {benchmark.kind}")
    return {"kind": kinds[benchmark.kind], "labels": tuple(benchmark.labels)}


def _learnt(rows: list[Labelled], kind: str) -> tuple[str, ...]:
    """All labels of the rows: numbers by size, names by the alphabet."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update([one_label(row)] if kind == "label" else labels_of(row))
    numbers = {label: whole(label) for label in counts}
    if None in numbers.values():
        return tuple(sorted(counts))
    return tuple(sorted(counts, key=lambda label: (numbers[label], label)))
