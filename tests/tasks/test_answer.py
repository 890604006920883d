"""The answer task: windows, character offsets, no answer, and what is refused."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata

import numpy as np
import pytest
import torch

import langue
from labelled_rows import learn, write_recipe, write_rows
from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.models.config import ClassifierConfig
from langue.tasks.answer.data import encoded_windows, span_of, tokens_in, windows_of
from langue.tasks.answer.predict import Answer
from langue.tasks.answer.settings import AnswerSettings
from langue.text import TokenizerSettings, train_tokenizer

RECIPE = """\
task: answer
tokenizer: {kind: wordpiece, vocab_size: 200}
model: {form: encoder, layers: 2, width: 32, heads: 2, context: 24}
data: {train: train.jsonl, dev: 0.2}
answer: {stride: 4}
training: {steps: 200, batch_size: 16, warmup_steps: 5, evaluate_every: 50, checkpoint_every: 50, learning_rate: 0.01,
           optimizer: adamw, device: cpu}
"""
NAMES, THINGS = ["ann", "bob", "cid", "dot", "eve", "fay"], ["red", "blue", "green", "pink", "grey"]
STRANGE = [
    "In Zürich 😀 sat 👩‍👩‍👧‍👦 a cat.\r\nIt was cafe\u0301 weather — really.",
    "  two  spaces\tand a tab\r\n\r\nthen 日本語 text, é and e\u0301 ",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 is ﬁne №5 ½ Ⅷ ﷺ",
]


def questions(count: int, seed: int = 0, none: bool = False) -> list[dict]:
    """Which colour, or whose name, a text holds, of which it holds one each; or, with `none`, perhaps none."""
    draws = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words = draws.choice(
            ["the", "film", "was", "a", "day", "and", "it", "went", "on"], draws.integers(2, 12)
        ).tolist()
        name, thing = str(draws.choice(NAMES)), str(draws.choice(THINGS))
        by_name, missing = bool(draws.integers(2)), none and bool(draws.integers(2))
        for word in (name, thing):
            if not (missing and word == (name if by_name else thing)):
                words.insert(int(draws.integers(len(words) + 1)), word)
        answer = name if by_name else thing
        padded = f" {' '.join(words)} "
        answers = [] if missing else [{"text": answer, "start": padded.index(f" {answer} ")}]
        rows.append({"question": "who" if by_name else "colour", "context": padded.strip(), "answers": answers})
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answer")
    write_recipe(folder, questions(400), RECIPE)
    return learn(folder)


def test_it_learns_to_point(run):
    assert run.metrics["exact_match"] > 0.6
    task = langue.load(run.folder.path)
    rows = questions(60, seed=9)
    said = task.answer([row["question"] for row in rows], [row["context"] for row in rows])
    right = [a == row["answers"][0]["text"] for a, row in zip(said, rows, strict=True)]
    assert np.mean(right) > 0.6
    scored = task.answer(rows[0]["question"], rows[0]["context"], top=3, scores=True)
    assert scored[0]["text"] == said[0]
    assert [each["score"] for each in scored] == sorted((each["score"] for each in scored), reverse=True)
    for each in scored:
        assert rows[0]["context"][each["start"] :].startswith(each["text"])


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe", "unigram", "byte", "char"])
@pytest.mark.parametrize("text", STRANGE)
def test_every_answer_can_be_pointed_at_whatever_characters_there_are(kind, text):
    """From characters to tokens and back gives the same words, for each stretch between spaces."""
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=400), STRANGE * 3)
    settings = AnswerSettings()
    for match in re.finditer(r"\S+", text):
        word = match[0]
        row = Labelled(
            "here", {"question": "who", "context": text, "answers": [{"text": word, "start": match.start()}]}
        )
        (encoded,) = encoded_windows(tokenizer, [row], settings, 512)
        ((window,),) = windows_of(tokenizer, [row], settings, 512)
        first, last = (place - window.begins for place in encoded.target)
        found = text[window.places[first, 0] : window.places[last, 1]]
        assert word in found
        assert found.strip() == found
        if kind in ("byte", "char", "byte-bpe"):
            assert found == word


def test_places_count_characters_and_not_bytes():
    text = "😀 e\u0301\r\nb"
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    ids, places = tokens_in(tokenizer, text)
    assert len(ids) == len(text.encode())
    assert [text[a:b] for a, b in places.tolist()] == [c for c in text for _ in c.encode()]
    assert unicodedata.combining(text[places[6, 0]])


def test_windows_overlap_and_hold_everything():
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    text = "".join(chr(97 + n % 26) for n in range(100))
    row = Labelled("here", {"question": "abc", "context": text, "answers": [{"text": text[40:44], "start": 40}]})
    ((*windows,),) = windows_of(tokenizer, [row], AnswerSettings(stride=8), 30)
    assert all(len(window.ids) <= 30 for window in windows)
    held = [set(range(int(window.places[0, 0]), int(window.places[-1, 1]))) for window in windows]
    assert set().union(*held) == set(range(100))
    for left, right in itertools.pairwise(held):
        assert len(left & right) == 8
    targets = [encoded.target for encoded in encoded_windows(tokenizer, [row], AnswerSettings(stride=8), 30)]
    for window, place, target in zip(windows, held, targets, strict=True):
        if {40, 41, 42, 43} <= place:
            assert [window.ids[p] for p in range(target[0], target[1] + 1)] == tokenizer.encode(text[40:44])
        else:
            assert target == (0, 0)
    assert any(target != (0, 0) for target in targets)


class Planted(Answer):
    """Scores that are known."""

    def plant(self, scores):
        self._scores = lambda windows: scores(windows)  # type: ignore[method-assign]
        return self


def planted(settings, scores):
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    head = ClassifierConfig(level="position", outputs=2)
    config = ModelConfig(
        form="encoder", vocab_size=tokenizer.vocab_size, width=8, layers=0, context=30, classifier=head
    )
    return Planted(build(config), tokenizer, settings).plant(scores)


@pytest.mark.parametrize("longest", [1, 3, 30])
def test_the_best_piece_is_that_of_an_exhaustive_search(longest):
    draws = np.random.default_rng(3)
    text = "".join(chr(97 + n % 26) for n in range(70))
    drawn = {}

    def scores(windows):
        for window in windows:
            drawn[int(window.places[0, 0])] = draws.normal(size=(len(window.places) + 1, 2))
        return list(drawn.values())

    task = planted(AnswerSettings(stride=5, answer_tokens=longest, candidates=100), scores)
    best = {}
    found = task.answer("q", text, top=5, scores=True)
    for start, each in drawn.items():
        for a in range(len(each) - 1):
            for b in range(a, min(len(each) - 1, a + longest)):
                place = (start + a, start + b + 1)
                best[place] = max(best.get(place, -np.inf), each[a + 1, 0] + each[b + 1, 1])
    expected = sorted(best.items(), key=lambda pair: -pair[1])[:5]
    assert [(each["start"], each["text"]) for each in found] == [(a, text[a:b]) for (a, b), _ in expected]
    assert [each["score"] for each in found] == pytest.approx([score for _, score in expected])


@pytest.mark.parametrize(("threshold", "said"), [(0.0, ""), (1.9, ""), (2.1, "b")])
def test_no_answer_must_win_by_the_threshold_in_every_window(threshold, said):
    def scores(windows):
        (window,) = windows
        each = np.full((len(window.places) + 1, 2), -9.0)
        each[0] = 3.0, 3.0
        each[2] = 2.0, 2.0
        return [each]

    task = planted(AnswerSettings(no_answer=True, null_threshold=threshold), scores)
    assert task.answer("q", "abc") == said
    assert set(task.answer("q", "abc", top=2)) == {"", "b"}
    assert planted(AnswerSettings(), scores).answer("q", "abc") == "b"


def test_texts_without_an_answer(tmp_path):
    write_recipe(tmp_path, questions(400, none=True), RECIPE)
    run = learn(tmp_path, answer__no_answer="true")
    assert run.metrics["no_answer_exact_match"] > 0.5
    assert {"has_answer_f1", "exact_match", "f1"} <= run.metrics.keys()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "q", "context": "", "answers": []}, "line 1: context is empty"),
        ({"question": " ", "context": "a", "answers": []}, "line 1: question is empty"),
        ({"question": "q", "answers": []}, "line 1 has no column context; it has question, answers"),
        ({"question": "q", "context": "a b"}, "line 1 has no column answers"),
        ({"question": "q", "context": "a b", "answer": "c"}, "line 1: the answer 'c' does not stand in its context"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, row, said):
    write_recipe(tmp_path, [row], RECIPE)
    with pytest.raises(LangueError, match=said) as caught:
        learn(tmp_path, data__dev=0)
    assert "\n" not in str(caught.value)


TEXT = "one two one three one"


@pytest.mark.parametrize("start", [8, 9, 7, 12, "8", "8.0", 8.0, np.int64(9), np.float32(8)])
def test_an_answer_stands_nearest_to_its_place_whatever_type_its_number_has(start):
    assert span_of(Labelled("here", {"context": TEXT, "answer": "one", "start": start})) == (8, 11)


@pytest.mark.parametrize("start", [None, "", float("nan")])
def test_an_answer_without_a_place_stands_where_it_comes_first(start):
    assert span_of(Labelled("here", {"context": TEXT, "answer": "one", "start": start})) == (0, 3)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"answer": "two", "start": 60}, "the answer 'two' does not stand near character 60 of its context, but first"),
        ({"answer": "two", "start": "x"}, "start should be a whole number of characters, got 'x'"),
        ({"answer": "two", "start": 1.5}, "start should be a whole number"),
        ({"answer": "two", "start": True}, "start should be a whole number"),
        ({"answer": "two", "start": "9" * 400}, "start should be a whole number"),
        ({"answers": "two"}, "answers should be a list such as"),
        ({"answers": "[{'text': 'two', 'start': 4"}, "answers should be a list such as"),
    ],
)
def test_a_place_that_is_none_is_refused(values, said):
    with pytest.raises(LangueError, match=f"^here: {said}"):
        span_of(Labelled("here", {"context": TEXT, **values}))


@pytest.mark.parametrize(
    "answers",
    [
        '[{"text": "one", "start": 8}]',
        "[{'text': 'one', 'answer_start': '8'}]",
        '{"text": ["one"], "answer_start": [8.0]}',
        {"text": ["one"], "answer_start": [9]},
    ],
)
def test_answers_may_be_spelt(answers):
    assert span_of(Labelled("here", {"context": TEXT, "answers": answers})) == (8, 11)


def test_an_answer_beside_its_place_is_found(run):
    row = Labelled("here", {"question": "q", "context": "one two", "answers": [{"text": "two", "start": 1}]})
    assert span_of(row) == (4, 7)
    with pytest.raises(LangueError, match="question 1: context is empty"):
        langue.load(run.folder.path).answer("who", "")
    with pytest.raises(LangueError, match="2 questions and 1 texts"):
        langue.load(run.folder.path).answer(["who", "what"], ["a"])


def test_squads_own_file_is_read(run, tmp_path):
    from langue.evaluation.run import evaluate

    rows = questions(20, seed=4)
    qas = [
        {"context": row["context"], "qas": [{"id": str(n), "question": row["question"], "answers": [
            {"text": row["answers"][0]["text"], "answer_start": row["answers"][0]["start"]}]}]}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    (tmp_path / "dev.json").write_text(json.dumps({"version": "1.1", "data": [{"paragraphs": qas}]}))
    write_rows(tmp_path / "dev.jsonl", rows)
    one = evaluate(run.folder.path, str(tmp_path / "dev.json"), device="cpu")["metrics"]
    assert one == evaluate(run.folder.path, str(tmp_path / "dev.jsonl"), device="cpu")["metrics"]
    assert one["f1"] > 0.6


def test_there_is_an_answer_even_where_no_likely_start_precedes_a_likely_end():
    def scores(windows):
        found = []
        for window in windows:
            each = np.zeros((len(window.places) + 1, 2))
            each[1:3, 1] = 9.0  # likely ends
            each[-2:, 0] = 9.0  # likely beginnings
            found.append(each)
        return found

    task = planted(AnswerSettings(candidates=2, answer_tokens=3), scores)
    (found,) = task.find([Labelled("row 1", {"question": "q", "context": "abcdefgh"})])
    assert [each.score for each in found] == [9.0, 9.0]
    assert task.answer("q", "abcdefgh")
    assert task.evaluate([Labelled("row 1", {"question": "q", "context": "abcdefgh", "answer": "a"})])


def test_half_of_a_surrogate_pair_is_refused(run):
    task = langue.load(run.folder.path)
    for question, context in (("who\ud800", "ann went"), ("who", "ann \udc00 went")):
        with pytest.raises(LangueError, match="half of a surrogate pair"):
            task.answer(question, context)


def test_scores_that_are_no_numbers_answer_nothing():
    def scores(windows):
        return [np.zeros((len(window.places) + 1, 2)) for window in windows]

    task = planted(AnswerSettings(), scores)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.fill_(torch.nan)
    plain = Answer(task.model, task.tokenizer, AnswerSettings())
    with pytest.raises(LangueError, match="output is not finite"):
        plain.answer("q", "abc")
