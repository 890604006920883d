"""`/v1/completions` writes what `generate` writes, whole or piece by piece."""

from __future__ import annotations

import openai
import pytest
from served import Served, serving, writer


@pytest.fixture(scope="module")
def served():
    with serving({"tiny": writer(), "other": writer(1)}) as server:
        yield server


def offline(served: Served, model: str = "tiny"):
    return served.service.models.named(model).task


OPTIONS = {"max_tokens": 24, "temperature": 0.9, "seed": 7}


def test_what_fills_its_room_ends_by_length(served):
    answer = served.client().completions.create(model="tiny", prompt="the old ", **{**OPTIONS, "max_tokens": 5})
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 5)


def test_a_text_is_what_generate_writes(served):
    answer = served.client().completions.create(model="tiny", prompt="the old ", **OPTIONS)
    assert answer.choices[0].text == offline(served).generate("the old ", **OPTIONS)
    best = offline(served).write(["the old "], **OPTIONS)[0][0]
    assert answer.choices[0].finish_reason == ("stop" if best.ended else "length")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (8, len(best.written))
    assert answer.seed == 7


def test_a_stream_is_the_same_text(served):
    stream = served.client().completions.create(
        model="tiny", prompt="the old ", stream=True, stream_options={"include_usage": True}, **OPTIONS
    )
    chunks = list(stream)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == offline(served).generate(
        "the old ", **OPTIONS
    )
    assert chunks[-1].usage == served.client().completions.create(model="tiny", prompt="the old ", **OPTIONS).usage
    assert len([choice for chunk in chunks for choice in chunk.choices if choice.finish_reason]) == 1


def test_several_prompts_and_samples_have_their_places(served):
    answer = served.client().completions.create(model="tiny", prompt=["the ", "a red "], n=2, **OPTIONS)
    expected = offline(served).generate(["the ", "a red "], samples=2, **OPTIONS)
    assert [choice.text for choice in answer.choices] == [text for texts in expected for text in texts]
    pieces = {}
    for chunk in served.client().completions.create(
        model="tiny", prompt=["the ", "a red "], n=2, stream=True, **OPTIONS
    ):
        for choice in chunk.choices:
            pieces[choice.index] = pieces.get(choice.index, "") + choice.text
    assert [pieces[number] for number in range(4)] == [choice.text for choice in answer.choices]


def test_tokens_are_prompts_as_texts_are(served):
    ids = offline(served).encode("the old ")
    answer = served.client().completions.create(model="tiny", prompt=ids, echo=True, **OPTIONS)
    assert answer.choices[0].text == "the old " + offline(served).generate("the old ", **OPTIONS)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_string_ends_a_text_and_is_not_part_of_it(served, stream):
    whole = offline(served).generate("the old ", **OPTIONS)
    stop = whole[7:9]
    answer = served.client().completions.create(model="tiny", prompt="the old ", stop=[stop], stream=stream, **OPTIONS)
    choices = [choice for chunk in answer for choice in chunk.choices] if stream else answer.choices
    assert "".join(choice.text for choice in choices) == whole[: whole.index(stop)]
    assert choices[-1].finish_reason == "stop"


def test_without_a_seed_each_answer_has_one_that_gives_it_again(served):
    options = {"model": "tiny", "prompt": "the ", "max_tokens": 30}
    first, second = (served.client().completions.create(**options) for _ in range(2))
    assert first.choices[0].text != second.choices[0].text
    again = served.client().completions.create(**options, seed=first.seed)
    assert again.choices[0].text == first.choices[0].text


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "tini"}, 404, "tiny, other"),
        ({"extra_body": {"temprature": 1}}, 400, "did you mean temperature?"),
        ({"presence_penalty": 0.5}, 400, "presence_penalty is not supported here"),
        ({"prompt": "the " * 40}, 400, "32 more than the 128"),
        ({"max_tokens": 200}, 400, "writes up to 121"),
        ({"n": 99}, 400, "99 texts"),
        ({"temperature": -1}, 400, "temperature"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"stop": [""]}, 400, "stop"),
        ({"prompt": [5000]}, 400, "prompt"),
        ({"prompt": "Ω"}, 400, "Ω"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_done_is_refused_with_its_reason(served, change, status, words):
    with pytest.raises(openai.APIStatusError) as error:
        served.client().completions.create(**{"model": "tiny", "prompt": "the old ", **change})
    assert error.value.status_code == status
    assert words in error.value.body["message"]
    assert set(error.value.body) == {"message", "type", "param", "code"}


def test_what_says_nothing_is_welcome(served):
    answer = served.client().completions.create(
        model="tiny", prompt="the ", presence_penalty=0, best_of=1, logit_bias={}, user="somebody", **OPTIONS
    )
    assert answer.choices[0].text == offline(served).generate("the ", **OPTIONS)


def test_models_are_listed(served):
    client = served.client()
    assert [model.id for model in client.models.list()] == ["tiny", "other"]
    assert client.models.retrieve("other").task == "generate"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("none")
