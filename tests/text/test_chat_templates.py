"""Conversations become the text and the tokens that Transformers makes of them, and the assistant's are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import get_json_schema

from langue.errors import LangueError
from langue.text import Tokenizer, TokenizerSettings, train_tokenizer
from langue.text.chat import ChatTemplate, plain_template
from langue.text.conversation import conversation, describe

CHATML = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|start|>system\nBe brief.<|end|>\n' }}{% endif %}"
    "{{ '<|start|>' + message['role'] + '\n' + message['content'] + '<|end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}"
)
"""As SmolLM2, Qwen2 and others write."""

HEADERS = """
{%- if messages[0].role == 'system' %}{% set system = messages[0].content | trim %}{% set rest = messages[1:] %}
{%- else %}{% set system = 'Answer.' %}{% set rest = messages %}{% endif %}
{{- '<|start|>system<|separator|>\n\n' + system + '<|end|>' }}
{%- if tools %}
    {%- for tool in tools %}{{ tool | tojson(indent=4) }}{{ '\n' }}{% endfor %}
{%- endif %}
{%- for message in rest %}
    {%- if message.tool_calls is defined and message.tool_calls %}
        {{- '<|start|>assistant<|separator|>\n\n' }}
        {%- for call in message.tool_calls %}
            {%- set called = call.function %}
            {{- '{"name": "' + called.name + '", "parameters": ' }}{{ called.arguments | tojson }}{{- '}' }}
        {%- endfor %}
        {{- '<|end|>' }}
    {%- else %}
        {{- '<|start|>' + message.role + '<|separator|>\n\n' + message.content | trim + '<|end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant<|separator|>\n\n' }}{%- endif %}
