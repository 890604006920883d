"""Schedules by values worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langue.train.schedule import learning_rate_factor
from langue.train.settings import TrainingSettings


def factor(schedule, step, progress, **changes):
    fields = {"schedule": schedule, "warmup_steps": 0, "final_share": 0.1, "decay_share": 0.2}
    return learning_rate_factor(TrainingSettings(**{**fields, **changes}), step, progress)


@pytest.mark.parametrize(
    ("schedule", "step", "progress", "expected"),
    [
        ("constant", 7, 0.9, 1.0),
        ("linear", 0, 0.0, 1.0),
        ("linear", 0, 0.5, 0.55),
        ("linear", 0, 1.0, 0.1),
        ("cosine", 0, 0.0, 1.0),
        ("cosine", 0, 1 / 3, 0.1 + 0.9 * 0.75),
        ("cosine", 0, 0.5, 0.55),
        ("cosine", 0, 1.0, 0.1),
        ("wsd", 0, 0.8, 1.0),
        ("wsd", 0, 0.9, 0.55),
        ("wsd", 0, 1.0, 0.1),
        ("inverse_sqrt", 0, 0.0, 1.0),
        ("inverse_sqrt", 399, 0.0, 0.05),
    ],
)
def test_values(schedule, step, progress, expected):
    assert factor(schedule, step, progress) == pytest.approx(expected)


def test_inverse_square_root_begins_to_fall_when_the_warm_up_ends():
    assert factor("inverse_sqrt", 99, 0.5, warmup_steps=100) == pytest.approx(1.0)
    assert factor("inverse_sqrt", 399, 0.5, warmup_steps=100) == pytest.approx(0.5)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "wsd", "inverse_sqrt"])
def test_warm_up_rises_from_the_first_step_to_the_whole(schedule):
    found = [factor(schedule, step, 0.0, warmup_steps=4) for step in range(5)]
    assert found[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])


@given(
    st.sampled_from(["constant", "linear", "cosine", "wsd", "inverse_sqrt"]),
    st.integers(0, 10**6),
    st.floats(0, 2),
    st.integers(0, 1000),
    st.floats(0, 1),
    st.floats(0.01, 1),
)
def test_a_factor_is_a_share(schedule, step, progress, warmup, final, decay):
    changes = {"warmup_steps": warmup, "final_share": final, "decay_share": decay}
    assert 0 <= factor(schedule, step, progress, **changes) <= 1 + 1e-12


def test_warming_up_for_a_share_of_the_training():
    settings = TrainingSettings(schedule="constant", warmup_share=0.2, steps=100)
    factors = [learning_rate_factor(settings, step, step / 100) for step in range(100)]
    assert 0 < factors[0] < factors[1]
    assert factors[1:20] == pytest.approx([(step + 1) / 20 for step in range(1, 20)])
    assert set(factors[20:]) == {1.0}
