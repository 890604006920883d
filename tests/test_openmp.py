"""Threads sleep when they wait beside other programs, and nothing else changes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from langue import openmp

TASKS = Path("/proc/self/task")

pytestmark = pytest.mark.skipif(not TASKS.exists(), reason="looks into Linux's /proc")


def threads() -> int:
    return len(list(TASKS.iterdir()))


def test_the_work_of_others_is_theirs_alone():
    others = openmp.OtherPrograms()
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:  # of its own, which does not count
        pass
    before = others.look()
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.8)
        during = others.look()
    finally:
        busy.kill()
    # On cores that everything else wants too, it gets its share of them.
    assert during > 0.2
    assert 0 <= before <= others.cores


def test_what_this_process_computes_is_not_taken_for_the_work_of_others(monkeypatch):
    others = openmp.OtherPrograms()
    monkeypatch.setattr(others, "_read", lambda: (10.0, 1000, 7.0))
    others.look()
    monkeypatch.setattr(others, "_read", lambda: (12.0, 1000 + 3 * openmp.TICKS, 8.5))
    assert others.look() == pytest.approx(0.75)  # 3 seconds of work, 1.5 of them its own, in 2 seconds


@pytest.mark.skipif(openmp._library() is None, reason="another OpenMP than GNU's")
def test_a_crowd_comes_and_leaves():
    before = threads()
    crowd = openmp.Crowd(cores=3)
    assert threads() == before + 4  # a team of four, of which one is the thread that called it
    crowd.leave()
    for _ in range(100):
        if threads() == before:
            break
        time.sleep(0.02)
    assert threads() == before


def test_results_are_the_same_bits_in_a_crowd():
    left, right = (torch.randn(300, 300, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    expected = (left @ right).softmax(-1).sum(0)
    crowd = openmp.Crowd(cores=os.cpu_count() or 1)
    try:
        assert torch.equal((left @ right).softmax(-1).sum(0), expected)
    finally:
        crowd.leave()


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_what_the_user_has_settled_stays(monkeypatch, name):
    monkeypatch.setattr(openmp, "_threads", lambda: 2)
    for variable in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(variable, raising=False)
    assert openmp._can_watch() == (openmp._library() is not None)
    monkeypatch.setenv(name, "1")
    assert not openmp._can_watch()


def test_one_thread_waits_for_nobody(monkeypatch):
    monkeypatch.setattr(openmp, "_threads", lambda: 1)
    assert not openmp._can_watch()
