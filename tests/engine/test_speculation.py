"""Tokens that are proposed and read at a time: the same texts in fewer passes."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from arrivals import WAYS, assert_alone, model_of, played, requests_of
from hypothesis import given, settings
from hypothesis import strategies as st

from langue.batch import Batch
from langue.engine import Engine, EngineSettings, Request, SamplingSettings
from langue.engine.group import Running
from langue.engine.proposals import LONGEST, SHORTEST, repeated
from langue.errors import LangueError
from langue.models import Model

ATTENTION = ["attention", "relative", "grouped", "sliding"]


@pytest.mark.parametrize("by", ["itself", "draft"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mixer", ATTENTION)
def test_texts_are_the_same_with_speculation(mixer: str, way: str, by: str) -> None:
    """Beside requests that write several texts, joined and cancelled at any time, near the end of the context too."""
    draws = random.Random(f"{mixer} {way} {by}")
    model = model_of(mixer, context=draws.choice([20, 60]))
    draft = model_of(mixer, width=16, layers=1, context=60) if by == "draft" else None
    bounds = EngineSettings(
        batch_rows=12, speculate=draws.choice([1, 3, 5]), prefix_tokens=100, prompt_tokens=draws.choice([None, 4])
    )
    requests = requests_of("decoder", [*WAYS[way], {"beams": 2}], draws)
    assert_alone(model, played(Engine(model, bounds, draft), requests, draws))


def passes(model: Model, engine: Engine, request: Request) -> tuple[list[int], int]:
    """A text, and how many times the model was asked for it."""
    counts: list[int] = []
    hook = model.head.register_forward_hook(lambda *_: counts.append(1))
    ((text,),) = engine.run([request])
    hook.remove()
    return text.tokens, len(counts)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 0.8}])
def test_a_draft_that_is_right_saves_passes(options: dict) -> None:
    model = model_of("attention", context=60)
    request = Request([4, 5, 6], SamplingSettings(max_tokens=21, seed=1, **options))
    text, alone = passes(model, Engine(model), request)
    assert (len(text), alone) == (21, 21)
    engine = Engine(model, EngineSettings(speculate=4), draft=model_of("attention", context=60))
    again, counts = passes(model, engine, request)
    assert again == text
    assert counts == 1 + 20 / 5 or options["temperature"] > 0


def test_a_text_that_repeats_its_prompt_saves_passes_and_ends_where_it_ends() -> None:
    """A model of one token that is always likeliest behind itself: what is proposed is right."""
    model = model_of("attention", context=80)
    with torch.no_grad():
        for parameter in model.stack.blocks.parameters():
            parameter.zero_()
    request = Request([7, 7, 7, 7], SamplingSettings(temperature=0, max_tokens=31))
    text, alone = passes(model, Engine(model), request)
    again, counts = passes(model, Engine(model, EngineSettings(speculate=5)), request)
    assert again == text
    assert len(text) == alone == 31
    assert counts == 1 + 30 / 6


def test_stop_is_asked_of_each_token_in_turn_and_of_none_behind_the_end() -> None:
    model, told = model_of("attention", context=60), []
    stop = lambda sample, token: (told.append(token), len(told) == 7)[1]  # noqa: E731
    draft, bounds = model_of("attention", context=60), EngineSettings(speculate=4)
    request = Request([4, 5, 6], SamplingSettings(temperature=0, max_tokens=20), [], stop=stop)
    ((text,),) = Engine(model, bounds, draft).run([request])
    assert text.tokens == told
    assert len(told) == 7
    assert len(text.log_probabilities) == 7
    ((alone,),) = Engine(model).run([Request([4, 5, 6], SamplingSettings(temperature=0, max_tokens=7), [])])
    assert text.tokens == alone.tokens
    assert text.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-5)
    assert text.score == pytest.approx(alone.score, abs=1e-5)


def test_taking_back_leaves_what_would_have_been_read() -> None:
    model, draws = model_of("attention", context=60).double(), torch.Generator().manual_seed(1)
    ids = torch.randint(4, 30, (3, 12), generator=draws)
    counts = torch.tensor([0, 3, 1])
    with torch.inference_mode():
        state = model.start(Batch(ids))
        model.hidden(Batch(ids), state)
        state.move_to_pages(torch.arange(3))
        state.take_back(counts)
        assert state.length == 12
        state.take_back(torch.tensor([2, 2, 2]))
        assert state.length == 10
        more = torch.randint(4, 30, (3, 2), generator=draws)
        logits = model(Batch(more), state)
        for row, count in enumerate(counts.tolist()):
            alone = torch.cat([ids[row, : 10 - count], more[row]])
            torch.testing.assert_close(logits[row], model(Batch(alone[None]))[0, -2:], atol=1e-9, rtol=1e-9)


@settings(deadline=None, max_examples=200)
@given(text=st.lists(st.integers(0, 3), max_size=30), count=st.integers(0, 5))
def test_proposals_followed_the_longest_end_that_stood_before(text: list[int], count: int) -> None:
    expected: list[int] = []
    for size in range(SHORTEST, LONGEST + 1):
        ends = [end for end in range(size, len(text)) if text[end - size : end] == text[len(text) - size :]]
        expected = (text[ends[-1] :] * count)[:count] if ends and size < len(text) else expected
    assert repeated(np.array(text, np.int64), count) == expected


def test_the_more_texts_there_are_the_less_is_proposed_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    model, shapes = model_of("attention", context=60), set()
    hidden, settings = model.hidden, SamplingSettings(temperature=0, max_tokens=20)
    note = lambda batch, state: (shapes.add(tuple(batch.ids.shape)), hidden(batch, state))[1]  # noqa: E731
    monkeypatch.setattr(model, "hidden", note)
    for rows, longest in ((4, 9), (16, 4), (40, 2)):  # of the last, the prompts
        shapes.clear()
        engine = Engine(model, EngineSettings(speculate=8), model_of("attention", context=60))
        engine.run([Request([row % 26 + 4, row // 26 + 4], settings) for row in range(rows)])
        assert max(length for _, length in shapes) == longest


def test_what_speculation_needs_is_said() -> None:
    for model in (model_of("gru"), model_of("mixed"), model_of("attention", form="seq2seq")):
        with pytest.raises(LangueError, match="set speculate to 0"):
            Engine(model, EngineSettings(speculate=2))
    model = model_of("attention")
    with pytest.raises(LangueError, match="of which there are 30, not 31"):
        Engine(model, EngineSettings(speculate=2), model_of("attention", vocab_size=31))
    with pytest.raises(LangueError, match="a draft of context 23 sees less than the model's 24 positions"):
        Engine(model, EngineSettings(speculate=2), model_of("attention", context=23))
    with pytest.raises(LangueError, match="set speculate to 4, or leave the draft out"):
        Engine(model, draft=model)


def test_the_fewer_proposals_were_chosen_the_fewer_are_made() -> None:
    running = Running(Request([4], SamplingSettings(max_tokens=12)), 1)
    for agreed, written, proposals in ((0, 0, 2), (3, 0, 8), (8, 0, 11), (8, 9, 2), (0, 11, 0)):
        running.agreed, running.written = agreed, written
        assert running.proposals == proposals
    assert Running(Request([4], SamplingSettings(samples=2)), 1).proposals == 0
    assert Running(Request([4], SamplingSettings(beams=2)), 1).proposals == 0


def test_a_row_reads_no_more_than_was_worth_it_the_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that is never right, since it may not end what the model has to."""
    model, draft = model_of("attention", context=60), model_of("attention", context=60)
    monkeypatch.setattr(draft.head, "forward", lambda hidden: torch.eye(30)[torch.full(hidden.shape[:-1], 3)])
    read, hidden = [], model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda batch, state: (read.append(batch.ids.shape[1]), hidden(batch, state))[1]
    )
    settings = SamplingSettings(temperature=0, max_tokens=6, min_tokens=6)
    Engine(model, EngineSettings(speculate=5), draft).run([Request([4, 5], settings, [3])])
    assert read == [2, 5, 3, 3, 2, 1]
