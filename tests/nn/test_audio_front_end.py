"""The audio front end: so many positions for so many frames, whatever is longer beside them."""

import pytest
import torch

from langue.nn.audio_front_end import AudioFrontEnd, positions_of


def front_end(*strides: int) -> AudioFrontEnd:
    torch.manual_seed(0)
    module = AudioFrontEnd(5, 8, strides)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


@pytest.mark.parametrize("strides", [(2,), (1, 2), (2, 2), (2, 2, 2)])
def test_padding_is_not_heard(strides):
    convolve = front_end(*strides)
    features = [torch.randn(frames, 5) for frames in (1, 7, 8, 9, 30, 31)]
    lengths = torch.tensor([len(each) for each in features])
    # What stands in padding must not matter.
    padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True, padding_value=9.0)
    found, valid = convolve(padded, torch.arange(31) < lengths[:, None])
    assert valid.sum(1).tolist() == positions_of(lengths, strides).tolist()
    for row, each in enumerate(features):
        alone, nothing = convolve(each[None])
        assert nothing is None
        assert alone.shape[1] == positions_of(lengths[row], strides)
        torch.testing.assert_close(found[row, : alone.shape[1]], alone[0])


def test_a_position_hears_the_frames_around_it():
    convolve = front_end(2, 2)
    features = torch.randn(1, 40, 5, requires_grad=True)
    convolve(features)[0][0, 5].sum().backward()
    heard = (features.grad[0] != 0).any(-1).nonzero().flatten()
    assert heard.tolist() == list(range(17, 24))  # two convolutions of three, the second over every other frame
