"""What is written under a grammar matches it, whatever the model would rather say."""

from __future__ import annotations

import json
import re

import pytest
import torch

import langue
from langue.errors import LangueError
from langue.models import ModelConfig, build
from langue.tasks.generate.predict import Generate
from langue.text import TokenizerSettings, train_tokenizer

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
        "colours": {"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 2},
    },
    "required": ["name", "age", "colours"],
    "additionalProperties": False,
}


def writer(kind: str = "byte-bpe") -> Generate:
    texts = ['{"name": "é", "age": 1, "colours": ["red", "blue"]} 123-456 yes no maybe\n' * 3]
    tokenizer = train_tokenizer(TokenizerSettings(kind=kind, vocab_size=320), texts)
    config = ModelConfig(vocab_size=tokenizer.vocab_size, width=32, layers=1, heads=2, context=256)
    return Generate(build(config, seed=3), tokenizer)


@pytest.fixture(scope="module")
def task() -> Generate:
    return writer()


@pytest.mark.parametrize("seed", range(6))
def test_json_parses_and_has_the_schemas_form(task, seed):
    texts = task.generate(["a", "b"], output={"schema": SCHEMA}, seed=seed, samples=2, max_tokens=250)
    for text in (*texts[0], *texts[1]):
        value = json.loads(text)
        assert list(value) == ["name", "age", "colours"]
        assert len(value["name"]) <= 5
        assert 0 <= value["age"] <= 99
        assert set(value["colours"]) <= {"red", "blue"}


@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_texts_match_a_regular_expression(task, temperature):
    pattern = r"(yes|no), [0-9]{3}-[0-9]{2}é?"
    for text in task.generate(["x"] * 5, output={"regex": pattern}, temperature=temperature, max_tokens=60):
        assert re.fullmatch(pattern, text)


def test_a_choice_is_one_of_the_texts_also_of_beams(task):
    choices = ["yes", "no", "not at all?", "a.b"]
    for options in ({"temperature": 1.0, "samples": 8}, {"beams": 3, "samples": 3}):
        texts = task.generate("x", output={"choice": choices}, max_tokens=40, **options)
        assert set(texts) <= set(choices)


def test_the_likeliest_choice_is_what_beams_find(task):
    choices = ["yes", "no", "maybe"]
    ends = task.tokenizer.ends
    [[best]] = task.write(["x"], output={"choice": choices}, beams=64, max_tokens=40, length_penalty=0.0)
    scores = dict.fromkeys(choices, 0.0)
    prompt = task.tokenizer.prompt("x")
    for choice in choices:
        ids = [*prompt, *task.tokenizer.encode(choice), ends[0]]
        with torch.inference_mode():
            logs = task.model(langue.batch.Batch(torch.tensor([ids[:-1]]))).log_softmax(-1)[0]
        scores[choice] = float(sum(logs[place - 1, ids[place]] for place in range(len(prompt), len(ids))))
    written = task.tokenizer.decode(best.tokens)
    assert written in choices  # whose letters may have likelier tokens than the tokenizer's own
    assert best.score >= max(scores.values()) - 1e-4


def test_streams_obey_too(task):
    assert "".join(task.stream("x", output={"choice": ["maybe"]}, max_tokens=40)) == "maybe"


def test_requests_of_several_forms_go_on_side_by_side_as_alone(task):
    forms = [{"regex": "[0-9]{4}"}, {"choice": ["yes", "no"]}, {"schema": True}]
    alone = [task.generate("x", output=form, seed=5, max_tokens=30) for form in forms]
    engine = langue.engine.Engine(task.model)
    settings = langue.engine.SamplingSettings(seed=5, max_tokens=30)
    ids = task.tokenizer.prompt("x")
    requests = [task.request(ids, settings, output=form) for form in forms]
    together = [task.tokenizer.follow(ids, best.tokens) for (best,) in engine.run(requests)]
    assert together == alone


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"regex": "("}, "cannot be used"),
        ({"schema": {"type": "foo"}}, "cannot be used"),
        ({"regex": "a", "choice": ["b"]}, "one of schema, regex and choice"),
        ({}, "one of schema, regex and choice"),
        ({"choice": []}, "choice is a list"),
        ({"regx": "a"}, "did you mean regex"),
    ],
)
def test_a_form_that_is_none_is_refused_in_one_sentence(task, output, words):
    with pytest.raises(LangueError, match=words) as error:
        task.generate("x", output=output)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["char", "byte", "unigram"])
def test_other_kinds_of_tokenizers_write_it_too(kind):
    text = writer(kind).generate("yes", output={"choice": ["yes", "no"]}, max_tokens=20)
    assert text in ("yes", "no")


def test_words_of_pieces_cannot_be_held_to_a_form():
    with pytest.raises(LangueError, match="not wordpiece"):
        writer("wordpiece").generate("yes", output={"choice": ["yes", "no"]}, max_tokens=20)
