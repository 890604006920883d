"""`/v1/chat/completions` answers as `chat` does, whole or piece by piece, with tools and forms."""

from __future__ import annotations

import json

import openai
import pytest
from served import serving, writer

pytest.importorskip("jinja2")

ASK = [{"role": "user", "content": "the old king"}]
OPTIONS = {"max_completion_tokens": 24, "temperature": 0.9, "seed": 5}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"enum": ["sea", "boat"]}}, "required": ["place"]},
    },
}
TEMPLATE = """\
{%- for tool in tools or [] -%}{{ tool.function.name }}
{% endfor -%}{%- for message in messages -%}{{ message.role }}: {{ message.content }}
{% endfor -%}{%- if add_generation_prompt -%}assistant: {%- endif -%}"""


@pytest.fixture(scope="module")
def served():
    task = writer(kind="byte-bpe")
    task.tokenizer.chat_templates = {"default": TEMPLATE}
    with serving({"tiny": task}) as server:
        yield server


def offline(served, **options):
    task = served.service.models.named("tiny").task
    return task.chat(ASK, temperature=0.9, seed=5, **{"max_tokens": 24, **options})["content"]


def text_of(chunks) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_an_answer_is_what_chat_says(served):
    answer = served.client().chat.completions.create(model="tiny", messages=ASK, **OPTIONS)
    assert answer.choices[0].message.content == offline(served)
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_is_the_same_answer(served):
    create = served.client().chat.completions.create
    chunks = list(create(model="tiny", messages=ASK, stream=True, stream_options={"include_usage": True}, **OPTIONS))
    assert text_of(chunks) == offline(served)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage.completion_tokens > 0
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in ("stop", "length")


def test_likelihoods_are_those_of_the_whole_pass(served):
    create = served.client().chat.completions.create
    whole = create(model="tiny", messages=ASK, logprobs=True, top_logprobs=3, **OPTIONS).choices[0]
    stream = create(model="tiny", messages=ASK, logprobs=True, top_logprobs=3, stream=True, **OPTIONS)
    assert create(model="tiny", messages=ASK, logprobs=True, top_logprobs=20, **OPTIONS).choices
    pieces = [token for chunk in stream for c in chunk.choices if c.logprobs for token in c.logprobs.content]
    assert [token.token for token in pieces] == [token.token for token in whole.logprobs.content]
    assert b"".join(bytes(token.bytes) for token in pieces).decode(errors="replace") == whole.message.content
    assert all(len(token.top_logprobs) == 3 for token in pieces)
    assert all(token.top_logprobs[0].logprob >= token.logprob - 1e-6 for token in pieces)


@pytest.mark.parametrize("logprobs", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_form_is_kept_to(served, stream, logprobs):
    schema = {
        "type": "object",
        "properties": {"a": {"enum": ["b", "c"]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "letters", "schema": schema}}
    create = served.client().chat.completions.create
    answer = create(
        model="tiny", messages=ASK, response_format=form, stream=stream, seed=1, max_tokens=100, logprobs=logprobs
    )
    text = text_of(answer) if stream else answer.choices[0].message.content
    assert json.loads(text)["a"] in ("b", "c")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}], ids=str)
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_that_has_to_be_called_is_called(served, choice, stream):
    create = served.client().chat.completions.create
    answer = create(model="tiny", messages=ASK, tools=[TOOL], tool_choice=choice, stream=stream, seed=2, max_tokens=120)
    if stream:
        chunks = [choice for chunk in answer for choice in chunk.choices]
        [call] = [call for chunk in chunks for call in chunk.delta.tool_calls or []]
        assert chunks[-1].finish_reason == "tool_calls"
        assert not any(chunk.delta.content for chunk in chunks)
    else:
        [call] = answer.choices[0].message.tool_calls
        assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["place"] in ("sea", "boat")


def test_a_conversation_goes_on_behind_a_call(served):
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "sea"}'}}
    messages = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "red"},
    ]
    answer = served.client().chat.completions.create(model="tiny", messages=messages, tools=[TOOL], **OPTIONS)
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "nobody", "content": "a"}]}, "nobody"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x:"}}]}]},
            "text",
        ),
        ({"messages": [{"role": "user", "content": "the x " * 300}]}, "more than the 256"),
        ({"max_tokens": 3}, "differ"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": 7}}}}, "form"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"extra_body": {"store": True}}, "store is not supported here"),
        ({"extra_body": {"max_completion_token": 1}}, "did you mean max_completion_tokens?"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_done_is_refused_with_its_reason(served, change, words):
    with pytest.raises(openai.BadRequestError) as error:
        served.client().chat.completions.create(**{"model": "tiny", "messages": ASK, **OPTIONS, **change})
    assert words in error.value.body["message"]
