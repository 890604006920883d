"""Schedules by values worked out by hand, by their properties, and against Transformers'."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from transformers import get_scheduler

from langue.training.schedule import learning_rate_factor
from langue.training.settings import TrainingSettings


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
    assert factors[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert set(factors[20:]) == {1.0}


SCHEDULES = ["constant", "linear", "cosine", "wsd", "inverse_sqrt"]


def course(steps, progress=None, **changes):
    """The factors of a whole training, whose budget is used up evenly unless said otherwise."""
    fields = {"steps": None if progress else steps, "seconds": 1.0 if progress else None, **changes}
    settings = TrainingSettings(**fields)
    progress = progress or [step / steps for step in range(steps)]
    return [learning_rate_factor(settings, step, done) for step, done in enumerate(progress)]


def check_course(found, schedule):
    """It rises to 1 and, from there on, falls or stays."""
    assert max(found) == pytest.approx(1.0, abs=1e-9)
    peak = max(step for step, factor in enumerate(found) if factor >= 1 - 1e-9)
    assert all(now <= then + 1e-9 for now, then in pairwise(found[: peak + 1]))
    assert all(now >= then - 1e-9 for now, then in pairwise(found[peak:]))
    assert schedule != "constant" or found[peak:] == [1.0] * len(found[peak:])
    assert all(0 <= factor <= 1 + 1e-9 for factor in found)


@given(
    st.sampled_from(SCHEDULES), st.integers(2, 300), st.integers(0, 99), st.floats(0, 1), st.floats(0.01, 1)
)  # fmt: skip
def test_the_end_of_warm_up_is_the_peak_in_steps_and_in_shares(schedule, steps, percent, final, decay):
    warmup = steps * percent // 100
    changes = {"schedule": schedule, "final_share": final, "decay_share": decay}
    by_steps = course(steps, warmup_steps=warmup, **changes)
    check_course(by_steps, schedule)
    assert by_steps[max(0, warmup - 1)] == pytest.approx(1.0)
    assert by_steps[:warmup] == pytest.approx([(step + 1) / warmup for step in range(warmup)])
    if warmup:
        by_share = course(steps, warmup_share=warmup / steps, **changes)
        assert by_share == pytest.approx(by_steps, abs=1e-9)
        check_course(by_share, schedule)


@given(st.sampled_from(SCHEDULES), st.integers(1, 300), st.floats(0.001, 0.99))
def test_a_share_that_is_no_whole_number_of_steps_reaches_its_peak_as_well(schedule, steps, share):
    factors = course(steps, schedule=schedule, warmup_share=share)
    check_course(factors, schedule)
    assert factors[min(steps, math.ceil(share * steps)) - 1] == pytest.approx(1.0)


@given(st.sampled_from(SCHEDULES), st.lists(st.floats(0.1, 10), min_size=2, max_size=100), st.floats(0, 0.9))
def test_after_warm_up_it_only_falls_however_unevenly_time_goes(schedule, durations, share):
    total = sum(durations)
    progress = [sum(durations[:step]) / total for step in range(len(durations))]
    warmup = int(share * len(durations))
    check_course(course(0, progress, schedule=schedule, warmup_steps=warmup), schedule)
    if share > 0.01:
        found = course(0, progress, schedule=schedule, warmup_share=share)
        after = [factor for factor, done in zip(found, progress, strict=True) if done >= share]
        assert all(now >= then - 1e-9 for now, then in pairwise(after))


def test_inverse_square_root_reaches_its_peak_when_a_share_warms_up():
    found = course(10_000, schedule="inverse_sqrt", warmup_share=0.1)
    assert found[999] == pytest.approx(1.0)
    assert found[3999] == pytest.approx(0.5)


THEIRS = {
    "cosine": "cosine",
    "linear": "linear",
    "wsd": "warmup_stable_decay",
    "inverse_sqrt": "inverse_sqrt",
    "constant": "constant_with_warmup",
}


@pytest.mark.parametrize(("schedule", "theirs"), THEIRS.items())
@pytest.mark.parametrize("warmup", [0, 7])
def test_it_is_what_transformers_has(schedule, theirs, warmup):
    """They count the steps that are over, so that their first is lost at a rate of 0; ours, while it rises, counts the
    one under way. The inverse square root, which has no end, counts so throughout, as its paper does."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    special = {
        "wsd": {"num_decay_steps": 20, "decay_type": "linear", "min_lr_ratio": 0.0},
        "inverse_sqrt": {"timescale": warmup or 1},
    }.get(schedule)
    scheduler = get_scheduler(theirs, optimizer, warmup, 100, special)
    expected = []
    for _ in range(101):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    found = course(100, schedule=schedule, warmup_steps=warmup, final_share=0.0, decay_share=0.2)
    assert found[:warmup] == pytest.approx(expected[1 : warmup + 1])
    later = 1 if schedule == "inverse_sqrt" and warmup else 0
    assert found[warmup:] == pytest.approx(expected[warmup + later : 100 + later], abs=1e-9)


def test_half_a_cosine_is_torchs():
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, eta_min=0.1)
    for factor in course(50, schedule="cosine", warmup_steps=0, final_share=0.1):
        assert math.isclose(factor, scheduler.get_last_lr()[0], rel_tol=1e-9)
        optimizer.step()
        scheduler.step()
