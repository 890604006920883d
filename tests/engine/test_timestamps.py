"""Times in texts, by the rules of Transformers' own processor."""

import pytest
import torch
from torch.nn.functional import pad
from transformers import GenerationConfig
from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor

from langue.engine.processors import NOTHING
from langue.engine.timestamps import Timestamps

END, FIRST, SIZE = 10, 14, 40
PROMPT = [11, 12]


def processor() -> WhisperTimeStampLogitsProcessor:
    told = GenerationConfig(eos_token_id=END, no_timestamps_token_id=FIRST - 1, max_initial_timestamp_index=6)
    return WhisperTimeStampLogitsProcessor(told, begin_index=len(PROMPT))


def texts(length: int) -> torch.Tensor:
    """Texts that obey the rules so far, grown by the rules themselves."""
    draws = torch.Generator().manual_seed(length)
    rows = torch.tensor([PROMPT] * 60)
    for _ in range(length):
        scores = processor()(rows, ban(3 * torch.randn(60, SIZE, generator=draws)))
        rows = torch.cat([rows, torch.multinomial(scores.softmax(-1), 1, generator=draws)], 1)
    return rows[(rows[:, len(PROMPT) :] != END).all(1)]


def ban(logits: torch.Tensor) -> torch.Tensor:
    """Without the tokens between the end and the first time, which nobody may say."""
    logits[:, END + 1 : FIRST] = float("-inf")
    return logits


@pytest.mark.parametrize("length", range(8))
def test_what_may_come_is_what_theirs_lets_come(length):
    rows = texts(length)
    assert len(rows) > 5
    logits = ban(3 * torch.randn(len(rows), SIZE, generator=torch.Generator().manual_seed(99)))
    logs = logits.log_softmax(-1)
    expected = processor()(rows, logs.clone()).log_softmax(-1)
    found = Timestamps(FIRST, END, latest_start=6)(logs, rows, torch.full((len(rows),), length))
    assert torch.equal(found.isinf(), expected.isinf())
    torch.testing.assert_close(found, expected)
    assert found.exp().sum(-1) == pytest.approx(1, abs=1e-5)


def test_rows_may_have_come_less_far_than_others():
    rows = [texts(length)[:6] for length in (5, 0, 1, 2)]
    logs = ban(3 * torch.randn(24, SIZE, generator=torch.Generator().manual_seed(99))).log_softmax(-1)
    rule, written = Timestamps(FIRST, END, latest_start=6), torch.tensor([5, 0, 1, 2]).repeat_interleave(6)
    padded = torch.cat([pad(each, (rows[0].shape[1] - each.shape[1], 0), value=NOTHING) for each in rows])
    together = rule(logs, padded, written).split(6)
    for each, part, count, found in zip(rows, logs.split(6), written.split(6), together, strict=True):
        torch.testing.assert_close(found, rule(part, each, count))
