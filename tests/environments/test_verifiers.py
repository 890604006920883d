"""Verifiers: each kind by itself, and how recipes state them."""

from __future__ import annotations

from pathlib import Path

import pytest

import langue
from labelled_rows import BAD, GOOD, learn, write_recipe
from langue import environments
from langue.environments.verifiers import last_number, verifier_of
from langue.errors import LangueError


def longer_is_better(text: str, row: dict) -> float:
    return len(text) / 10


def talk(text: str, row: dict) -> tuple[float, str | None]:
    return (1.0, None) if text == row["prompt"] else (0.25, f"not {text}")


def nonsense(text: str, row: dict) -> str:
    return "good"


@pytest.mark.parametrize(
    ("spec", "row", "text", "reward"),
    [
        ("regex:^yes", {}, "yes, sir", 1.0),
        ("regex:^yes", {}, "oh yes", 0.0),
        ({"kind": "regex", "pattern": r"\d+", "whole": True}, {}, " 12 ", 1.0),
        ({"kind": "regex", "pattern": r"\d+", "whole": True}, {}, "12 a", 0.0),
        ({"kind": "length", "at_least": 4}, {}, "one two", 0.5),
        ({"kind": "length", "at_least": 1, "at_most": 2}, {}, "one two", 1.0),
        ({"kind": "length", "at_most": 2}, {}, "one two three", 0.5),
        ({"kind": "length", "at_most": 2}, {}, "a b c d e f", 0.0),
        ({"kind": "length", "at_most": 4, "unit": "characters"}, {}, "abcde", 0.75),
        ("exact", {"answer": "Paris"}, " Paris\n", 1.0),
        ("exact", {"answer": "Paris"}, "paris", 0.0),
        ({"kind": "exact", "normal": True}, {"answer": "The Seine."}, "seine", 1.0),
        ("exact:solution", {"solution": 7}, "7", 1.0),
        ("numeric", {"answer": 12}, "it is 7, no, 12.0", 1.0),
        ("numeric", {"answer": "#### 1,200"}, "1200", 1.0),
        ("numeric", {"answer": 12}, "twelve", 0.0),
        ({"kind": "numeric", "tolerance": 0.1}, {"answer": 0.333}, "-1 or .34", 1.0),
        ("test_verifiers:longer_is_better", {}, "abcde", 0.5),
        ({"kind": "function", "function": "test_verifiers:longer_is_better"}, {}, "ab", 0.2),
    ],
)
def test_a_verifier_judges(spec, row, text, reward):
    assert verifier_of(spec).judge({"prompt": "?", **row}, text).reward == pytest.approx(reward)


def test_numbers_are_read_as_people_write_them():
    assert [last_number(text) for text in ("-3", "1,000,000 men", "x=.5", "2e3", "none", "")] == [
        -3.0,
        1_000_000.0,
        0.5,
        2000.0,
        None,
        None,
    ]


def test_a_function_may_answer_and_the_agent_goes_on():
    made = environments.make("Langue/Write-v0", prompts=["hi"], verifier="test_verifiers:talk", max_turns=5)
    made.reset(seed=0)
    assert made.step("ho")[:4] == ("not ho", 0.25, False, False)
    assert made.step("hi")[:4] == ("", 1.0, True, False)


