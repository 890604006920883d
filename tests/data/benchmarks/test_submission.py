"""What the leaderboards are sent."""

import json

import pytest

from langue.data.benchmarks import BENCHMARKS, submission_name, write_submission
from langue.errors import LangueError


@pytest.mark.parametrize(
    ("name", "predictions", "content"),
    [
        ("glue/CoLA", ["acceptable", "unacceptable"], "0\t1\n1\t0\n"),
        ("glue/WNLI", ["entailment", "not_entailment"], "0\t1\n1\t0\n"),
        ("glue/RTE", ["entailment", "not_entailment"], "0\tentailment\n1\tnot_entailment\n"),
        ("glue/MNLI", ["neutral", "contradiction"], "0\tneutral\n1\tcontradiction\n"),
        ("glue/STS-B", [3.14159, 5.2], "0\t3.142\n1\t5.000\n"),
    ],
)
def test_glue(tmp_path, name, predictions, content):
    path = write_submission(name, [{"index": 0}, {"index": 1}], predictions, tmp_path)
    assert path == tmp_path / submission_name(name)
    assert path.read_bytes().decode() == "index\tprediction\n" + content


@pytest.mark.parametrize(
    ("name", "row", "prediction", "label"),
    [
        ("superglue/BoolQ", {}, "True", "true"),
        ("superglue/WiC", {}, "False", "false"),
        ("superglue/WSC", {}, "True", "True"),
        ("superglue/CB", {}, "neutral", "neutral"),
        ("superglue/COPA", {"choices": ["a", "b"]}, 1, 1),
        ("superglue/AX-b", {}, "entailment", "entailment"),
    ],
)
def test_superglue(tmp_path, name, row, prediction, label):
    path = write_submission(name, [{**row, "index": 4}], [prediction], tmp_path / "deep" / "file.jsonl")
    assert json.loads(path.read_text()) == {"idx": 4, "label": label}


def test_record_sends_the_entity(tmp_path):
    row = {"index": {"passage": 1, "query": 6}, "choices": ["a é", "a b"], "entities": ["é", "b"]}
    path = write_submission("superglue/ReCoRD", [row], [0], tmp_path)
    assert path.read_text(encoding="utf-8") == '{"idx": 6, "label": "é"}\n'


def test_multirc_is_nested_again(tmp_path):
    places = [(0, 0, 0), (0, 0, 1), (0, 1, 2), (5, 2, 3)]
    rows = [{"index": dict(zip(("paragraph", "question", "answer"), place, strict=True))} for place in places]
    path = write_submission("superglue/MultiRC", rows, ["True", "False", "True", "False"], tmp_path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {
            "idx": 0,
            "passage": {
                "questions": [
                    {"idx": 0, "answers": [{"idx": 0, "label": 1}, {"idx": 1, "label": 0}]},
                    {"idx": 1, "answers": [{"idx": 2, "label": 1}]},
                ]
            },
        },
        {"idx": 5, "passage": {"questions": [{"idx": 2, "answers": [{"idx": 3, "label": 0}]}]}},
    ]


def test_squad(tmp_path):
    path = write_submission("squad/2.0", [{"id": "a"}, {"id": "b"}], ["Zürich", ""], tmp_path)
    assert path.name == "predictions.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "Zürich", "b": ""}


def test_every_task_has_a_name_for_its_file():
    names = [submission_name(name, split) for name, one in BENCHMARKS.items() for split in one.submissions]
    assert {"MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv", "STS-B.tsv", "AX-b.jsonl", "ReCoRD.jsonl"} < set(names)
    with pytest.raises(LangueError, match="glue/CoLA takes no submissions of 'dev', only of test"):
        submission_name("glue/CoLA", "dev")


@pytest.mark.parametrize(
    ("name", "rows", "predictions", "said"),
    [
        ("glue/CoLA", [{"index": 0}], [], "there are 0 predictions for 1 rows"),
        ("glue/CoLA", [{"index": 0}], ["1"], "glue/CoLA knows no label '1'; known are unacceptable, acceptable"),
        ("superglue/COPA", [{"index": 8, "choices": "ab"}], [2], "row 8 has 2 choices and no choice 2"),
    ],
)
def test_mistakes_are_a_sentence(tmp_path, name, rows, predictions, said):
    with pytest.raises(LangueError, match=said):
        write_submission(name, rows, predictions, tmp_path)


def test_a_path_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LangueError, match="could not be written: Not a directory"):
        write_submission("glue/CoLA", [{"index": 0}], ["acceptable"], tmp_path / "file" / "inside.tsv")
