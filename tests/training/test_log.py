"""metrics.jsonl: whole lines, each step once, whatever a crash or a full disk left."""

import subprocess
import sys

import pytest

from langue.errors import LangueError
from langue.files.metric_rows import read_lines
from langue.training.log import Log


def steps(path):
    return [line.values["step"] for line in read_lines(path)]


def test_lines_of_later_steps_and_broken_ones_are_taken_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = Log(path)
    for step in (2, 4, 6):
        log.write(step=step, split="train", loss=1.0)
    with path.open("ab") as file:
        file.write(b'\xff\x00\n17\n{"split": "dev"}\n{"step": 4, "sp')
    with pytest.warns(UserWarning, match="lines 4, 5, 6 are damaged") as said:
        Log(path, resumed=4).write(step=6, split="train", loss=2.0)
    assert "line 7, the last, was cut short" in str(said[1].message)
    assert steps(path) == [2, 4, 6]
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_what_is_kept_stays_byte_for_byte(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = Log(path)
    for step, text in ((2, "one\u2028two"), (4, "three\x85four"), (6, "five\u2029six")):
        log.write(step=step, split="dev", sample=text)
    first = b"".join(path.read_bytes().splitlines(keepends=True)[:2])
    Log(path, resumed=4)
    assert path.read_bytes() == first


def test_a_training_from_the_beginning_begins_a_new_file(tmp_path):
    Log(tmp_path / "metrics.jsonl").write(step=2)
    Log(tmp_path / "metrics.jsonl").write(step=1)
    assert steps(tmp_path / "metrics.jsonl") == [1]


def test_what_is_not_finite_is_null(tmp_path):
    Log(tmp_path / "metrics.jsonl").write(step=1, loss=float("nan"), gradient_norm=float("inf"), text="é")
    line = (tmp_path / "metrics.jsonl").read_text()
    assert line.startswith('{"step": 1, "loss": null, "gradient_norm": null, "text": "é", "crc32": "')


def test_a_log_without_a_file_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = Log(None)
    log.write(step=1)
    log.sync()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    log = Log(tmp_path / "gone" / "metrics.jsonl")
    with pytest.raises(LangueError, match=r"metrics\.jsonl could not be written: No such file"):
        log.write(step=1)


FULL = """
import resource, sys
from pathlib import Path
from langue.errors import LangueError
from langue.training.log import Log
log = Log(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))
try:
    for step in range(100):
        log.write(step=step, split="train", loss=1.0)
except LangueError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence_and_training_can_go_on(tmp_path):
    path = tmp_path / "metrics.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert "metrics.jsonl could not be written: the disk is full; make room and go on by" in done.stdout
    Log(path, resumed=1).write(step=2)
    assert steps(path) == [0, 1, 2]