def test_tables_and_files_of_prompts(tmp_path: Path):
    (tmp_path / "sums.jsonl").write_text('{"question": "1+1=", "answer": 2}\n{"question": "2+3=", "answer": 5}\n')
    made = environments.make("Langue/Write-v0", prompts=tmp_path / "sums.jsonl", column="question", verifier="numeric")
    rewards = {made.reset(options={"episode": n})[0]: made.step("5")[1] for n in range(2)}
    assert rewards == {"1+1=": 0.0, "2+3=": 1.0}
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    made = environments.make("Langue/Write-v0", prompts=tmp_path / "lines.txt", verifier="length:1")
    assert {made.reset(options={"episode": n})[0] for n in range(2)} == {"one", "two"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("regexp:a", "importing regexp"),
        ({"kind": "regexp"}, "did you mean regex"),
        ("numbers", "did you mean numeric"),
        ("regex:(", "no regular expression"),
        ({"kind": "length", "at_least": 3, "at_most": 2}, "less than at_least"),
        ({"kind": "regex", "patern": "a"}, "pattern"),
        ("nowhere:function", "importing nowhere"),
        ("test_verifiers:talkative", "did you mean talk"),
        ("test_verifiers:nonsense", "returned 'good'"),
        ("numeric:anser", "did you mean answer"),
        ({"kind": "numeric", "column": "prompt"}, "should be a number"),
    ],
)
def test_what_is_no_verifier_is_one_sentence(spec, words):
    rows = [{"prompt": "?", "answer": "7"}]
    with pytest.raises(LangueError, match=words):
        verifier_of(spec).judge(rows[0], "7")
    if spec != "test_verifiers:nonsense":  # which nobody knows before it is called
        with pytest.raises(LangueError, match=words):
            environments.make("Langue/Write-v0", prompts=rows, verifier=spec)


def test_a_classifier_gives_its_labels_probability(tmp_path: Path):
    write_recipe(tmp_path)
    learn(tmp_path)
    run = tmp_path / "run"
    label = verifier_of({"kind": "label", "path": str(run), "label": "good", "device": "cpu"})
    scores = langue.load(run, "cpu", task="classify").classify("a lovely day", scores=True)["scores"]
    assert label.judge({"prompt": "grim"}, "a lovely day").reward == pytest.approx(scores["good"])
    assert label.judge({"prompt": "grim"}, "a grim day").reward < 0.5 < scores["good"]
    assert label.judge({"prompt": "grim"}, "  ").reward == 0.0
    texts = ["a lovely day", "", "a grim day in town", "awful"]
    single = [label.judge({"prompt": ""}, text).reward for text in texts]
    together = [outcome.reward for outcome in label.judge_all([{"prompt": ""}] * 4, texts)]
    assert together == pytest.approx(single, abs=1e-6)
    with pytest.raises(LangueError, match="did you mean good"):
        verifier_of({"kind": "label", "path": str(run), "label": "goood"}).check({})
    with pytest.raises(LangueError, match="no reward model"):
        verifier_of(f"reward:{run}").check({"prompt": ""})


def test_a_reward_model_scores_prompt_and_text(tmp_path: Path):
    rows = [{"text": text, "label": value} for text, value in (("a fine day", 1.0), ("a grim day", -1.0))] * 20
    write_recipe(tmp_path, rows)
    learn(tmp_path, classify__kind="number")
    score = verifier_of({"kind": "reward", "path": str(tmp_path / "run"), "device": "cpu"})
    task = langue.load(tmp_path / "run", "cpu", task="classify")
    assert score.judge({"prompt": "a fine"}, " day").reward == pytest.approx(task.classify("a fine day"))
    assert score.judge({"prompt": "a fine"}, " day").reward > score.judge({"prompt": "a grim"}, " day").reward


def test_a_model_of_preferences_is_a_reward_model(tmp_path: Path):
    rows = [
        {"prompt": "the day was ", "chosen": good, "rejected": bad} for good, bad in zip(GOOD, BAD, strict=True)
    ] * 10
    write_recipe(tmp_path, rows)
    learn(tmp_path, classify__kind="choice")
    score = verifier_of({"kind": "reward", "path": str(tmp_path / "run"), "device": "cpu"})
    made = environments.make("Langue/Write-v0", prompts=["the day was "], verifier=score)
    task = langue.load(tmp_path / "run", "cpu", task="classify")
    outcomes = score.judge_all([{"prompt": "the day was "}] * 3, ["lovely", "", "grim"])
    expected = [*task.rewards(["the day was "], ["lovely"]), 0.0, *task.rewards(["the day was "], ["grim"])]
    assert [outcome.reward for outcome in outcomes] == pytest.approx(expected, abs=1e-5)
    made.reset(seed=0)
    assert made.step("lovely")[1] == pytest.approx(expected[0], abs=1e-5)
    assert expected[0] > expected[2]
