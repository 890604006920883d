"""The head of a model card, which Hugging Face's hub reads: its licence, languages, base, data, and how good it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from langue.data.settings import Aligned
from langue.data.tables import parse_name
from langue.recipe import Recipe
from langue.remote import HUB
from langue.report.record import Record, Row, number
from langue.tasks.training_task import training_task

COUNTS = ("step", "tokens", "seconds", "best", "tokens_per_second", "waited", "peak_share", "learning_rate",
          "gradient_norm", "skipped")  # fmt: skip
"""Numbers of a row that measure no model."""


HUB_METRICS = {"f1_macro": "f1", "f1_micro": "f1", "matthews": "matthews_correlation", "pearson": "pearsonr",
               "spearman": "spearmanr", "rouge_1": "rouge", "rouge_2": "rouge", "rouge_l": "rouge",
               "rouge_lsum": "rouge"}  # fmt: skip
"""Names of metrics on the hub, where they are others than ours."""


def head(
    recipe: Recipe, record: Record, base: str | None, data: str, library: str = "langue", **words: Any
) -> dict[str, Any]:
    """The fields of a run's card, and its measures under `eval_results`.

    Args:
        recipe: of the run.
        record: of the run.
        base: the model on Hugging Face's hub that it began from.
        data: the names of what it learnt from and was measured on.
        library: what reads the model.
        words: fields that go before the recipe's, where they are not empty.
    """
    rows = [("test", row) for row in record.test] or [("dev", row) for row in record.dev if row is record.best()]
    pipeline = training_task(recipe).words_of(recipe).pipeline
    scores = [(split, *score) for split, row in rows for score in measures(row).items()]
    sets = hub_names(recipe)
    results = [
        {
            "task_type": pipeline,
            "dataset_type": sets[0] if sets else slug(data),
            "dataset_name": slug(data),
            "dataset_split": split,
            "metric_type": HUB_METRICS.get(name, name),
            "metric_name": name.replace("_", " "),
            "metric_value": value,
        }
        for split, name, value in scores
    ]
    fields = {
        "license": recipe.card.license,
        "language": recipe.card.language,
        "library_name": library,
        "pipeline_tag": pipeline,
        "tags": ["langue", *recipe.model.mixers, recipe.model.form],
        "base_model": base,
        "datasets": sets,
        "metrics": list(dict.fromkeys(HUB_METRICS.get(name, name) for _, name, _ in scores if name != "loss")),
        "model_name": slug(title(record.name)),
        "eval_results": results,
    }
    return fields | {name: value for name, value in words.items() if value}


def in_yaml(fields: Mapping[str, Any]) -> str:
    """A head as it stands above a card: by huggingface_hub's own classes, or without a `model-index` where it is not
    installed."""
    fields = {name: value for name, value in fields.items() if value}
    results: Sequence[Mapping[str, Any]] = fields.pop("eval_results", [])
    try:
        from huggingface_hub import EvalResult, ModelCardData
    except ImportError:
        fields.pop("model_name", None)
        return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).strip()
    if results:
        fields["eval_results"] = [EvalResult(**result) for result in results]
    return ModelCardData(**fields).to_yaml().strip()


def measures(row: Row) -> dict[str, float]:
    """The metrics of a row, by name."""
    values = {name: number(row, name) for name in row if name not in COUNTS}
    return {name: value for name, value in values.items() if value is not None}


def hub_names(recipe: Recipe) -> list[str]:
    """The data sets on Hugging Face's hub that a run learnt from."""
    names = [parse_name(name)[0] for name in _named(recipe.data.train) if name.startswith(HUB)]
    return list(dict.fromkeys(name for name in names if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name)))


def _named(source: Aligned | str | Iterable[str]) -> list[str]:
    if isinstance(source, Aligned):
        return [source.source, source.target]
    return [source] if isinstance(source, str) else list(source)


def title(name: str) -> str:
    """The name of a model without its owner on the hub."""
    return name.rpartition("/")[2] if name.startswith(HUB) else name


def slug(name: str) -> str:
    """A name of letters, digits, dots and dashes, as the hub's are."""
    return re.sub(r"[^\w./-]+", "-", name).strip("-/.") or "model"
