"""SuperGLUE's files, a line or two each in the true layouts."""

import json

import pytest

from langue.data.benchmarks import BENCHMARKS, read_benchmark
from langue.errors import LangueError

PASSAGE = "Tom met Ann in Bern.\n@highlight\nAnn left Bern"
LINES = {
    "BoolQ": {"question": "is it", "passage": "It is.", "idx": 3, "label": True},
    "CB": {"premise": "He may.", "hypothesis": "He does.", "label": "neutral", "idx": 4},
    "COPA": {
        "premise": "My body cast a shadow.",
        "choice1": "The sun was rising.",
        "choice2": "The grass was cut.",
        "question": "cause",
        "label": 0,
        "idx": 0,
    },
    "MultiRC": {
        "idx": 7,
        "version": 1.1,
        "passage": {
            "text": "Paragraph.",
            "questions": [
                {
                    "question": "Who?",
                    "answers": [{"text": "He", "idx": 20, "label": 0}, {"text": "She", "idx": 21, "label": 1}],
                    "idx": 11,
                },
                {"question": "Why?", "answers": [{"text": "So", "idx": 22, "label": 1}], "idx": 12},
            ],
        },
    },
    "ReCoRD": {
        "source": "Daily mail",
        "passage": {
            "text": PASSAGE,
            "entities": [
                {"start": 8, "end": 10},
                {"start": 0, "end": 2},
                {"start": 15, "end": 18},
                {"start": 32, "end": 34},
            ],
        },
        "qas": [
            {
                "query": "@placeholder went away",
                "answers": [{"start": 8, "end": 10, "text": "Ann"}, {"start": 32, "end": 34, "text": "Ann"}],
                "idx": 9,
            }
        ],
        "idx": 2,
    },
    "RTE": {"premise": "No.", "hypothesis": "Yes.", "label": "not_entailment", "idx": 5},
    "WiC": {
        "word": "place",
        "sentence1": "Do you want to come over to my place later?",
        "sentence2": "A political system with no place for the less prominent groups.",
        "idx": 0,
        "label": False,
        "start1": 31,
        "start2": 27,
        "end1": 36,
        "end2": 32,
        "version": 1.1,
    },
    "WSC": {
        "text": "Mark told Pete many lies, which Pete included. He should have been more truthful.",
        "target": {"span1_text": "Pete", "span1_index": 2, "span2_text": "He", "span2_index": 8},
        "idx": 1,
        "label": False,
    },
    "AX-b": {"sentence1": "S.", "sentence2": "T.", "logic": "Negation", "label": "entailment", "idx": 8},
    "AX-g": {"premise": "P.", "hypothesis": "H.", "label": "not_entailment", "idx": 0, "pair_id": 551},
}

ROWS = {
    "BoolQ": [{"sentence1": "is it", "sentence2": "It is.", "label": "True", "index": 3}],
    "CB": [{"sentence1": "He may.", "sentence2": "He does.", "label": "neutral", "index": 4}],
    "COPA": [
        {
            "sentence1": "My body cast a shadow. What was the cause of this?",
            "choices": ["The sun was rising.", "The grass was cut."],
            "label": 0,
            "index": 0,
        }
    ],
    "MultiRC": [
        {
            "sentence1": "Paragraph.",
            "sentence2": f"{question} {answer}",
            "group": f"7-{number}",
            "label": label,
            "index": {"paragraph": 7, "question": number, "answer": place},
        }
        for question, answer, number, place, label in [
            ("Who?", "He", 11, 20, "False"),
            ("Who?", "She", 11, 21, "True"),
            ("Why?", "So", 12, 22, "True"),
        ]
    ],
    "ReCoRD": [
        {
            "sentence1": PASSAGE,
            "choices": ["Ann went away", "Bern went away", "Tom went away"],
            "entities": ["Ann", "Bern", "Tom"],
            "answers": ["Ann"],
            "right": [0],
            "label": 0,
            "index": {"passage": 2, "query": 9},
        }
    ],
    "RTE": [{"sentence1": "No.", "sentence2": "Yes.", "label": "not_entailment", "index": 5}],
    "WiC": [
        {
            "word": "place",
            "sentence1": "Do you want to come over to my * place * later?",
            "sentence2": "A political system with no * place * for the less prominent groups.",
            "label": "False",
            "index": 0,
        }
    ],
    "WSC": [
        {
            "text": "Mark told * Pete * many lies, which Pete included. # He # should have been more truthful.",
            "label": "False",
            "index": 1,
        }
    ],
    "AX-b": [{"sentence1": "S.", "sentence2": "T.", "label": "entailment", "index": 8}],
    "AX-g": [{"sentence1": "P.", "sentence2": "H.", "label": "not_entailment", "index": 0}],
}


