"""Two processes that train together: the same weights as one, and one mind about when to stop."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shared_training import UNEVEN_STEPS, plain, uneven, uneven_batches

from langue.training import latest
from tiny_training import everything, same
from two_processes import start_two


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes left that ran `shared_training`."""
    folder = tmp_path_factory.mktemp("processes")
    running = start_two(Path(__file__).with_name("shared_training.py"), folder)
    try:
        for process in running:
            _, errors = process.communicate(timeout=90)
            assert process.returncode == 0, errors
    finally:
        for process in running:
            process.kill()
    return folder


def ends(folder, rank):
    return json.loads((folder / f"ends-{rank}.json").read_text())


def tensors(folder, name, rank):
    return load_file(folder / f"{name}-{rank}.safetensors")


def learnt(asked):
    """Rows that were asked for, but for those that were read ahead of the end; those of the first step are asked for
    once more, to see which parameters they reach."""
    return [row for row in dict.fromkeys(asked) if row < 6 * 8]


def test_two_processes_train_as_one(folder):
    alone, stream = plain(0, 1)
    alone.run()
    expected, found = everything(alone), tensors(folder, "plain", 0)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-6, rtol=1e-5)
    # The same rows in the same steps, four to each process: a stretch of every micro-batch.
    assert learnt(stream.asked) == list(range(6 * 8))
    shares = [learnt(ends(folder, rank)["rows"]) for rank in range(2)]
    assert shares[0] == [row for row in range(6 * 8) if row % 4 < 2]
    assert shares[1] == [row for row in range(6 * 8) if row % 4 >= 2]


def test_one_goes_on_where_two_were_stopped_as_one_from_the_beginning(folder):
    """Float sums are added in another order, and nothing else: not even dropout is another."""
    alone, _ = plain(0, 1)
    alone.run()
    resumed, _ = plain(0, 1)
    resumed.resume(latest(folder / "broken-off" / "checkpoints"))
    assert resumed.progress.step == 4
    resumed.run()
    for name, value in everything(alone).items():
        torch.testing.assert_close(everything(resumed)[name], value, atol=1e-6, rtol=1e-5)


def test_batches_with_fewer_examples_than_processes_are_those_of_one(folder):
    sizes = [[len(uneven_batches(rank, 2)[step][0].examples) for rank in range(2)] for step in range(UNEVEN_STEPS)]
    assert [0, 1] in sizes
    assert [len(uneven_batches(0, 1)[step][0].examples) for step in range(UNEVEN_STEPS)] == [sum(n) for n in sizes]
    alone = uneven(0, 1)
    alone.run()
    expected, found = everything(alone), tensors(folder, "uneven", 0)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", ["plain", "stopping", "patient", "timed", "uneven"])
def test_their_weights_never_part(folder, name):
    assert same(tensors(folder, name, 0), tensors(folder, name, 1))
    assert ends(folder, 0)[name] == ends(folder, 1)[name]


def test_a_signal_to_one_stops_all_at_the_next_step(folder):
    assert ends(folder, 1)["stopping"] == {"step": 4, "stopped": "interrupted"}


def test_a_budget_of_seconds_goes_by_one_clock(folder):
    assert ends(folder, 0)["seconds of timed"] >= 0.3


def test_the_first_decides_what_is_best(folder):
    assert ends(folder, 1)["patient"] == {"step": 9, "stopped": "no new best in 2 evaluations"}


def test_the_first_alone_writes(folder):
    assert [path.name for path in sorted(folder.iterdir()) if path.is_dir()] == ["broken-off", "timed"]
    assert (folder / "timed" / "metrics.jsonl").exists()


WAITING = """
import sys, time
from datetime import timedelta
import torch
from langue.errors import LangueError
from langue.parallel import processes
processes.STEP = timedelta(seconds=5)
rank, _ = processes.process_group(torch.device("cpu"))
if rank == 0:
    time.sleep(7)
    if sys.argv[1] == "fails":
        sys.exit(2)
try:
    processes.wait()
except LangueError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(
    ("first", "statuses", "said"),
    [
        ("sets up", [0, 0], ""),
        ("fails", [2, 1], "another process of this training has ended; its message says why\n"),
    ],
)
def test_a_set_up_may_take_longer_than_a_step(first, statuses, said):
    running = start_two("-c", WAITING, first)
    errors = [process.communicate(timeout=90)[1] for process in running]
    assert [process.returncode for process in running] == statuses, errors
    assert errors[1].endswith(said)
