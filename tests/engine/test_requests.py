"""Requests of all kinds that come and go at any time write what each writes alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from toys import END, MIXERS, Writer, make

from langue.engine import EncodedSource, Engine, EngineSettings, GenerationSettings, Request, SamplingSettings
from langue.errors import LangueError

KINDS = [
    {"temperature": 0},
    {"temperature": 0, "repetition_penalty": 1.3},
    {"temperature": 0.7, "seed": 3},
    {"temperature": 1.3, "top_k": 9, "samples": 3},
    {"top_p": 0.8, "samples": 2, "no_repeat_ngram": 2},
    {"min_p": 0.05, "repetition_penalty": 1.2},
    {"beams": 3},
    {"beams": 4, "samples": 2, "length_penalty": 0.3, "stopping": "exact"},
    {"beams": 4, "groups": 2, "min_tokens": 4},
    {"beams": 2, "stopping": "early", "no_repeat_ngram": 3},
]


def requests_of(form: str, draws: random.Random, count: int = 30) -> list[Request]:
    """With settings, lengths, ends, prefixes, phrases and suppressed tokens of their own."""
    requests = []
    for number in range(count):
        options = {"max_tokens": draws.randint(1, 14), **KINDS[number % len(KINDS)]}
        options["max_tokens"] = max(options["max_tokens"], options.get("min_tokens", 0))
        if form == "seq2seq" and draws.random() < 0.5:
            options |= {"alignments": True, "max_tokens_per_source": 0.5}
        settings = SamplingSettings(**options)
        phrases = [[draws.randint(4, 29)]] if options.get("beams", 1) > options.get("groups", 1) == 1 else []
        requests.append(
            Request(
                [draws.randint(4, 29) for _ in range(draws.randint(1, 9))],
                settings,
                draws.choice([[END], [END, 7], []]),
                [draws.randint(0, 29) for _ in range(draws.randint(1, 9))] if form == "seq2seq" else None,
                suppress_tokens=draws.choice([(), (5, 11, 400)]),
                prefix=[draws.randint(12, 29)] * draws.randint(0, 1),
                phrases=phrases * draws.randint(0, 1),
                key=(number,) * draws.randint(0, 1),
            )
        )
    return requests


def assert_alike(mine, alone, tolerance=1e-5) -> None:
    assert [(each.tokens, each.end) for each in mine] == [(each.tokens, each.end) for each in alone]
    for one, other in zip(mine, alone, strict=True):
        assert one.score == pytest.approx(other.score, rel=tolerance, abs=tolerance)
        assert one.log_probabilities == pytest.approx(other.log_probabilities, rel=tolerance, abs=tolerance)
        assert (one.alignment is None) == (other.alignment is None)
        if one.alignment is not None:
            torch.testing.assert_close(one.alignment, other.alignment, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
@pytest.mark.parametrize(
    ("mixer", "dtype", "tolerance"),
    [("attention", torch.float32, 1e-4), *((mixer, torch.float64, 1e-5) for mixer in MIXERS)],
)
def test_thirty_requests_at_random_times(mixer, dtype, tolerance, form):
    """In single precision, in which rows are looked up where they lie, these models' numbers differ more."""
    draws = random.Random(f"{mixer} {form}")
    model = make(mixer, vocab_size=30, form=form, context=12).to(dtype)
    requests = requests_of(form, draws)
    engine, finished, waiting = Engine(model, EngineSettings(batch_rows=24)), {}, list(requests)
    while waiting or not engine.is_idle:
        for _ in range(draws.choice([0, 0, 1, 2, 5])):
            if waiting:
                engine.submit(waiting.pop())
        finished |= {event.request: event.hypotheses for event in engine.step() if event.hypotheses is not None}
        assert engine._writing is None or len(engine._writing.batch) <= 24
    for request in requests:
        assert_alike(finished[request], Engine(model).run([request])[0], tolerance)


def test_tokens_are_told_as_they_are_drawn():
    engine, model = Engine(make(vocab_size=30)), make(vocab_size=30)
    request = Request([4, 5], SamplingSettings(samples=2, max_tokens=6), [END])
    told = {0: [], 1: []}
    for event in engine.stream(request):
        if event.token is not None:
            told[event.sample].append(event.token)
        else:
            assert event.request is request
            assert [each.tokens for each in event.hypotheses] == list(told.values())
    assert engine.is_idle
    assert_alike(event.hypotheses, Engine(model).run([request])[0])


@pytest.mark.parametrize("form", ["decoder", "seq2seq"])
def test_a_request_that_is_cancelled_leaves_at_once(form):
    model, draws = make(vocab_size=30, form=form), random.Random(3)
    requests = [replace(each, settings=each.settings.model_copy(update={"max_tokens": 14, "min_tokens": 14}))
                for each in requests_of(form, draws, 10)]  # fmt: skip
    engine, finished = Engine(model, EngineSettings(batch_rows=sum(each.settings.width for each in requests[:9]))), {}
    for request in requests:
        engine.submit(request)
    for step in range(20):
        finished |= {event.request: event.hypotheses for event in engine.step() if event.hypotheses is not None}
        if step == 0:
            assert engine.cancel(requests[9])  # which waits
        if step == 3:
            before = len(engine._writing.batch)
            assert engine.cancel(requests[0])
            assert engine.cancel(requests[6])
            assert len(engine._writing.batch) == before - 1 - 3
            assert not engine.cancel(requests[6])
    assert engine.is_idle
    assert set(finished) == set(requests) - {requests[number] for number in (0, 6, 9)}
    for request, hypotheses in finished.items():
        assert_alike(hypotheses, Engine(model).run([request])[0])


