"""The place of a process in its group, by torchrun's variables or by Slurm's."""

import pytest

from langue.parallel.launch import PORTS, Launch, first_host, launch

STEP = {
    "SLURM_JOB_ID": "4242", "SLURM_STEP_ID": "0", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_NTASKS": "8",
    "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NODELIST": "gpu[07,11-12]",
    "SLURM_NODELIST": "gpu[03,07,11-12]", "ENVIRONMENT": "BATCH",
}  # fmt: skip
"""The variables of a process that srun started within the script of a job, as Slurm 22.05 sets them."""


def test_a_step_of_slurm_is_a_group():
    group = launch(STEP)
    assert (group.rank, group.world, group.local_rank, group.machines) == (5, 8, 1, 2)
    host, _, port = group.meeting.removeprefix("tcp://").partition(":")
    assert host == "gpu07"
    assert int(port) in PORTS
    assert group.launcher == ("srun", "--nodes=2", "--ntasks=8", "langue")
    assert {launch({**STEP, "SLURM_PROCID": str(rank)}).meeting for rank in range(8)} == {group.meeting}


def test_two_steps_and_two_jobs_meet_at_other_ports():
    meetings = {
        launch({**STEP, "SLURM_JOB_ID": str(job), "SLURM_STEP_ID": str(step)}).meeting
        for job in (4242, 4243) for step in range(4)
    }  # fmt: skip
    assert len(meetings) == 8


def test_who_names_a_place_to_meet_is_obeyed():
    assert launch({**STEP, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}).meeting == "tcp://10.0.0.1:29500"


def test_the_variables_of_torchrun_go_first():
    group = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "one"}
    launcher = ("torchrun", "--nproc-per-node=2", "--nnodes=2", "--master-addr=one", "-m", "langue")
    assert launch({**STEP, **group}) == Launch(3, 4, 1, 2, launcher)
    assert launch({**STEP, "WORLD_SIZE": "1"}) == Launch()


@pytest.mark.parametrize(
    "alone",
    [
        {},
        {"SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"},  # a shell of salloc's, which is no task
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "ENVIRONMENT": "BATCH"},  # the script of a job
        {**STEP, "SLURM_STEP_NUM_TASKS": "1"},  # `srun --ntasks 1` within a larger job
    ],
)
def test_a_process_alone_waits_for_nobody(alone):
    assert launch(alone) == Launch()


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("login", "login"),
        ("gpu01,gpu02", "gpu01"),
        ("gpu[001-016]", "gpu001"),
        ("gpu[7]", "gpu7"),
        ("a-[2,5-7].site,b[1-2]", "a-2.site"),
        ("rack[2-3]node[01-16,20],login", "rack2node01"),
    ],
)
def test_the_first_host_of_a_list(hosts, first):
    assert first_host(hosts) == first
