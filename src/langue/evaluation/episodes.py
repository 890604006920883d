"""A policy measured by the rewards of an environment's episodes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from langue.environments import Episode, Policy, TextEnvironment, play
from langue.errors import LangueError
from langue.metrics.significance import as_mean, bootstrap, mean_of

EPISODES = 100
"""Episodes that are played where there is no end of them."""


def evaluate_episodes(
    policy: Policy,
    environment: TextEnvironment,
    *,
    episodes: int | None = None,
    seed: int = 0,
    together: int | None = None,
    watch: Callable[[Episode], Any] | None = None,
) -> dict[str, Any]:
    """The mean reward of episodes 0, 1, 2, … of a seed, with its interval of 95 % by bootstrap.

    Args:
        policy: who plays.
        environment: where.
        episodes: how many; None takes each that there is once, or 100 where there is no end.
        seed: of the episodes.
        together: as of `play`.
        watch: called with each as it ends.

    Returns:
        What `langue evaluate --json` prints, without the task: data, examples (and as many episodes), metrics,
        intervals, how many turns there were and how many episodes were truncated, why some `failed`, and seconds.

    Raises:
        LangueError: no episode is asked for, every one failed, or as of `play`.
    """
    if episodes is not None and episodes < 1:
        raise LangueError(f"{episodes} episodes have no mean; play 1 or more")
    begun = time.perf_counter()
    count = episodes or environment.size or EPISODES
    played = []
    for episode in play(environment, policy, range(count), seed=seed, together=together):
        played.append(episode)
        if watch is not None:
            watch(episode)
    played.sort(key=lambda episode: episode.number)
    whole = [episode for episode in played if not episode.fault]
    if not whole:
        raise LangueError(f"every episode of {environment.name} failed; the first: {played[0].fault}")
    interval = bootstrap(as_mean(np.array([episode.reward for episode in whole])), mean_of)
    return {
        "data": environment.name,
        "examples": len(whole),
        "episodes": len(whole),
        "metrics": {"reward": interval.score},
        "intervals": {"reward": [interval.low, interval.high]},
        "turns": sum(len(episode.turns) for episode in whole),
        "truncated": sum(episode.truncated for episode in whole),
        "failed": {f"episode {episode.number}": episode.fault for episode in played if episode.fault},
        "seconds": round(time.perf_counter() - begun, 3),
    }
