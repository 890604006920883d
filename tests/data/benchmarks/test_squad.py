"""SQuAD's files, with answers whose offsets hold or lie."""

import json

import pytest

from langue.data.benchmarks import read_benchmark
from langue.errors import LangueError

CONTEXT = "Émile 😀 lived in Paris. Paris is in France."
QUESTION = {"id": "56be", "question": "Where?", "answers": [{"text": "Paris", "answer_start": 24}]}
ROW = {"id": "56be", "index": "56be", "question": "Where?", "context": CONTEXT}


@pytest.fixture
def squad(write, tmp_path):
    """Write questions as SQuAD's JSON and read them."""

    def _squad(*questions: dict, version: str = "2.0", context: str = CONTEXT) -> list[dict]:
        paragraph = {"context": context, "qas": questions}
        document = {"version": f"v{version}", "data": [{"title": "T", "paragraphs": [paragraph]}]}
        write(f"squad/dev-v{version}.json", json.dumps(document))
        return read_benchmark(f"squad/{version}", tmp_path, "dev")

    return _squad


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_offsets_count_characters(squad, version):
    (row,) = squad(QUESTION, version=version)
    assert row == {**ROW, "answers": [{"text": "Paris", "start": 24}], "impossible": False}
    assert CONTEXT[24:29] == "Paris"


def test_questions_without_answer(squad):
    plausible = [{"text": "France", "answer_start": 37}]
    for extra in ({"is_impossible": True, "plausible_answers": plausible}, {}):
        (row,) = squad({**QUESTION, "answers": [], **extra})
        assert row == {**ROW, "answers": [], "impossible": True}


@pytest.mark.parametrize(
    ("change", "version", "said"),
    [
        ({"answers": [{"text": "Paris", "answer_start": 23}]}, "2.0",
         "question 56be: the answer 'Paris' is not at character 23 of its context; it stands at 17"),
        ({"answers": [{"text": "Rome", "answer_start": 18}]}, "1.1", "'Rome' is not .* it stands nowhere in it"),
        ({"answers": [{"text": "", "answer_start": 18}]}, "1.1", "the answer '' is not"),
        ({"answers": [{"text": "e.", "answer_start": -2}]}, "1.1", "is not at character -2"),
        ({"answers": []}, "1.1", "the question has no answer; squad/2.0 has such questions"),
        ({"answers": [], "is_impossible": False}, "2.0", "question 56be: the question has no answer$"),
        ({"answers": [], "is_impossible": True}, "1.1", "squad/1.1 does not know; use squad/2.0"),
        ({"answers": ["Paris"]}, "1.1", "answers should be a list of objects"),
        ({"question": None}, "1.1", "question should be text, got None"),
    ],
)  # fmt: skip
def test_a_question_that_lies_is_a_sentence(squad, change, version, said):
    with pytest.raises(LangueError, match=said):
        squad({**QUESTION, **change}, version=version)


@pytest.mark.parametrize("context", ["", " \n"])
def test_an_empty_context_is_a_sentence(squad, context):
    with pytest.raises(LangueError, match="the context is empty"):
        squad(QUESTION, context=context)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read: invalid JSON; a file of SQuAD's is one JSON document"),
        (b"\xff", "cannot be read: .*decode byte"),
        ('{"data": [], "data": [1]}', "cannot be read: repeated key"),
        ("[]", "is not SQuAD's JSON: it is no object"),
        ('{"data": 3}', "data should be a list"),
        ('{"data": [{"paragraphs": [3]}]}', "paragraphs should be a list of objects"),
        ('{"data": [{"paragraphs": [{"qas": [{"id": "x"}]}]}]}', "there is no context; there are qas"),
        ('{"data": []}', "holds no rows"),
    ],
)
def test_another_layout_is_a_sentence(write, tmp_path, content, said):
    write("train-v1.1.json", content)
    with pytest.raises(LangueError, match=said):
        read_benchmark("squad/1.1", tmp_path, "train")
