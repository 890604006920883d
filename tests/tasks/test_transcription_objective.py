"""Rows of speech to text by an encoder–decoder: what is read, what is asked, and when a recording ends."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from langue.batch import IGNORE
from langue.models import ModelConfig, build
from langue.models.audio_config import AudioConfig
from langue.randomness import RowRandomness
from langue.tasks.transcribe.seq2seq_objective import TranscriptionObjective
from langue.tasks.transcribe.settings import TranscribeSettings

AUDIO = AudioConfig(features="whisper", bins=16, strides=(2,))
PROMPT, END, FIRST = [3, 4], 2, 20


def model():
    config = ModelConfig(
        form="seq2seq", vocab_size=90, width=16, layers=1, heads=2, context=24, encoder={"context": 64}, audio=AUDIO,
    )  # fmt: skip
    return build(config, seed=0)


def examples() -> list[dict]:
    draws = np.random.default_rng(0)
    return [
        {"audio": (draws.standard_normal(samples) * 3000).astype(np.int16), "target": target}
        for samples, target in ((3200, [5, 6, 7]), (6400, [8]))
    ]


def test_the_prompt_is_read_and_not_asked():
    batch = TranscriptionObjective(AUDIO, PROMPT, END).batch(examples())
    assert batch.ids.tolist() == [[3, 4, 5, 6, 7], [3, 4, 8, 3, 3]]
    assert batch.targets.tolist() == [[IGNORE, 5, 6, 7, END], [IGNORE, 8, END, IGNORE, IGNORE]]
    assert batch.source.shape == (2, 40, 16)
    assert batch.source_valid.sum(1).tolist() == [20, 40]


def test_a_window_frames_a_text_by_the_times_of_its_recording():
    dictation = TranscriptionObjective(AUDIO, PROMPT, END, window=4800, times=(FIRST, 320))
    batch = dictation.batch(examples())
    assert batch.targets[0].tolist() == [IGNORE, FIRST, 5, 6, 7, FIRST + 10, END]
    # A recording longer than its window ends with it.
    assert batch.targets[1].tolist() == [IGNORE, FIRST, 8, FIRST + 15, END, IGNORE, IGNORE]
    assert batch.source.shape == (2, 30, 16)
    assert batch.source_valid is None
    # Played at another speed, it ends at another time.
    faster = TranscriptionObjective(
        AUDIO, PROMPT, END, TranscribeSettings(speed=0.4), window=16_000, times=(FIRST, 320)
    )
    ends = {int(faster.batch(examples()[:1], RowRandomness(seed, 0)).targets[0, -2]) for seed in range(20)}
    assert len(ends) > 4
    assert ends <= set(range(FIRST + 7, FIRST + 18))


def test_the_loss_is_that_of_each_token_and_no_neighbour_matters():
    hears, dictation = model(), TranscriptionObjective(AUDIO, PROMPT, END)
    batch = dictation.batch(examples())
    found = dictation.loss(hears, batch)
    logits = hears(batch)
    expected = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE, reduction="sum")
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.count.item() == 6
    alone = sum(dictation.loss(hears, dictation.batch([each])).total.item() for each in examples())
    assert alone == pytest.approx(expected.item(), rel=1e-4)
    assert torch.isfinite(found.total)


def test_a_model_with_a_ctc_head_learns_both():
    audio = AudioConfig(features="whisper", bins=16, strides=(2,), ctc=True)
    config = ModelConfig(
        form="seq2seq", vocab_size=90, width=16, layers=1, heads=2, context=24, encoder={"context": 64}, audio=audio,
    )  # fmt: skip
    hears, settings = build(config, seed=0), TranscribeSettings(ctc_weight=0.25)
    joint = TranscriptionObjective(audio, [3], END, settings, blank=0)
    batch = joint.batch(examples())
    found = joint.loss(hears, batch)
    dictated = TranscriptionObjective(audio, [3], END, settings).loss(hears, batch)
    logs = hears.ctc_head(hears.encode(batch).hidden).log_softmax(-1)
    spelt = sum(
        F.ctc_loss(logs[row, :length, None], torch.tensor([each["target"]]), [length], [len(each["target"])])
        * len(each["target"])
        for row, (each, length) in enumerate(zip(examples(), (10, 20), strict=True))
    )
    assert found.total.item() == pytest.approx(0.75 * dictated.total.item() + 0.25 * spelt.item(), rel=1e-5)
    assert found.count == dictated.count
    found.total.backward()
    assert hears.ctc_head.table.weight.grad.abs().sum() > 0
