"""Heads that judge: what stands for a text, wherever its padding is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from langue.batch import Batch
from langue.models import ModelConfig, build
from langue.nn.heads import Classifier, pool


@given(st.integers(1, 5), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["first", "last", "mean"]))
def test_padding_on_either_side_changes_no_vector(length: int, left: int, right: int, pooling: str) -> None:
    text = torch.randn(1, length, 4)
    row = torch.cat([torch.randn(1, left, 4), text, torch.randn(1, right, 4)], 1)
    valid = torch.tensor([[False] * left + [True] * length + [False] * right])
    expected = {"first": text[:, 0], "last": text[:, -1], "mean": text.mean(1)}[pooling]
    torch.testing.assert_close(pool(row, valid, pooling), expected)  # type: ignore[arg-type]
    torch.testing.assert_close(pool(text, None, pooling), expected)  # type: ignore[arg-type]


def test_dense_then_output_is_as_by_hand() -> None:
    head = Classifier(4, 3, level="position", pooling="first", dense="tanh", bias=True, dropout=0.0)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 5, 4)
    dense, output = head.dense.linear, head.output
    expected = torch.tanh(x @ dense.weight.T + dense.bias) @ output.weight.T + output.bias
    torch.testing.assert_close(head(x, None), expected)


def test_the_dense_layer_may_be_normed() -> None:
    norm = torch.nn.LayerNorm(4, bias=False)
    options = {"dense": "gelu", "dense_bias": False, "norm": norm, "bias": True, "dropout": 0.0}
    head = Classifier(4, 3, level="text", pooling="first", **options)  # type: ignore[arg-type]
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 5, 4)
    assert head.dense.linear.bias is None
    inside = norm(torch.nn.functional.gelu(x[:, 0] @ head.dense.linear.weight.T))
    torch.testing.assert_close(head(x, None), inside @ head.output.weight.T + head.output.bias)


@pytest.mark.parametrize("form", ["decoder", "encoder"])
def test_segments_add_their_vector_and_none_means_the_first(form: str) -> None:
    config = ModelConfig(form=form, vocab_size=11, width=8, heads=2, layers=1, context=8, segments=2)
    model = build(config)
    ids = torch.randint(11, (2, 4))
    zeros = torch.zeros_like(ids)
    assert torch.equal(model(Batch(ids)), model(Batch(ids, segments=zeros)))
    expected = model.embedding(ids) + model.segment.table.weight[1]
    assert torch.equal(model.embed(ids, zeros + 1), expected)
    assert not torch.equal(model(Batch(ids)), model(Batch(ids, segments=zeros + 1)))
