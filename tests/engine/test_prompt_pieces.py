"""Prompts that are read in pieces: the same texts, and others go on meanwhile."""

from __future__ import annotations

import random

import pytest
from arrivals import EVERY_MIXER, WAYS, assert_alone, model_of, played, requests_of

from langue.engine import Engine, EngineSettings, Request, SamplingSettings

LONG = {"temperature": 0, "max_tokens": 30, "min_tokens": 30}


@pytest.mark.parametrize(("form", "context"), [("decoder", 16), ("decoder", 80), ("seq2seq", 80)])
@pytest.mark.parametrize("mixer", EVERY_MIXER)
def test_texts_are_the_same_whatever_is_read_at_once(mixer: str, form: str, context: int) -> None:
    """Also where a text outgrows the context, half of which is read again in pieces."""
    draws = random.Random(f"{mixer} {form} {context}")
    model = model_of(mixer, form=form, context=context)
    requests = requests_of(form, [*WAYS["greedy"], *WAYS["sampled"], {"beams": 3}], draws, longest=40)
    engine = Engine(model, EngineSettings(batch_rows=16, prompt_tokens=draws.choice([3, 7, 20])))
    assert_alone(model, played(engine, requests, draws))


def steps_until(engine: Engine, *requests: Request) -> list[int]:
    """The steps after which each of some requests has its first token."""
    first: dict[Request, int] = {}
    for request in requests:
        engine.submit(request)
    for step in range(1, 100):
        for event in engine.step():
            first.setdefault(event.request, step)
        if all(request in first for request in requests):
            return [first[request] for request in requests]
    raise AssertionError(first)


def test_no_step_reads_more_than_its_share_and_texts_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    model, read = model_of("attention", context=200), []
    hidden = model.hidden
    monkeypatch.setattr(model, "hidden", lambda batch, state: (read.append(batch.ids.shape), hidden(batch, state))[1])
    engine = Engine(model, EngineSettings(prompt_tokens=10))
    short, long = Request([4], SamplingSettings(**LONG)), Request([5] * 35, SamplingSettings(**LONG))
    assert steps_until(engine, short) == [1]
    read.clear()
    engine.submit(long)
    written = [[event.request for event in engine.step()] for _ in range(4)]
    assert read == [(1, 1), (1, 10), (1, 1), (1, 10), (1, 1), (1, 10), (1, 1), (1, 5)]
    assert written == [[short], [short], [short], [short, long]]


def test_short_prompts_do_not_wait_for_long_ones_nor_long_ones_for_ever() -> None:
    engine = Engine(model_of("attention", context=200), EngineSettings(prompt_tokens=10))
    settings = SamplingSettings(temperature=0, max_tokens=1)
    first, second, short = (Request([4] * length, settings) for length in (50, 60, 4))
    assert steps_until(engine, first, second, short) == [6, 12, 1]


def test_there_is_room_for_as_many_positions_as_there_are() -> None:
    """Where prompts are read by themselves nothing is padding."""
    long, short = (Request([4] * length, SamplingSettings(**LONG)) for length in (50, 10))
    for pieces, has_room in ((100, True), (None, False)):
        engine = Engine(model_of("attention", context=200), EngineSettings(prompt_tokens=pieces, batch_tokens=69))
        assert engine.has_room(long)
        assert steps_until(engine, long) == [1]
        assert engine.has_room(short) is has_room
        engine.submit(short)
        assert not engine.has_room(short)
        assert any(event.request is short for event in engine.step()) is has_room
        assert not engine.has_room(Request([4] * 20, SamplingSettings()))


def test_there_is_room_beside_those_that_wait() -> None:
    engine = Engine(model_of("attention", context=200), EngineSettings(prompt_tokens=100, batch_rows=3))
    requests = [Request([4] * 5, SamplingSettings(**LONG)) for _ in range(4)]
    for request in requests[:3]:
        assert engine.has_room(request)
        engine.submit(request)
    assert not engine.has_room(requests[3])
    engine.step()
    assert not engine._scheduler.waiting


def test_nobody_waits_for_a_prompt_that_is_not_kept() -> None:
    settings = SamplingSettings(temperature=0, max_tokens=1)
    for kept, steps in ((0, [1, 1]), (20, [1, 1]), (50, [1, 2])):
        engine = Engine(model_of("attention", context=200), EngineSettings(prompt_tokens=100, prefix_tokens=kept))
        assert steps_until(engine, Request([4] * 30, settings), Request([*[4] * 28, 5], settings)) == steps


@pytest.mark.parametrize("mixer", ["attention", "gru"])
def test_a_request_is_cancelled_while_it_is_read(mixer: str) -> None:
    model = model_of(mixer, context=30)
    settings = SamplingSettings(**LONG)
    first, second = Request([4, 5], settings), Request([7] * 25, settings)
    engine, finished = Engine(model, EngineSettings(prompt_tokens=10)), {}
    steps_until(engine, first)
    engine.submit(second)
    engine.step()
    assert engine._reading
    assert engine.cancel(second)
    assert not engine._reading
    assert not engine.cancel(second)
    while not engine.is_idle:
        finished |= {event.request: event.hypotheses for event in engine.step() if event.hypotheses is not None}
    assert set(finished) == {first}
    assert_alone(model, finished)


def test_texts_that_are_read_again_in_pieces_are_cancelled_one_by_one() -> None:
    model = model_of("attention", context=24)
    settings = SamplingSettings(**LONG)
    requests = [Request([token] * 4, settings) for token in (4, 5, 6)]
    engine, finished = Engine(model, EngineSettings(prompt_tokens=12)), {}
    for request in requests:
        engine.submit(request)
    for _ in range(22):
        engine.step()
    (cohort,) = engine._reading
    assert len(cohort.running) == 3
    assert engine.cancel(requests[1])
    while not engine.is_idle:
        finished |= {event.request: event.hypotheses for event in engine.step() if event.hypotheses is not None}
    assert_alone(model, finished)