"""
"""As Llama 3 writes, with tools."""

STRICT = """{{ bos_token }}{% for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}
{%- if message['role'] == 'user' %}{{ ' [INST] ' + message['content'] + ' [/INST] ' }}
{%- else %}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{% endif %}
{%- if loop.index > 90 %}{% break %}{% endif %}{% endfor %}"""
"""As Mistral writes, with what else Transformers lets templates do."""

REWRITING = (
    "{% for m in messages %}{{ '<|start|>' + m.role + '\n' + (m.content if loop.last else 'before') + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}"
)

ENDLESS = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)

TALK = [
    {"role": "user", "content": "the  first\nquestion"},
    {"role": "assistant", "content": "the answer"},
    {"role": "user", "content": " and the next one? "},
    {"role": "assistant", "content": "no more."},
]


def weather(city: str, days: int = 3) -> str:
    """Tell the weather of a city.

    Args:
        city: The name of the city,
            in English.
        days: Days ahead.

    Returns:
        The weather.
    """
    return f"{city}: {days}"


CALLS = [
    {"role": "user", "content": "the weather?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "é"}'}}],
    },
    {"role": "tool", "name": "weather", "content": "rain"},
    {"role": "assistant", "content": "It rains."},
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = [json.dumps(TALK), "user assistant system question answer INST weather " * 9]
    return train_tokenizer(TokenizerSettings(kind="byte-bpe", vocab_size=400), texts)


@pytest.fixture(scope="module")
def oracle(tokenizer, tmp_path_factory) -> PreTrainedTokenizerFast:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    names = {"bos_token": "<|start|>", "eos_token": "<|end|>", "pad_token": "<|pad|>"}
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **names)


@pytest.mark.parametrize(
    ("source", "messages", "tools"),
    [
        *((source, TALK, []) for source in (CHATML, HEADERS, STRICT)),
        (CHATML, [{"role": "system", "content": "Rhyme."}, *TALK], []),
        (HEADERS, [{"role": "system", "content": " Rhyme. "}, *CALLS], [weather]),
        (None, TALK, []),
    ],
)
@pytest.mark.parametrize("answer", [True, False])
def test_texts_and_tokens_are_transformers(source, messages, tools, answer, tokenizer, oracle):
    template = ChatTemplate(tokenizer, source)
    options = {"tools": [describe(tool) for tool in tools] or None, "add_generation_prompt": answer}
    expected = oracle.apply_chat_template(
        conversation(messages), chat_template=template.source, tokenize=False, **options
    )
    assert template.text(messages, tools, answer=answer) == expected
    ids = oracle(expected, add_special_tokens=False)["input_ids"]
    if answer:
        assert template.prompt(messages, tools) == ids
    elif source is not STRICT:
        assert template.render(messages, tools).ids == ids


def test_no_token_reaches_from_what_is_read_into_what_is_learnt(tokenizer):
    """The space before an answer belongs to the question, as it does when the answer is asked for."""
    template = ChatTemplate(tokenizer, STRICT)
    ids, is_assistant = template.render(TALK[:2])
    asked = template.prompt(TALK[:1])
    assert ids[: len(asked)] == asked
    assert is_assistant == [False] * len(asked) + [True] * (len(ids) - len(asked))


@pytest.mark.parametrize("source", [CHATML, HEADERS, STRICT, None])
def test_the_assistants_tokens_are_its_words_and_the_end_of_its_turn(source, tokenizer):
    template = ChatTemplate(tokenizer, source)
    ids, is_assistant = template.render(TALK)
    runs, before = [], False
    for token, own in zip(ids, is_assistant, strict=True):
        runs += [[token]] if own and not before else []
        if own and before:
            runs[-1].append(token)
        before = own
    written = [tokenizer.decode(run, skip_special=False) for run in runs]
    assert written == [f"{message['content']}<|end|>" for message in TALK if message["role"] == "assistant"]


def test_the_assistants_calls_are_learnt_and_what_tools_say_is_read(tokenizer):
    ids, is_assistant = ChatTemplate(tokenizer, HEADERS).render(CALLS, [weather])
    learnt = tokenizer.decode([token for token, own in zip(ids, is_assistant, strict=True) if own], skip_special=False)
    assert learnt == '{"name": "weather", "parameters": {"city": "é"}}<|end|>It rains.<|end|>'


PIECES = ["<|end|>", "<|start|>", "<|pad|>", "<", "|", "end|>", " ", "a", "é", "\n", "assistant"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(question=HOSTILE, answer=HOSTILE)
def test_what_is_typed_is_never_a_special_token(question, answer, tokenizer):
    talk = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    template = ChatTemplate(tokenizer, CHATML)
    ids, is_assistant = template.render(talk)
    special = [token for token in ids if token in tokenizer.specials]
    plain = template.render([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]).ids
    assert special == [token for token in plain if token in tokenizer.specials]
    assert tokenizer.decode(ids, skip_special=False) == template.text(talk)
    learnt = [token for token, own in zip(ids, is_assistant, strict=True) if own]
    assert tokenizer.decode(learnt, skip_special=False) == f"{answer}<|end|>"


def test_a_template_that_cannot_be_learnt_is_refused_with_the_number_of_the_turn(tokenizer):
    with pytest.raises(LangueError, match="message 2 in another way"):
        ChatTemplate(tokenizer, REWRITING).render(TALK)
    with pytest.raises(LangueError, match="ends message 2"):
        ChatTemplate(tokenizer, ENDLESS).render(TALK)
    assert ChatTemplate(tokenizer, REWRITING).prompt(TALK[:3])  # which can be answered all the same


def test_what_a_template_refuses_is_said_in_its_own_words(tokenizer):
    with pytest.raises(LangueError, match="refuses the conversation: Conversation roles must alternate"):
        ChatTemplate(tokenizer, STRICT).prompt([TALK[0], TALK[0]])
    with pytest.raises(LangueError, match="no place for tools"):
        ChatTemplate(tokenizer, CHATML).prompt(TALK[:1], [weather])


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one"),
        ([{"role": "sytem", "content": "x"}], "did you mean system"),
        ([{"role": "user"}], "message 1 has no content"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "part of type 'image_url'"),
        (["hello"], "message 1 is 'hello'"),
        ([TALK[0], {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}], "no JSON"),
    ],
)
def test_a_message_that_is_none_is_named(messages, words):
    with pytest.raises(LangueError, match=words):
        conversation(messages)


def test_parts_of_text_are_one_text():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert conversation([{"role": "user", "content": parts}]) == [{"role": "user", "content": "ab"}]


def test_a_function_is_described_as_transformers_does():
    ours, theirs = describe(weather), get_json_schema(weather)
    assert ours["function"]["name"] == theirs["function"]["name"]
    assert ours["function"]["description"] == theirs["function"]["description"]
    parameters, expected = ours["function"]["parameters"], theirs["function"]["parameters"]
    assert parameters["required"] == expected["required"]
    for name, schema in expected["properties"].items():
        assert parameters["properties"][name]["type"] == schema["type"]
        assert parameters["properties"][name]["description"] == " ".join(schema["description"].split())


def test_the_plain_template_is_jinja_that_any_program_renders(tokenizer, oracle):
    text = oracle.apply_chat_template(TALK[:1], chat_template=plain_template(tokenizer), tokenize=False)
    assert text == "<|start|>user\nthe  first\nquestion<|end|>\n"
