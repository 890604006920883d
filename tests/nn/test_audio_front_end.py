"""The audio front ends: so many positions for so many frames or samples, whatever is longer beside them."""

import pytest
import torch

from langue.nn.audio_front_end import AudioFrontEnd, positions_of
from langue.nn.waveform_front_end import WaveformConfig, WaveformFrontEnd, waveform


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


def waves(norm: str, size: int) -> WaveformFrontEnd:
    torch.manual_seed(0)
    config = WaveformConfig(
        widths=(6, 8), sizes=(10, 3), strides=(5, 2), norm=norm, bias=True, position_size=size, position_groups=2
    )
    module = WaveformFrontEnd(config, 4, 1e-5)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


@pytest.mark.parametrize(("norm", "size"), [("first", 4), ("all", 5)])
def test_padding_is_not_heard_in_a_waveform(norm, size):
    convolve = waves(norm, size)
    assert convolve.config.least == 20
    sounds = [torch.randn(samples, 1) for samples in (20, 29, 30, 77, 200)]
    lengths = torch.tensor([len(sound) for sound in sounds])
    padded = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True, padding_value=9.0)
    x, valid = convolve(padded, torch.arange(200) < lengths[:, None])
    assert valid.sum(1).tolist() == convolve.config.positions(lengths).tolist() == [1, 1, 2, 6, 19]
    for row, sound in enumerate(sounds):
        alone, nothing = convolve(sound[None])
        assert nothing is None
        torch.testing.assert_close(x[row, : alone.shape[1]], alone[0])


def test_a_waveform_has_one_loudness_and_room_for_a_position():
    config = WaveformConfig(normalise=True)
    sound = torch.randn(5000)
    torch.testing.assert_close(waveform(sound * 0.01 + 3, config), waveform(sound, config), atol=1e-2, rtol=1e-2)
    assert waveform(sound[:7], config).shape == (config.least, 1) == (400, 1)
    assert torch.equal(waveform(sound, WaveformConfig(normalise=False))[:, 0], sound)
