"""Metrics: numbers and strings in, numbers out; they know nothing of models, files or tasks.

Every score is a fraction of 1 (correlations lie in [-1, 1]); leaderboards print a hundred times as much. Only those of
translations are on sacreBLEU's scale of 100. Predictions come first, the truth second; each metric raises a
`LangueError` where there is nothing to score, or not one prediction for each example.
"""

from langue.metrics.answers import (
    best_threshold,
    exact_match,
    multirc,
    normalize_answer,
    record,
    squad_v1,
    squad_v2,
    token_f1,
)
from langue.metrics.calibration import (
    OperatingPoint,
    ReliabilityBin,
    brier,
    expected_calibration_error,
    operating_point,
    reliability,
)
from langue.metrics.classification import (
    LabelScore,
    accuracy,
    confusion,
    f1,
    f1_macro,
    f1_micro,
    f1_sets,
    label_scores,
    matthews,
    same_sets,
)
from langue.metrics.regression import mean_squared_error, pearson, spearman
from langue.metrics.retrieval import RETRIEVAL, ranked, retrieval_scores, retrieval_statistics
from langue.metrics.rouge import rouge, rouge_scores, rouge_statistics
from langue.metrics.significance import (
    Difference,
    Interval,
    approximate_randomization,
    as_mean,
    bootstrap,
    mean_of,
    paired_bootstrap,
)
from langue.metrics.similarity import Threshold, average_precision, best_f1, cosines, k_means, v_measure
from langue.metrics.spans import f1_spans, spans
from langue.metrics.translation import TranslationMetric, translation_statistics

__all__ = [
    "RETRIEVAL",
    "Difference",
    "Interval",
    "LabelScore",
    "OperatingPoint",
    "ReliabilityBin",
    "Threshold",
    "TranslationMetric",
    "accuracy",
    "approximate_randomization",
    "as_mean",
    "average_precision",
    "best_f1",
    "best_threshold",
    "bootstrap",
    "brier",
    "confusion",
    "cosines",
    "exact_match",
    "expected_calibration_error",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_sets",
    "f1_spans",
    "k_means",
    "label_scores",
    "matthews",
    "mean_of",
    "mean_squared_error",
    "multirc",
    "normalize_answer",
    "operating_point",
    "paired_bootstrap",
    "pearson",
    "ranked",
    "record",
    "reliability",
    "retrieval_scores",
    "retrieval_statistics",
    "rouge",
    "rouge_scores",
    "rouge_statistics",
    "same_sets",
    "spans",
    "spearman",
    "squad_v1",
    "squad_v2",
    "token_f1",
    "translation_statistics",
    "v_measure",
]
