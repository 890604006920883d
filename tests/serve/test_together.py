"""Requests side by side: each is answered as if it were alone, whoever comes, leaves or fails beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx2
import numpy as np
import openai
import pytest
from served import serving, until, writer

from langue.randomness import numpy_generator

PROMPTS = ("the old ", "a red boat ", "stars", "on the sea and ")


@pytest.fixture(scope="module")
def served():
    sizes = {"rows": 12, "choices": 8, "prompt_tokens": 5, "prefix_tokens": 100, "speculate": 2}
    drafts = {"other": writer(2, layers=1)}
    with serving({"tiny": writer(), "other": writer(1)}, drafts=drafts, **sizes) as server:
        yield server


def options_of(number: int) -> dict:
    """A request that differs from its neighbours in all that a request may have."""
    draws = numpy_generator("together", number)
    return {
        "model": ("tiny", "other")[number % 2],
        "prompt": PROMPTS[number % 4],
        "max_tokens": int(draws.integers(1, 60)),
        "temperature": float(draws.choice([0.0, 0.7, 1.2])),
        "seed": number,
        "n": int(draws.integers(1, 4)),
        "stop": "th" if number % 3 == 0 else None,
        "extra_body": {"top_k": 5} if number % 5 == 0 else None,
        "logprobs": 2 if number % 7 == 0 else None,
    }


def alone(served, number: int) -> list[str]:
    options = {name: value for name, value in options_of(number).items() if value is not None}
    options |= options.pop("extra_body", {})
    options.pop("logprobs", None)
    task, samples = served.task(options.pop("model")), options.pop("n")
    texts = task.generate(options.pop("prompt"), samples=samples, **options)
    return [texts] if samples == 1 else texts


async def ask(client: openai.AsyncOpenAI, number: int) -> list[str] | None:
    """The texts of a request, which comes at a time of its own; None where its client leaves in mid-stream."""
    draws = numpy_generator("arrival", number)
    await asyncio.sleep(draws.uniform(0, 0.5))
    options = options_of(number)
    if number % 4 == 0:
        return [choice.text for choice in (await client.completions.create(**options)).choices]
    texts = [""] * options["n"]
    leaves = number % 4 == 1
    async with await client.completions.create(**options, stream=True) as stream:
        async for chunk in stream:
            for choice in chunk.choices:
                texts[choice.index] += choice.text
            if leaves and draws.random() < 0.3:
                return None
    return texts


def test_many_at_once_are_answered_as_each_alone(served):
    async def run() -> list[list[str] | None]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="a", max_retries=0) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(32)))

    answers = asyncio.run(run())
    assert sum(answer is None for answer in answers) > 2
    for number, answer in enumerate(answers):
        if answer is not None:
            assert answer == alone(served, number), number
    until(lambda: not served.service.worker.unfinished)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_row(served, stream):
    lane = served.service.models.named("tiny").lane

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="a", max_retries=0) as client:
            asking = asyncio.ensure_future(
                client.completions.create(model="tiny", prompt="the ", max_tokens=120, n=8, stream=stream, seed=1)
            )
            while not lane.rows:
                await asyncio.sleep(0.001)
            asking.cancel()

    before = written(served)
    for _ in range(3):
        asyncio.run(run())
        until(lambda: not lane.rows and not served.service.worker.unfinished)
    assert written(served) == before  # none was gone on with


def written(served) -> str:
    """The count of tokens of texts that were written to their ends."""
    lines = served.http.get("/metrics").text.splitlines()
    return next(line for line in lines if line.startswith('langue_tokens_total{kind="completion"}'))


def test_a_flood_of_one_client_lets_others_in():
    with serving({"tiny": writer()}, keys=("a" * 16, "b" * 16), rows=1) as server:

        async def one(key: str, order: list[str]) -> None:
            async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key * 16, max_retries=0) as client:
                await client.completions.create(model="tiny", prompt="the ", max_tokens=100, seed=1, temperature=0)
            order.append(key)

        async def run() -> list[str]:
            order: list[str] = []
            flood = [asyncio.ensure_future(one("a", order)) for _ in range(12)]
            while server.service.worker.unfinished < 12 and not order:
                await asyncio.sleep(0.001)
            await asyncio.gather(one("b", order), *flood)
            return order

        assert asyncio.run(run()).index("b") < 8


def test_one_that_fails_lets_the_others_go_on(served, monkeypatch):
    task = served.task("tiny")
    whole = type(task).request

    def failing(logits, texts, written):
        if int(written[0]) == 5:
            raise ValueError("a fault in mid-text")
        return logits

    def request(prompt, settings, **options):
        made = whole(task, prompt, settings, **options)
        return replace(made, processor=failing) if settings.seed == 666 else made

    monkeypatch.setattr(task, "request", request)

    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="a", max_retries=0) as client:

            async def streamed(seed: int) -> str:
                options = {"max_tokens": 40, "seed": seed, "stop": "zz"}
                stream = await client.completions.create(model="tiny", prompt="the old ", stream=True, **options)
                return "".join([choice.text async for chunk in stream for choice in chunk.choices])

            bad = streamed(666)
            results = await asyncio.gather(*map(streamed, range(6)), bad, return_exceptions=True)
            assert isinstance(results[-1], openai.APIError)
            return results[:-1]

    texts = asyncio.run(run())
    assert texts == [task.generate("the old ", max_tokens=40, seed=seed) for seed in range(6)]


def test_likelihoods_are_those_of_the_model(served):
    import torch

    from langue.batch import Batch

    task = served.task("tiny")
    options = {"model": "tiny", "prompt": "the old ", "max_tokens": 10, "seed": 3}
    for create in (
        served.client().completions.create(**options, echo=True, logprobs=2),
        served.client().completions.create(**options, echo=True, logprobs=2, stream=True),
    ):
        chunks = [create] if hasattr(create, "usage") else list(create)
        choices = [choice for chunk in chunks for choice in chunk.choices]
        logs = [log for choice in choices for log in choice.logprobs.token_logprobs]
        offsets = [offset for choice in choices for offset in choice.logprobs.text_offset]
        text = "".join(choice.text for choice in choices)
        ids = task.encode(text)
        with torch.inference_mode():
            whole = task.model(Batch(torch.tensor([ids])))[0].log_softmax(-1)
        expected = [float(whole[place, token]) for place, token in enumerate(ids[1:])]
        np.testing.assert_allclose(logs[1:], expected, atol=1e-4)
        assert logs[0] is None
        assert offsets == list(range(len(text)))
        tops = [top for choice in choices for top in choice.logprobs.top_logprobs]
        assert all(max(top.values()) >= log - 1e-5 for top, log in zip(tops[1:], logs[1:], strict=True))


def test_nothing_but_an_echo_may_be_asked_for(served):
    answer = served.client().completions.create(model="tiny", prompt="the ", max_tokens=0, echo=True, logprobs=1)
    assert (answer.choices[0].text, answer.usage.completion_tokens) == ("the ", 0)
    assert len(answer.choices[0].logprobs.tokens) == 4
    assert served.post("/v1/completions", {"model": "tiny", "prompt": "a", "max_tokens": 0}).status_code == 400


def test_a_request_that_takes_too_long_ends():
    with serving({"slow": writer(context=4096)}, seconds=0.4) as server:
        body = {"model": "slow", "prompt": "the ", "max_tokens": 4000, "min_tokens": 4000}
        answer = server.post("/v1/completions", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (408, "timeout")
        assert answer.headers["x-should-retry"] == "false"
        with pytest.raises(openai.APIError, match="longer than"):
            list(server.client().completions.create(
                model="slow", prompt="the ", max_tokens=4000, stream=True, extra_body={"min_tokens": 4000}
            ))  # fmt: skip
        until(lambda: not server.service.worker.unfinished)


def test_what_does_not_end_in_time_is_cut_off_at_the_end():
    with serving({"slow": writer(context=4096)}, drain_seconds=0.2) as server:
        stream = server.client().completions.create(
            model="slow", prompt="the ", max_tokens=4000, stream=True, extra_body={"min_tokens": 4000}
        )
        pieces = iter(stream)
        next(pieces)
        server.end()
        with pytest.raises((openai.APIError, httpx2.HTTPError)):
            list(pieces)
