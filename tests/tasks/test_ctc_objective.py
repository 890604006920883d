"""CTC: the sum over all ways to say a text, counted by hand; and recordings that change by their row's key alone."""

import itertools
import math

import numpy as np
import pytest
import torch

from langue.models import ModelConfig, build
from langue.models.audio_config import AudioConfig
from langue.randomness import RowRandomness, numpy_generator
from langue.tasks.transcribe.augment import change_sound
from langue.tasks.transcribe.ctc_objective import CTCObjective, needed_positions
from langue.tasks.transcribe.settings import TranscribeSettings
from langue.tasks.transcribe.sound import hear

AUDIO = AudioConfig(bins=20, strides=(2,))


def model(**fields):
    config = {"form": "encoder", "vocab_size": 4, "width": 16, "layers": 1, "heads": 2, "context": 64}
    config |= {"tie_embeddings": False, "audio": AUDIO, **fields}
    return build(ModelConfig(**config), seed=1)


def examples() -> list[dict]:
    draws = np.random.default_rng(0)
    lengths, targets = (800, 1500, 1130), ([2], [1, 1], [3, 2, 1])
    return [
        {"audio": (draws.standard_normal(length) * 3000).astype(np.int16), "target": target}
        for length, target in zip(lengths, targets, strict=True)
    ]


def by_hand(logs: torch.Tensor, target: list[int]) -> float:
    """−log of the probability of all paths that say the target."""
    total = -math.inf
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        said = [token for token, _ in itertools.groupby(path) if token != 0]
        if said == target:
            total = np.logaddexp(total, sum(float(logs[place, token]) for place, token in enumerate(path)))
    return -total


@pytest.mark.parametrize("mixer", ["attention", "lstm", "gru"])
def test_the_loss_is_the_sum_over_all_ways_to_say_a_text(mixer):
    hears = model(mixer=mixer, position="none")
    ctc = CTCObjective(AUDIO, blank=0)
    batch = ctc.batch(examples())
    found = ctc.loss(hears, batch)
    logs = ctc.log_probabilities(hears, batch).detach().double()
    lengths = ctc.lengths(batch).tolist()
    assert lengths == [3, 5, 4]
    expected = [by_hand(logs[row, : lengths[row]], each["target"]) for row, each in enumerate(examples())]
    assert found.total.item() == pytest.approx(sum(expected), rel=1e-5)
    assert found.count.item() == 6
    # Beside longer ones a recording is what it is alone.
    alone = [ctc.loss(hears, ctc.batch([each])).total.item() for each in examples()]
    assert alone == pytest.approx(expected, rel=1e-4)


def test_a_text_without_room_counts_nothing_and_says_how_much_it_needs():
    target = [1, 1, 2, 2]
    assert needed_positions(target) == 6
    assert needed_positions([]) == 0
    hears, ctc = model(), CTCObjective(AUDIO, blank=0)
    batch = ctc.batch([{"audio": examples()[1]["audio"], "target": target}])
    assert ctc.lengths(batch).item() == 5
    loss = ctc.loss(hears, batch).total
    loss.backward()
    assert loss.item() == 0
    assert all(parameter.grad.isfinite().all() for parameter in hears.parameters())


def test_what_changes_a_recording_depends_on_its_row_alone():
    settings = TranscribeSettings(gain=6, noise=0.1, bin_mask=6, time_mask=0.4)
    ctc = CTCObjective(AUDIO, 0, settings)
    whole = ctc.batch(examples(), RowRandomness(7, 10))
    again = ctc.batch(examples()[1:], RowRandomness(7, 11))
    frames = again.source.shape[1]
    torch.testing.assert_close(whole.source[1:, :frames], again.source)
    other = ctc.batch(examples(), RowRandomness(8, 10))
    assert whole.source.shape != other.source.shape or not torch.equal(whole.source, other.source)
    plain = ctc.batch(examples())
    torch.testing.assert_close(plain.source, CTCObjective(AUDIO, 0).batch(examples(), RowRandomness(7, 10)).source)


def test_a_faster_recording_is_shorter_and_higher():
    seconds = 16_000
    wave = np.sin(2 * np.pi * 400 * np.arange(seconds) / seconds).astype(np.float32)
    settings = TranscribeSettings(speed=0.2)
    for key in range(5):
        found = change_sound(wave, settings, numpy_generator("other"), numpy_generator(key))
        factor = len(wave) / len(found)
        assert 0.8 <= factor <= 1.21
        spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
        assert spectrum.argmax() * seconds / len(found) == pytest.approx(400 * factor, rel=0.01)


def test_neighbours_keep_one_length():
    audio = np.ones(16_000, np.int16)
    rows = [{"audio": audio}] * 150
    lengths = hear(rows, AUDIO, TranscribeSettings(speed=0.2), RowRandomness(3, 50)).samples
    blocks = [lengths[:14], lengths[14:78], lengths[78:142], lengths[142:]]
    assert [len(set(block)) for block in blocks] == [1, 1, 1, 1]
    assert len(set(lengths)) == 4
    part = hear(rows[20:], AUDIO, TranscribeSettings(speed=0.2), RowRandomness(3, 70)).samples
    assert part == lengths[20:]


def test_noise_is_white_and_as_loud_as_drawn():
    silent, tone = np.zeros(1 << 16, np.float32), np.sin(np.arange(1 << 16), dtype=np.float32)
    settings = TranscribeSettings(speed=0, gain=0, noise=0.3)
    assert not change_sound(silent, settings, numpy_generator(0), numpy_generator(0)).any()
    shares = []
    for key in range(20):
        noise = change_sound(tone, settings, numpy_generator(key), numpy_generator(key)) - tone
        draws = numpy_generator(key)
        shares.append(float(noise.std() / tone.std()))
        assert shares[-1] == pytest.approx(0.3 * draws.uniform(), rel=0.01)
        assert abs(noise.mean()) < 0.01 * noise.std()
        bands = (np.abs(np.fft.rfft(noise)) ** 2)[1:].reshape(8, -1).mean(1)
        assert bands.max() / bands.min() < 1.15
    assert max(shares) > 0.25


def test_masks_hide_no_more_than_they_may():
    settings = TranscribeSettings(speed=0, time_masks=1, time_mask=0.25, bin_masks=1, bin_mask=4)
    ctc, plain = CTCObjective(AUDIO, 0, settings), CTCObjective(AUDIO, 0)
    audio = (np.random.default_rng(1).standard_normal(16_000) * 3000).astype(np.int16)
    seen = set()
    for row in range(40):
        found = ctc.batch([{"audio": audio, "target": [1]}], RowRandomness(0, row)).source[0]
        changed = found != plain.batch([{"audio": audio, "target": [1]}]).source[0]
        rows, columns = int(changed.all(1).sum()), int(changed.all(0).sum())
        assert rows <= 25
        assert columns <= 4
        assert changed.sum() == rows * 20 + columns * 100 - rows * columns
        seen |= {("rows", rows), ("columns", columns)}
    assert {("rows", 0), ("columns", 4)} <= seen | {("rows", 0)}
    assert len(seen) > 10
