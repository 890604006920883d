"""The benchmarks' own scores and averages."""

import pytest
import sklearn.metrics as sklearn

from langue.data.benchmarks import BENCHMARKS
from langue.errors import LangueError
from langue.metrics.benchmarks import average, score, suite_parts, task_score


def labelled(labels):
    return [{"index": place, "label": label} for place, label in enumerate(labels)]


@pytest.mark.parametrize("name", [name for name, one in BENCHMARKS.items() if one.labels and "MultiRC" not in name])
def test_classification_has_the_benchmarks_metrics(name):
    labels = BENCHMARKS[name].labels
    expected = [labels[place % len(labels)] for place in range(12)]
    predicted = [labels[place * place % len(labels) if place < 9 else 0] for place in range(12)]
    scores = score(name, predicted, labelled(expected))
    kind = {"pos_label": labels[1], "average": "binary"} if len(labels) == 2 else {"average": "macro"}
    want = {
        "accuracy": sklearn.accuracy_score(expected, predicted),
        "matthews": sklearn.matthews_corrcoef(expected, predicted),
        "f1": sklearn.f1_score(expected, predicted, **kind),
    }
    assert scores == pytest.approx({metric: want[metric] for metric in BENCHMARKS[name].metrics})


def test_who_is_scored_by_what():
    tasks: dict[tuple[str, ...], set[str]] = {}
    for name, one in BENCHMARKS.items():
        tasks.setdefault(one.metrics, set()).add(name)
    assert tasks["matthews",] == {"glue/CoLA", "glue/AX", "superglue/AX-b"}
    assert tasks["accuracy", "f1"] == {"glue/MRPC", "glue/QQP", "superglue/CB"}
    assert tasks["f1", "exact_match"] == {"superglue/MultiRC", "superglue/ReCoRD"}
    assert tasks["exact_match", "f1"] == {"squad/1.1", "squad/2.0"}
    assert tasks["pearson", "spearman"] == {"glue/STS-B"}
    assert len(tasks["accuracy",]) == 11


def test_regression():
    scores = score("glue/STS-B", [1.0, 2.0, 4.0, 3.0], labelled([1.0, 2.0, 3.0, 4.0]))
    assert scores == pytest.approx({"pearson": 0.8, "spearman": 0.8})


def test_choices():
    assert score("superglue/COPA", [0, 1, 1, 0], labelled([0, 1, 0, 0])) == {"accuracy": 0.75}
    rows = [
        {"index": 0, "entities": ["Ann Lee", "Tom"], "answers": ["Ann", "Lee"]},
        {"index": 1, "entities": ["Ann", "Tom"], "answers": ["Tom"]},
    ]
    assert score("superglue/ReCoRD", [0, 1], rows) == pytest.approx({"exact_match": 0.5, "f1": (2 / 3 + 1) / 2})


def test_options_of_a_question():
    rows = [
        {"index": place, "group": group, "label": label}
        for place, (group, label) in enumerate([("0-0", "True"), ("0-0", "False"), ("0-1", "True"), ("0-1", "True")])
    ]
    scores = score("superglue/MultiRC", ["True", "False", "True", "False"], rows)
    assert scores == pytest.approx({"f1": 0.8, "exact_match": 0.5})


def test_answers():
    rows = [
        {"index": "a", "answers": [{"text": "the Seine", "start": 0}, {"text": "Seine river", "start": 0}]},
        {"index": "b", "answers": []},
    ]
    assert score("squad/1.1", ["Seine"], rows[:1]) == {"exact_match": 1.0, "f1": 1.0}
    scores = score("squad/2.0", ["Seine", "Rhine"], rows)
    assert (scores["f1"], scores["has_answer_f1"], scores["no_answer_f1"]) == (0.5, 1.0, 0.0)


def test_a_task_is_the_mean_of_its_metrics():
    assert task_score("glue/MRPC", {"accuracy": 0.8, "f1": 0.9}) == pytest.approx(0.85)
    assert task_score("glue/CoLA", {"matthews": 0.6}) == 0.6


def test_the_average_counts_mnli_once_and_diagnostics_never():
    scores = {
        ("glue/CoLA", "dev"): {"matthews": 0.6},
        ("glue/STS-B", "dev"): {"pearson": 0.9, "spearman": 0.8},
        ("glue/MNLI", "dev"): {"accuracy": 0.8},
        ("glue/MNLI", "dev_mismatched"): {"accuracy": 0.7},
        ("glue/AX", "test"): {"matthews": 0.1},
    }
    assert average(scores) == pytest.approx((0.6 + 0.85 + 0.75) / 3)
    with pytest.raises(LangueError, match="no task to average over"):
        average({("glue/AX", "test"): {"matthews": 0.1}})


def test_parts_of_a_suite():
    parts = suite_parts("glue")
    assert len(parts) == 10
    assert parts[parts.index(("glue/MNLI", "dev")) + 1] == ("glue/MNLI", "dev_mismatched")
    assert ("glue/AX", "test") in suite_parts("glue", "test")
    assert len(suite_parts("superglue")) == 8
    assert len(suite_parts("superglue", "test")) == 10
    with pytest.raises(LangueError, match="there is no suite blue; known: glue, superglue, squad"):
        suite_parts("blue")


@pytest.mark.parametrize("name", ["glue/CoLA", "superglue/ReCoRD", "superglue/MultiRC", "squad/1.1"])
def test_rows_without_truth_are_a_sentence(name):
    with pytest.raises(LangueError, match=r"row 5 has no (label|answers) to score against"):
        score(name, ["x"], [{"index": 5}])
    with pytest.raises(LangueError, match="nothing to score"):
        score(name, [], [])