@pytest.fixture
def lines(write, tmp_path):
    """Write lines of a task's file and read them."""

    def _lines(task: str, *objects: dict, split: str = "dev") -> list[dict]:
        name = {"dev": "val.jsonl", "test": "test.jsonl"}[split] if not task.startswith("AX") else f"{task}.jsonl"
        write(f"{task}/{name}", "".join(json.dumps(one) + "\n" for one in objects))
        return read_benchmark(f"superglue/{task}", tmp_path, split)

    return _lines


@pytest.mark.parametrize("task", LINES)
def test_every_layout_gives_its_rows(lines, task):
    assert lines(task, LINES[task], split="test" if task.startswith("AX") else "dev") == ROWS[task]


def test_every_task_is_tried():
    assert {f"superglue/{task}" for task in ROWS} == {name for name in BENCHMARKS if name.startswith("superglue/")}


def unlabelled(thing):
    """The same line as a test file has it."""
    if isinstance(thing, dict):
        drop = ("label", "answers") if "query" in thing else ("label",)
        return {name: unlabelled(value) for name, value in thing.items() if name not in drop}
    return [unlabelled(one) for one in thing] if isinstance(thing, list) else thing


@pytest.mark.parametrize("task", [task for task in LINES if not task.startswith("AX")])
def test_test_files_tell_no_labels(lines, task):
    told = ("label", "answers", "right")
    rows = lines(task, unlabelled(LINES[task]), split="test")
    assert rows == [{name: value for name, value in row.items() if name not in told} for row in ROWS[task]]
    with pytest.raises(LangueError, match="line 1: there is no label"):
        lines(task, unlabelled(LINES[task]))


def test_gold_answers_that_are_no_entities_have_no_index(lines):
    line = json.loads(json.dumps(LINES["ReCoRD"]).replace('"text": "Ann"', '"text": "Anna"'))
    (row,) = lines("ReCoRD", line)
    assert (row["answers"], row["right"], "label" in row) == (["Anna"], [], False)


@pytest.mark.parametrize(
    ("text", "first", "second", "marked"),
    [
        ("Tom, he said", ("Tom", 0), ("he", 1), "* Tom *, # he # said"),
        ("Then he saw his dad .", ("his dad", 3), ("his", 3), None),
        ("He saw TOM today", ("Tom", 2), ("He", 0), "# He # saw * TOM * today"),
        ("Two  spaces he has", ("Two spaces", 0), ("he", 2), "* Two  spaces * # he # has"),
    ],
)
def test_marks_of_wsc(lines, text, first, second, marked):
    target = {"span1_text": first[0], "span1_index": first[1], "span2_text": second[0], "span2_index": second[1]}
    (row,) = lines("WSC", {"text": text, "target": target, "idx": 0, "label": True})
    if marked is None:  # one inside the other: nothing of the text is lost, and both are marked on both sides
        assert row["text"].replace("* ", "").replace(" *", "").replace("# ", "").replace(" #", "") == text
        assert (row["text"].count("*"), row["text"].count("#")) == (2, 2)
    else:
        assert row["text"] == marked


@pytest.mark.parametrize(
    ("task", "change", "said"),
    [
        ("BoolQ", {"label": "maybe"}, r"val\.jsonl, line 1: the label 'maybe' is unknown; known are False, True"),
        ("BoolQ", {"passage": 3}, "passage should be text, got 3"),
        ("COPA", {"label": 2}, "the label 2 is unknown; known are 0 to 1"),
        ("COPA", {"question": "why"}, "question should be cause or effect, got 'why'"),
        ("WiC", {"end1": 99}, "sentence1 has no characters 31 to 99"),
        ("WiC", {"start1": None}, "start1 should be a whole number, got None"),
        ("WSC", {"target": {"span1_text": "x", "span1_index": 40}}, "the text has 14 words and no word 40"),
        ("WSC", {"target": "x"}, "target should be an object, got 'x'"),
        ("MultiRC", {"passage": {"text": "x"}}, "line 1: there is no questions; there are text"),
        ("MultiRC", {"passage": {"text": "x", "questions": [1]}}, "questions should be a list of objects"),
        ("ReCoRD", {"qas": [{"query": "x", "answers": [], "idx": 0}]}, "there is no @placeholder in the query 'x'"),
    ],
)
def test_a_line_of_another_layout_is_a_sentence(lines, task, change, said):
    with pytest.raises(LangueError, match=said):
        lines(task, {**LINES[task], **change})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}\n{", "line 1: there is no"),
        ("\n{", "line 2: invalid JSON"),
        ("[]", "line 1: not a JSON object"),
        (b'"\xff"', "line 1: invalid UTF-8"),
        ('{"a": 1, "a": 2}', "line 1: repeated key"),
    ],
)
def test_broken_json_is_a_sentence(write, tmp_path, content, said):
    write("CB/val.jsonl", content)
    with pytest.raises(LangueError, match=said):
        read_benchmark("superglue/CB", tmp_path, "dev")
