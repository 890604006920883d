"""Vectors of environments, in one process or in several, of which each plays episodes of its own by number."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv

from langue.environments.names import TOKENS, make


def make_vector(name: str, num_envs: int, *, processes: bool = False, **settings: Any) -> VectorEnv:
    """A vector of k environments, of which number i plays the episodes i, i + k, i + 2k, … of one seed.

    So which episode comes when in which place depends on nobody's speed, and all of them together play those that one
    environment plays alone.

    Args:
        name: as of `make`, or Langue/Tokens-v0.
        num_envs: k.
        processes: give each environment a process of its own.
        settings: of the environment's kind.

    Raises:
        LangueError: as of `make`.
    """
    makers = [partial(_member, name, worker=(number, num_envs), **settings) for number in range(num_envs)]
    return KeyedProcesses(makers, shared_memory=False) if processes else KeyedVector(makers)


def _member(name: str, **settings: Any) -> Any:
    return gymnasium.make(name, **settings) if name == TOKENS else make(name, **settings)


class _Keyed(VectorEnv):
    """One seed for all environments, and room for recordings of different lengths."""

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None) -> Any:
        seeds = [seed] * self.num_envs if isinstance(seed, int) else seed
        return super().reset(seed=seeds, options=options)  # type: ignore[arg-type]

    def _add_info(self, vector_infos: dict[str, Any], env_info: dict[str, Any], env_num: int) -> dict[str, Any]:
        arrays = {name: value for name, value in env_info.items() if isinstance(value, np.ndarray)}
        others = {name: value for name, value in env_info.items() if name not in arrays}
        for name, value in arrays.items():
            column = vector_infos.setdefault(name, np.full(self.num_envs, None, dtype=object))
            mask = vector_infos.setdefault(f"_{name}", np.zeros(self.num_envs, dtype=np.bool_))
            column[env_num], mask[env_num] = value, True
        return super()._add_info(vector_infos, others, env_num)


class KeyedVector(_Keyed, SyncVectorEnv):
    """Environments in this process, one after another."""


class KeyedProcesses(_Keyed, AsyncVectorEnv):
    """Environments in processes of their own."""
