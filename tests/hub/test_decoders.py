"""Decoders of every family write the very tokens that Transformers' generate writes, and learn from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.hub.published import CASES, IDS, LEFT, save, theirs_say

from langue.batch import Batch
from langue.engine import Engine, GenerationSettings, Request
from langue.hub import read_published
from langue.hub.write import write_published
from langue.objectives import Causal
from langue.training.algorithm import LossModule

LENGTH, END = 12, 0
DECODERS = [
    "gpt2",
    "llama biases",
    "mistral",
    "qwen3",
    "neox",
    "neox in turn",
    "olmo 2",
    "gemma 2",
    "gemma 3",
    "gemma 3 stretched",
]


def writer(name: str, folder: Path) -> Any:
    """A model of theirs whose texts vary in what they say."""
    theirs = save(name, folder)
    draws = torch.Generator().manual_seed(1)
    for place, parameter in theirs.named_parameters():
        if parameter.ndim == 2:
            is_table = any(part in place for part in ("embed", "wte", "wpe", "lm_head"))
            deviation = 0.3 if is_table else 2.0 * parameter.shape[1] ** -0.5
            parameter.copy_(deviation * torch.randn(parameter.shape, generator=draws))
    theirs.save_pretrained(folder)
    return theirs


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("name", DECODERS)
@torch.no_grad()
def test_the_same_texts(name: str, beams: int, tmp_path: Path) -> None:
    assert CASES[name][0].endswith(("LMHeadModel", "ForCausalLM"))
    theirs = writer(name, tmp_path)
    options = {"max_new_tokens": LENGTH, "do_sample": False, "num_beams": beams, "eos_token_id": END}
    options["no_repeat_ngram_size"] = 2
    ids = IDS.masked_fill(~LEFT, theirs.config.pad_token_id)
    rows = theirs.generate(ids, attention_mask=LEFT.long(), **options)[:, IDS.shape[1] :]
    settings = GenerationSettings(temperature=0.0, beams=beams, max_tokens=LENGTH, no_repeat_ngram=2)
    requests = [Request(row[keep].tolist(), settings, [END]) for row, keep in zip(IDS, LEFT, strict=True)]
    written = [hypotheses[0].tokens for hypotheses in Engine(read_published(tmp_path).model, settings).run(requests)]
    expected = [row[: row.index(END)] if END in row else row for row in rows.tolist()]
    assert [list(tokens) for tokens in written] == expected
    assert len({tuple(row) for row in expected}) == len(expected)


@pytest.mark.parametrize("name", ["neox", "olmo 2", "gemma 2", "gemma 3 stretched"])
def test_a_step_of_training_is_theirs(name: str, tmp_path: Path) -> None:
    """The same loss and, after a step down its slope, the same logits there and here."""
    theirs = save(name, tmp_path / "theirs").train()
    checkpoint = read_published(tmp_path / "theirs")
    targets = IDS[:, 1:]
    loss = theirs(IDS, labels=IDS).loss
    loss.backward()
    total, count, _ = LossModule(checkpoint.model, Causal())(Batch(IDS[:, :-1], targets=targets))
    torch.testing.assert_close(total / count, loss)
    (total / count).backward()
    with torch.no_grad():
        for model in (theirs, checkpoint.model):
            for parameter in model.parameters():
                parameter -= 0.5 * parameter.grad
        (tmp_path / "again").mkdir()
        write_published(checkpoint, tmp_path / "again")
        again = type(theirs).from_pretrained(tmp_path / "again").eval()
        torch.testing.assert_close(theirs_say(again), theirs_say(theirs.eval()), atol=1e-4, rtol=1e-4)
