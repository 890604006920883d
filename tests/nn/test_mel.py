"""Features of sound: Whisper's to its own extractor's digits, and filterbanks that do not notice loudness."""

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank

from langue.nn.mel import frames_of, levels_of, log_mel, mel_filters


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness and pitch wander, with a silence in it."""
    draws = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16_000)) / 16_000
    wave = np.sin(2 * np.pi * (200 + 900 * time) * time) * (0.5 + 0.5 * np.sin(3 * time))
    wave += 0.05 * draws.standard_normal(len(time))
    wave[len(wave) // 2 : len(wave) // 2 + 3000] = 0
    return wave.astype(np.float32)


@pytest.mark.parametrize("bins", [80, 128])
def test_whispers_features(bins):
    wave = sound(3.3)
    theirs = WhisperFeatureExtractor(feature_size=bins)(wave, sampling_rate=16_000, return_tensors="np").input_features
    ours = log_mel(torch.from_numpy(np.pad(wave, (0, 480_000 - len(wave)))), "whisper", bins)
    np.testing.assert_allclose(ours.T.numpy(), theirs[0], atol=1e-4)


@pytest.mark.parametrize("bins", [23, 80, 128])
def test_mel_filters(bins):
    theirs = mel_filter_bank(201, bins, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(mel_filters(bins).numpy(), theirs.T, atol=1e-7)


def test_a_filterbank_does_not_notice_loudness():
    wave = torch.from_numpy(sound(2.0))
    found = log_mel(wave, "filterbank", 40)
    assert found.mean().item() == pytest.approx(0, abs=1e-4)
    assert found.std(correction=0).item() == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(log_mel(0.1 * wave, "filterbank", 40), found, atol=1e-4, rtol=0)
    assert (log_mel(wave.flip(0), "filterbank", 40) - found).abs().mean() > 0.1


@pytest.mark.parametrize("samples", [1, 159, 160, 399, 400, 401, 16_000, 16_159])
def test_frames_are_counted_as_they_come(samples):
    found = log_mel(torch.from_numpy(sound(2.0)[:samples]), "whisper", 80)
    assert found.shape == (frames_of(samples), 80)
    assert found.isfinite().all()


def test_levels_are_those_of_each_bin_over_all_frames():
    loud, soft = torch.from_numpy(sound(2.0)), 0.1 * torch.from_numpy(sound(1.0, seed=1))
    levels = levels_of([loud, soft], 40)
    found = torch.cat([log_mel(each, "filterbank", 40, levels) for each in (loud, soft)])
    torch.testing.assert_close(found.mean(0), torch.zeros(40), atol=2e-3, rtol=0)
    torch.testing.assert_close(found.std(0, correction=0), torch.ones(40), atol=2e-3, rtol=0)
    # By numbers that are not its own, a softer recording stays a softer one.
    lower = (log_mel(0.1 * loud, "filterbank", 40, levels) - log_mel(loud, "filterbank", 40, levels)) * torch.tensor(
        [deviation for _, deviation in levels]
    )
    torch.testing.assert_close(lower, torch.full_like(lower, -2 * np.log(10)), atol=1e-2, rtol=0)


def test_silence_has_levels_too():
    levels = levels_of([torch.zeros(8000)], 20)
    assert log_mel(torch.zeros(8000), "filterbank", 20, levels).abs().max() < 1e-2
    assert log_mel(torch.from_numpy(sound(1.0)), "filterbank", 20, levels).isfinite().all()
    assert levels_of([], 20) == ()