def test_who_stops_listening_cancels():
    engine = Engine(make(vocab_size=30))
    events = engine.stream(Request([4], SamplingSettings(max_tokens=9, min_tokens=9), [END]))
    next(events)
    assert not engine.is_idle
    with pytest.raises(ValueError, match="other requests under way"):
        engine.run([Request([5])])
    events.close()
    assert engine.is_idle


def test_only_a_text_beyond_the_context_is_read_again(monkeypatch):
    """By itself, while the others go on from what is remembered of them."""
    model = make(vocab_size=30, context=8)
    lengths, hidden = [], model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda batch, state: (lengths.append(batch.ids.shape), hidden(batch, state))[1]
    )
    settings = SamplingSettings(temperature=0, max_tokens=5, min_tokens=5)
    requests = [Request([4] * 7, settings, [END]), Request([5], settings, [END]), Request([6, 7], settings, [END])]
    engine = Engine(model)
    for request in requests:
        engine.submit(request)
    while not engine.is_idle:
        engine.step()
    # The first has room for one more token; its half is read again at the third step.
    assert lengths == [(3, 7), (3, 1), (2, 1), (1, 4), (3, 1), (3, 1)]


def test_an_encoder_reads_each_source_once(monkeypatch):
    model = make(vocab_size=30, context=6, form="seq2seq")
    read, encode = [], type(model).encode
    note = lambda self, batch: (read.append(batch.source), encode(self, batch))[1]  # noqa: E731
    monkeypatch.setattr(type(model), "encode", note)
    settings = SamplingSettings(beams=2, max_tokens=20, min_tokens=20)
    Engine(model).run([Request([1], settings, [END], [4, 5, 6])])
    assert sum(source is not None for source in read) == 1
    assert len(read) > 3  # it is read again by the decoder alone


def test_the_key_of_a_request_decides_what_is_drawn():
    engine, settings = Engine(make(vocab_size=30)), SamplingSettings(max_tokens=9)
    write = lambda *key: engine.run([Request([4], settings, [END], key=key)])[0][0].tokens  # noqa: E731
    assert write() == write()
    assert write(1) == write(1) != write(2)


def test_a_source_that_was_encoded_before_goes_beside_others():
    model = make(vocab_size=30, form="seq2seq")
    hidden = torch.randn(5, model.config.width, generator=torch.Generator().manual_seed(1))
    settings = GenerationSettings(beams=3, max_tokens=7)
    together = Writer(model, settings).run([[1], [2]], [EncodedSource(hidden), EncodedSource(hidden[:3])])
    assert_alike(together[0], Writer(model, settings).run([[1]], [EncodedSource(hidden)])[0])
    assert_alike(together[1], Writer(model, settings).run([[2]], [EncodedSource(hidden[:3])])[0])


def test_a_request_that_asks_too_much_is_refused_before_it_waits():
    engine = Engine(make())
    with pytest.raises(LangueError, match="has no room in 2 new ones"):
        engine.submit(Request([1], SamplingSettings(max_tokens=2), prefix=[1, 2, 4]))
    assert engine.is_idle


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_prompt_of_several_requests_is_read_once_and_each_draws_as_if_alone(mixer):
    model, read = make(mixer, context=32), []
    settings = SamplingSettings(max_tokens=6, seed=2)
    prompts = [[1, 0, 2], [2, 4], [1, 0, 2], [1, 0, 2], [2, 4]]

    def requests():
        return [Request(prompt, settings, [END], key=(number,)) for number, prompt in enumerate(prompts)]

    alone = [Engine(model).run([request])[0][0] for request in requests()]
    model.embedding.register_forward_hook(lambda _, inputs, __: read.append(inputs[0].numel()))
    together = [texts[0] for texts in Engine(model).run(requests())]
    assert read[0] == 2 * 3
    assert [text.tokens for text in together] == [text.tokens for text in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-5)


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("kind", ["tokens", "tensors"])
def test_a_source_of_several_requests_is_read_once_and_each_draws_as_if_alone(mixer, kind):
    model, read = make(mixer, context=32, form="seq2seq"), []
    settings = SamplingSettings(max_tokens=6, seed=2)
    first, second = (torch.tensor(ids) if kind == "tensors" else ids for ids in ([1, 4, 2], [2, 4, 4, 1]))
    rows = [([1], first), ([1], second), ([1], first), ([2, 4], first), ([1], first), ([1], second)]

    def requests():
        return [
            Request(prompt, settings, [END], source=source, key=(number,))
            for number, (prompt, source) in enumerate(rows)
        ]

    alone = [Engine(model).run([request])[0][0] for request in requests()]
    encode = type(model).encode
    model.encode = lambda batch: (read.append(len(batch.source)), encode(model, batch))[1]
    together = [texts[0] for texts in Engine(model).run(requests())]
    assert read == [3]  # the two sources, one of them behind another prompt as well
    assert [text.tokens for text in together] == [text.tokens for text in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-5)
