"""The place of this process among those that train as one, as torchrun or Slurm's srun says in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

PORTS = range(15000, 30000)
"""Ports at which the processes of a step of Slurm's meet: below those that systems give to programs by themselves."""


@dataclass(frozen=True)
class Launch:
    """A group of processes and this one's place in it.

    Attributes:
        rank: number of this process, 0 … world − 1.
        world: number of processes.
        local_rank: number of this process among those of its machine.
        machines: how many there are.
        launcher: the beginning of a command line that starts such a group.
        meeting: the URL at which PyTorch lets the processes find each other.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    machines: int = 1
    launcher: tuple[str, ...] = ("langue",)
    meeting: str = "env://"


def launch(environment: Mapping[str, str] = os.environ) -> Launch:
    """The group that was started: torchrun's where its variables are there, else that of a step of Slurm's."""
    if "WORLD_SIZE" in environment:
        return _by_torchrun(environment)
    if _tasks(environment) > 1:
        return _by_srun(environment)
    return Launch()


def _by_torchrun(environment: Mapping[str, str]) -> Launch:
    world = int(environment["WORLD_SIZE"])
    if world == 1:
        return Launch()
    machines = world // int(environment.get("LOCAL_WORLD_SIZE", world))
    launcher = ["torchrun", f"--nproc-per-node={world // machines}"]
    if machines > 1:
        launcher += [f"--nnodes={machines}", f"--master-addr={environment['MASTER_ADDR']}"]
    rank, local = int(environment.get("RANK", "0")), int(environment.get("LOCAL_RANK", "0"))
    return Launch(rank, world, local, machines, (*launcher, "-m", "langue"))


def _by_srun(environment: Mapping[str, str]) -> Launch:
    world, hosts = (
        _tasks(environment),
        _first(environment, "SLURM_STEP_NODELIST", "SLURM_NODELIST", default="localhost"),
    )
    machines = int(_first(environment, "SLURM_STEP_NUM_NODES", "SLURM_NNODES", default="1"))
    address = environment.get("MASTER_ADDR") or first_host(hosts)
    step = int(environment.get("SLURM_JOB_ID", "0")) + 7919 * int(environment.get("SLURM_STEP_ID", "0"))
    port = environment.get("MASTER_PORT") or str(PORTS[step % len(PORTS)])
    launcher = ("srun", f"--nodes={machines}", f"--ntasks={world}", "langue")
    rank, local = int(environment["SLURM_PROCID"]), int(environment.get("SLURM_LOCALID", "0"))
    return Launch(rank, world, local, machines, launcher, f"tcp://{address}:{port}")


def _tasks(environment: Mapping[str, str]) -> int:
    """Number of processes of a step of Slurm's. The script of a batch job is one, however many its steps will have."""
    if "SLURM_PROCID" not in environment:
        return 1
    is_script = environment.get("ENVIRONMENT") == "BATCH"
    return int(environment.get("SLURM_STEP_NUM_TASKS") or ("1" if is_script else environment.get("SLURM_NTASKS", "1")))


def _first(environment: Mapping[str, str], *names: str, default: str) -> str:
    """The first of several variables that is there."""
    return next((environment[name] for name in names if environment.get(name)), default)


def first_host(hosts: str) -> str:
    """The first name of a list as Slurm writes it: of "rack[2-3]node[01-16,20],login" it is "rack2node01"."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", hosts)
    assert first is not None
    return re.sub(r"\[([^-,\]]*)[^\]]*\]", r"\1", first[0])
