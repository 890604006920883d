"""Rows from datasets with the columns of Hugging Face's copies are the rows of the benchmarks' own files."""

import datasets
import pytest

from langue.data.benchmarks import BENCHMARKS, from_rows, hub_name
from langue.data.tables import parse_name
from langue.errors import LangueError


def dataset(labels: list[str] | None = None, **columns: list) -> datasets.Dataset:
    """A local dataset whose labels are class numbers, as on the hub."""
    made = datasets.Dataset.from_dict(columns)
    return made.cast_column("label", datasets.ClassLabel(names=labels)) if labels else made


@pytest.mark.parametrize(
    ("name", "columns", "row"),
    [
        ("glue/CoLA", {"sentence": ["a"], "label": [1]}, {"text": "a", "label": "acceptable"}),
        ("glue/SST-2", {"sentence": ["a"], "label": [0]}, {"text": "a", "label": "negative"}),
        ("glue/MRPC", {"sentence1": ["a"], "sentence2": ["b"], "label": [1]}, {"label": "equivalent"}),
        ("glue/QQP", {"question1": ["a"], "question2": ["b"], "label": [1]}, {"label": "duplicate"}),
        ("glue/STS-B", {"sentence1": ["a"], "sentence2": ["b"], "label": [2.5]}, {"label": 2.5}),
        ("glue/MNLI", {"premise": ["a"], "hypothesis": ["b"], "label": [2]}, {"label": "contradiction"}),
        ("glue/QNLI", {"question": ["a"], "sentence": ["b"], "label": [0]}, {"label": "entailment"}),
        ("glue/RTE", {"sentence1": ["a"], "sentence2": ["b"], "label": [1]}, {"label": "not_entailment"}),
        ("glue/WNLI", {"sentence1": ["a"], "sentence2": ["b"], "label": [1]}, {"label": "entailment"}),
        ("glue/AX", {"premise": ["a"], "hypothesis": ["b"], "label": [-1]}, {}),
        ("superglue/BoolQ", {"question": ["a"], "passage": ["b"], "label": [1]}, {"label": "True"}),
        ("superglue/CB", {"premise": ["a"], "hypothesis": ["b"], "label": [1]}, {"label": "contradiction"}),
        ("superglue/RTE", {"premise": ["a"], "hypothesis": ["b"], "label": [0]}, {"label": "entailment"}),
        ("superglue/AX-b", {"sentence1": ["a"], "sentence2": ["b"], "label": [1]}, {"label": "not_entailment"}),
        ("superglue/AX-g", {"premise": ["a"], "hypothesis": ["b"], "label": [0]}, {"label": "entailment"}),
        (
            "superglue/COPA",
            {"premise": ["P."], "choice1": ["c"], "choice2": ["d"], "question": ["effect"], "label": [1]},
            {"sentence1": "P. What happened as a result?", "choices": ["c", "d"], "label": 1},
        ),
        (
            "superglue/WiC",
            {"word": ["x"], "sentence1": ["a x"], "sentence2": ["x b"], "label": [1],
             "start1": [2], "end1": [3], "start2": [0], "end2": [1]},
            {"word": "x", "sentence1": "a * x *", "sentence2": "* x * b", "label": "True"},
        ),
        (
            "superglue/WSC",
            {"text": ["Tom said he"], "span1_text": ["Tom"], "span1_index": [0], "span2_text": ["he"],
             "span2_index": [2], "label": [1]},
            {"text": "* Tom * said # he #", "label": "True"},
        ),
    ],
)  # fmt: skip
def test_class_numbers_become_names(name, columns, row):
    labels = list(BENCHMARKS[name].labels) if BENCHMARKS[name].kind in ("single", "pair") else None
    (made,) = from_rows(name, dataset(labels, **columns, idx=[17]))
    if BENCHMARKS[name].kind in ("pair", "regression"):
        row = {"sentence1": "a", "sentence2": "b", **row}
    assert made == {**row, "index": 17}


def test_test_splits_have_no_labels():
    for name, none in (("glue/CoLA", -1), ("superglue/COPA", -1), ("glue/STS-B", -1.0)):
        rows = {"sentence": "a", "sentence1": "a", "sentence2": "b", "premise": "a", "choice1": "a", "choice2": "a"}
        (made,) = from_rows(name, [{**rows, "question": "cause", "label": none, "idx": 0}])
        assert "label" not in made


def test_nested_tasks():
    index = {"paragraph": 1, "question": 2, "answer": 3}
    options = dataset(["False", "True"], paragraph=["p"], question=["q"], answer=["a"], label=[1], idx=[index])
    assert from_rows("superglue/MultiRC", options) == [
        {"sentence1": "p", "sentence2": "q a", "group": "1-2", "label": "True", "index": index}
    ]
    index = {"passage": 1, "query": 2}
    queries = dataset(
        passage=["p"], query=["I like @placeholder"], entities=[["Ann", "Tom"]], answers=[["Tom"]], idx=[index]
    )
    (row,) = from_rows("superglue/ReCoRD", queries)
    assert (row["choices"], row["label"], row["index"]) == (["I like Ann", "I like Tom"], 1, index)


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_squad(version):
    questions = {"id": ["x"], "title": ["T"], "context": ["in Rome"], "question": ["where"]}
    answers = [{"text": ["Rome"], "answer_start": [3]}]
    (row,) = from_rows(f"squad/{version}", dataset(**questions, answers=answers))
    assert (row["answers"], row["impossible"]) == ([{"text": "Rome", "start": 3}], False)
    empty = dataset(**questions, answers=[{"text": [], "answer_start": []}])
    if version == "2.0":
        assert from_rows("squad/2.0", empty)[0]["impossible"]
    else:
        with pytest.raises(LangueError, match=r"squad/1\.1, row 0: the question has no answer"):
            from_rows("squad/1.1", empty)


def test_mistakes_name_the_row():
    with pytest.raises(LangueError, match="glue/SST-2, row 1: the label 7 is unknown; known are negative, positive"):
        from_rows("glue/SST-2", [{"sentence": "a", "label": 0}, {"sentence": "b", "label": 7}])
    with pytest.raises(LangueError, match="glue/SST-2, row 0: there is no sentence; there are text, label"):
        from_rows("glue/SST-2", [{"text": "a", "label": 0}])
    with pytest.raises(LangueError, match=r"row 0: the label 0\.5 is unknown"):
        from_rows("glue/SST-2", [{"sentence": "a", "label": 0.5}])


def test_names_on_the_hub():
    assert hub_name("glue/MNLI", "dev_mismatched") == "hf:nyu-mll/glue/mnli:validation_mismatched"
    assert hub_name("squad/2.0", "dev") == "hf:rajpurkar/squad_v2:validation"
    assert parse_name(hub_name("superglue/WSC", "train")) == ("aps/super_glue", "wsc.fixed", "train")
    with pytest.raises(LangueError, match="glue/AX has no split 'dev'"):
        hub_name("glue/AX", "dev")
