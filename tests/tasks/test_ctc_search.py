"""The search in time: with enough beams, what counting all ways finds; and the likeliest way for one."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from langue.tasks.transcribe.ctc_search import Fusion, decode, likeliest_path, prefix_beam


def texts_by_counting(logs: torch.Tensor) -> dict[tuple[int, ...], float]:
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        said = tuple(token for token, _ in itertools.groupby(path) if token != 0)
        score = sum(float(logs[place, token]) for place, token in enumerate(path))
        found[said] = float(np.logaddexp(found.get(said, -np.inf), score))
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 4))
def test_with_enough_beams_it_counts_all_ways(seed, positions, tokens):
    logs = (3 * torch.randn(positions, tokens, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)
    expected = texts_by_counting(logs.double())
    found = prefix_beam(logs, 0, beams=10_000, likely=0)
    assert {tuple(each.tokens): pytest.approx(each.score, abs=1e-5) for each in found} == expected
    assert [each.score for each in found] == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_greedy_takes_the_likeliest_way(seed, positions):
    logs = torch.randn(positions, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
    found = likeliest_path(logs, 0)
    paths = itertools.product(range(3), repeat=positions)
    path = max(paths, key=lambda path: sum(float(logs[p, t]) for p, t in enumerate(path)))
    assert found.tokens == [token for token, _ in itertools.groupby(path) if token != 0]
    assert [path[place] for place in found.positions] == found.tokens
    assert found.score == pytest.approx(sum(float(logs[p, t]) for p, t in enumerate(path)), abs=1e-5)


def test_a_beam_finds_the_likeliest_text_where_greed_does_not():
    # The blank is the likeliest of each moment, but "a" at either moment or both is likelier than nothing.
    logs = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert likeliest_path(logs, 0).tokens == []
    best = prefix_beam(logs, 0, 2)[0]
    assert (best.tokens, best.positions) == ([1], [0])
    assert best.score == pytest.approx(np.log(1 - 0.36))


def test_rows_are_as_long_as_they_are():
    logs = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    for beams in (1, 3):
        found = decode(logs, [6, 2], 0, beams)
        assert found[1] == decode(logs[1:, :2], [2], 0, beams)[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([0.0, 0.3, 1.5]), st.sampled_from([0.0, 0.7]))
def test_a_language_model_has_its_say_of_every_text(seed, positions, weight, bonus):
    draws = torch.Generator().manual_seed(seed)
    logs = (2 * torch.randn(positions, 4, generator=draws)).log_softmax(-1)
    # Two letters back decide, and the last token of all ends a text.
    table = (2 * torch.randn(5, 5, 5, generator=draws)).log_softmax(-1).double()

    def writer(texts):
        padded = [(0, 0, *text)[-2:] for text in texts]
        return torch.stack([table[first, second] for first, second in padded])

    def said(text):
        framed = (0, 0, *text, 4)
        return sum(float(table[framed[n - 2], framed[n - 1], framed[n]]) for n in range(2, len(framed)))

    heard = texts_by_counting(logs.double())
    expected = {text: score + weight * said(text) + bonus * len(text) for text, score in heard.items()}
    found = prefix_beam(logs, 0, beams=10_000, likely=0, fusion=Fusion(writer, weight, bonus, end=4))
    assert {tuple(each.tokens): pytest.approx(each.score, abs=1e-5) for each in found} == expected
    assert found[0].score == pytest.approx(max(expected.values()), abs=1e-5)
