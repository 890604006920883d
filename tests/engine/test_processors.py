"""Filters against Transformers' logit processors, on random and on tied logits."""

import pytest
import torch
from transformers.generation import logits_process as reference

from langue.engine import GenerationSettings, processors


@pytest.fixture(params=[0, 1, 2])
def logits(request):
    generator = torch.Generator().manual_seed(request.param)
    drawn = torch.randn(4, 50, generator=generator) * 3
    return drawn.round(decimals=1) if request.param == 2 else drawn  # rounding makes ties


@pytest.mark.parametrize("value", [0.3, 1.0, 2.5])
def test_temperature(logits, value):
    torch.testing.assert_close(
        processors.temperature(logits, value), reference.TemperatureLogitsWarper(value)(None, logits)
    )


@pytest.mark.parametrize("count", [1, 5, 50, 80])
def test_top_k(logits, count):
    expected = reference.TopKLogitsWarper(count)(None, logits)
    torch.testing.assert_close(processors.top_k(logits, count), expected)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_top_p(share):
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(5)) * 2
    expected = reference.TopPLogitsWarper(share)(None, logits)
    torch.testing.assert_close(processors.top_p(logits, share), expected)


def test_top_p_of_everything_keeps_everything():
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(6))
    assert torch.equal(processors.top_p(logits, 1.0), logits)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_min_p(logits, share):
    expected = reference.MinPLogitsWarper(share)(None, logits)
    torch.testing.assert_close(processors.min_p(logits, share), expected)


@pytest.mark.parametrize("penalty", [0.5, 1.3])
def test_repetition_penalty(logits, penalty):
    texts = torch.randint(50, (4, 7), generator=torch.Generator().manual_seed(9))
    expected = reference.RepetitionPenaltyLogitsProcessor(penalty)(texts, logits)
    torch.testing.assert_close(processors.repetition_penalty(logits, texts, penalty), expected)


def test_all_together_are_transformers_in_its_order(logits):
    settings = GenerationSettings(temperature=0.7, top_k=20, top_p=0.9, min_p=0.05, repetition_penalty=1.2)
    texts = torch.randint(50, (4, 7), generator=torch.Generator().manual_seed(9))
    expected = logits
    for step in (
        reference.RepetitionPenaltyLogitsProcessor(1.2),
        reference.TemperatureLogitsWarper(0.7),
        reference.TopKLogitsWarper(20),
        reference.TopPLogitsWarper(0.9),
        reference.MinPLogitsWarper(0.05),
    ):
        expected = step(texts, expected)
    torch.testing.assert_close(processors.processed(logits, texts, settings), expected)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_no_repeat_ngram(size):
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(40, 6, generator=generator)
    texts = torch.randint(6, (40, 8), generator=generator)
    expected = reference.NoRepeatNGramLogitsProcessor(size)(texts, logits)
    found = processors.no_repeat_ngram(logits, texts, size)
    torch.testing.assert_close(found, expected)
    assert size > 2 or bool(found.isinf().any())


@pytest.mark.parametrize(
    ("step", "value"),
    [("no_repeat_ngram", 1), ("no_repeat_ngram", 2), ("no_repeat_ngram", 3), ("repetition_penalty", 2)],
)
def test_a_shorter_text_beside_longer_ones_is_as_if_alone(step, value):
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(8, 3, generator=generator)
    texts = torch.randint(3, (8, 8), generator=generator)
    for row in range(8):
        texts[row, :row] = processors.NOTHING
    apply = getattr(processors, step)
    found = apply(logits, texts, value)
    for row in range(8):
        alone = apply(logits[row : row + 1], texts[row : row + 1, row:], value)
        torch.testing.assert_close(found[row : row + 1], alone)


def test_nothing_in_front_of_a_text_rules_out_no_token():
    logits, texts = torch.zeros(2, 5), torch.tensor([[0, 1, 2], [processors.NOTHING, processors.NOTHING, 2]])
    found = processors.no_repeat_ngram(logits, texts, 1).isinf()
    assert found.tolist() == [[True, True, True, False, False], [False, False, True, False, False]]


def test_a_forced_token_is_the_only_one(logits):
    found = processors.forced(logits, torch.tensor([5, processors.NOTHING, 0, 49]))
    assert found.argmax(-1)[[0, 2, 3]].tolist() == [5, 0, 49]
    assert torch.equal(found[1], logits[1])
    assert found.isfinite().sum(-1).tolist() == [1, 50, 1, 1]
    assert found[0, 5] == logits[0, 5]
