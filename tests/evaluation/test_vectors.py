"""Graded pairs, duplicates and groups against sentence-transformers' evaluators, scipy and scikit-learn."""

import json

import numpy as np
import pytest
import scipy.stats
import sklearn.cluster
import sklearn.metrics
from sentence_transformers.sentence_transformer.evaluation import (
    BinaryClassificationEvaluator,
    EmbeddingSimilarityEvaluator,
)
from tests.sentence_folder import changed, save_sentence_folder, texts

import langue
from langue import cli
from langue.errors import LangueError

FIRST = texts(60)
# None are the same: whether equal vectors have a cosine of 1 or a little less is up to rounding.
SECOND = [changed(text, 1 + number % 8, number) for number, text in enumerate(FIRST)]
SCORES = [5.0 - number % 8 / 2 for number in range(60)]
SAME = [number % 8 < 3 for number in range(60)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("vectors")
    return place / "sentence", save_sentence_folder(place)


def rows(**columns):
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_graded_pairs_score_as_sentence_transformers_evaluates_them(folder, tmp_path, capsys):
    path, theirs = folder
    want = EmbeddingSimilarityEvaluator(FIRST, SECOND, SCORES, write_csv=False)(theirs)
    lines = [f"{one}\t{two}\t{score}\n" for one, two, score in zip(FIRST, SECOND, SCORES, strict=True)]
    (tmp_path / "sts.tsv").write_text("sentence1\tsentence2\tscore\n" + "".join(lines))
    assert cli.run(["evaluate", str(path), "--data", str(tmp_path / "sts.tsv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["task"], found["examples"]) == ("embed", 60)
    for name, value in found["metrics"].items():
        assert value == pytest.approx(want[f"{name}_cosine"], abs=1e-6)
        low, high = found["intervals"][name]
        assert low < value < high
    # The interval of Pearson's correlation is near Fisher's, which supposes that both columns are normal.
    fisher = scipy.stats.pearsonr(_cosines(theirs), SCORES).confidence_interval()
    assert found["intervals"]["pearson"] == pytest.approx(list(fisher), abs=0.08)


def _cosines(theirs):
    one, two = (theirs.encode(column, normalize_embeddings=True) for column in (FIRST, SECOND))
    return (one * two).sum(1)


@pytest.mark.parametrize("spelt", [int, bool, lambda same: str(same).lower()])
def test_duplicates_score_as_sentence_transformers_evaluates_them(folder, spelt):
    path, theirs = folder
    want = BinaryClassificationEvaluator(FIRST, SECOND, [int(same) for same in SAME], write_csv=False)(theirs)
    found = langue.evaluate(path, rows(sentence1=FIRST, sentence2=SECOND, label=list(map(spelt, SAME))))["metrics"]
    names = {"average_precision": "ap", "f1": "f1", "precision": "precision", "recall": "recall"}
    for name, their_name in {**names, "threshold": "f1_threshold"}.items():
        assert found[name] == pytest.approx(want[f"cosine_{their_name}"], abs=1e-6), name


def test_a_benchmark_says_which_label_means_the_same(folder, tmp_path):
    path, _ = folder
    lines = [f"{int(same)}\t1\t2\t{one}\t{two}\n" for one, two, same in zip(FIRST, SECOND, SAME, strict=True)]
    (tmp_path / "RTE").mkdir()
    (tmp_path / "RTE" / "dev.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\tw1\tw2\tentailment\n")
    (tmp_path / "dev.tsv").write_text("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n" + "".join(lines))
    found = langue.evaluate(path, str(tmp_path), benchmark="glue/MRPC")["metrics"]
    want = langue.evaluate(path, rows(sentence1=FIRST, sentence2=SECOND, label=[int(same) for same in SAME]))["metrics"]
    assert found == want
    with pytest.raises(LangueError, match="glue/RTE says nothing about vectors; glue/STS-B, glue/MRPC, glue/QQP"):
        langue.evaluate(path, str(tmp_path), benchmark="glue/RTE")


def test_pairs_are_found_again_as_often_as_sentence_transformers_vectors_find_them(folder):
    path, theirs = folder
    found = langue.evaluate(path, rows(anchor=SECOND, positive=FIRST))["metrics"]
    one, two = (theirs.encode(column, normalize_embeddings=True) for column in (SECOND, FIRST))
    scores = one @ two.T
    places = 1 + (scores > scores.diagonal()[:, None]).sum(1)
    assert found["accuracy"] == pytest.approx((places == 1).mean())
    assert found["mrr@10"] == pytest.approx(np.where(places <= 10, 1 / places, 0).mean())


def test_groups_are_those_of_scikit_learns_k_means(folder):
    path, theirs = folder
    many = texts(8, seed=3)
    some = [changed(many[number % 8], 2, number) for number in range(80)]
    labels = [f"topic {number % 8}" for number in range(80)]
    found = langue.evaluate(path, rows(text=some, label=labels))["metrics"]["v_measure"]
    vectors = theirs.encode(some, normalize_embeddings=True)
    groups = sklearn.cluster.KMeans(8, n_init=10, random_state=0).fit_predict(vectors)
    assert found == pytest.approx(sklearn.metrics.v_measure_score(labels, groups), abs=1e-6)
    assert found > 0.5


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([], "no rows to evaluate on"),
        ([{"sentence1": "w1", "sentence2": "w2", "score": "high"}], "rows, row 1: the score of a pair should be a num"),
        ([{"sentence1": "w1", "sentence2": "w2", "score": np.nan}], "score is empty"),
        ([{"sentence1": "w1", "sentence2": "w2", "label": "similar"}], "should be a number, got 'similar'"),
        ([{"sentence1": "w1", "sentence2": "w2"}], "rows, row 1 has no column label"),
        ([{"sentence1": "w1", "sentence2": " ", "score": 1}], "rows, row 1: sentence2 is empty"),
        ([{"sentence1": "w1", "sentence2": "w2", "label": 0}], "no pair is a duplicate"),
        ([{"text": "w1"}], "rows, row 1 has no column label"),
        ([{"label": "w1"}], "rows, row 1 has no column text"),
    ],
)
def test_what_cannot_be_measured_is_said(folder, table, says):
    with pytest.raises(LangueError, match=says):
        langue.evaluate(folder[0], table)
