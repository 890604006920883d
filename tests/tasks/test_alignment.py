"""The cheapest way through a matrix, against all ways; and what leads there, against SciPy and Transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter as theirs
from tests.hub.published import TARGET, make, sound
from transformers.utils import ModelOutput

from langue.batch import Batch
from langue.tasks.transcribe.alignment import median_filter, token_positions, warp


def cheapest(costs: np.ndarray) -> float:
    """By going all ways."""

    def least(row: int, column: int) -> float:
        if row == column == 0:
            return costs[0, 0]
        before = [(row - 1, column - 1), (row - 1, column), (row, column - 1)]
        return costs[row, column] + min(least(*place) for place in before if min(place) >= 0)

    return least(costs.shape[0] - 1, costs.shape[1] - 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1), (4, 6), (6, 4), (5, 5)])
def test_the_way_is_the_cheapest(shape):
    costs = np.random.default_rng(sum(shape)).standard_normal(shape)
    rows, columns = warp(costs)
    assert (rows[0], columns[0], rows[-1], columns[-1]) == (0, 0, shape[0] - 1, shape[1] - 1)
    steps = set(zip(np.diff(rows), np.diff(columns), strict=True))
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    assert costs[rows, columns].sum() == pytest.approx(cheapest(costs))


def test_a_way_by_hand():
    costs = np.array([[0, 0, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 0, 0]], float)
    rows, columns = warp(costs)
    assert rows.tolist() == [0, 0, 1, 2, 2]
    assert columns.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("width", [3, 7])
@pytest.mark.parametrize("length", [2, 8, 30])
def test_medians_are_scipys(width, length):
    x = torch.randn(2, 3, length, generator=torch.Generator().manual_seed(0))
    expected = x if length <= width // 2 else torch.from_numpy(theirs(x.numpy(), (1, 1, width), mode="mirror"))
    torch.testing.assert_close(median_filter(x, width), expected)


@pytest.mark.parametrize("name", ["whisper", "whisper deep"])
def test_positions_are_those_of_transformers(name, tmp_path):
    from langue.hub import read_published
    from langue.nn.state import EncoderOutput

    their_model = make(name).double()
    their_model.set_attn_implementation("eager")
    with torch.no_grad():  # looks of random weights are all alike, unless they are made to differ
        for layer in their_model.model.decoder.layers:
            layer.encoder_attn.q_proj.weight.mul_(8)
            layer.encoder_attn.k_proj.weight.mul_(8)
    their_model.save_pretrained(tmp_path)
    ours = read_published(tmp_path).model.double()
    config = their_model.config
    heads = [
        (block, head) for block in range(config.decoder_layers) for head in range(0, config.decoder_attention_heads, 2)
    ]
    features = sound(config.num_mel_bins).double()
    with torch.inference_mode():
        said = their_model(features.mT, decoder_input_ids=TARGET, output_attentions=True)
        given = ModelOutput(cross_attentions=[said.cross_attentions], sequences=TARGET)
        expected = their_model._extract_token_timestamps(given, heads, num_input_ids=0)[:, :-1] / 0.02
        memory = ours.encode(Batch(TARGET, source=features))
        memory = EncoderOutput(memory.hidden, None, attention_weights=[])
        ours.write(Batch(TARGET), memory)
        looks = torch.stack([memory.attention_weights[block][:, head] for block, head in heads], 1)
        found = [token_positions(row, slice(None)) for row in looks]
    assert len({tuple(row) for row in found}) == len(TARGET)
    assert np.array(found).tolist() == expected.round().long().tolist()


def test_what_is_normalised_need_not_be_what_is_asked_for():
    looks = torch.rand(3, 9, 40, generator=torch.Generator().manual_seed(1))
    inner = token_positions(looks, slice(2, -1))
    assert len(inner) == 6
    assert inner[0] == 0
    assert (np.diff(inner) >= 0).all()
    # How much each row looks at all of them counts for nothing.
    np.testing.assert_array_equal(token_positions(7 * looks, slice(2, -1)), inner)
    # What every row looks at does not either.
    common = looks.clone() + 5 * torch.eye(40)[10]
    assert not (token_positions(common, slice(2, -1))[1:] == 10).all()
