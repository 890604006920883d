"""`langue watch`: a training is followed to its end, by its files alone."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

from labelled_rows import write_recipe
from langue import cli
from langue.cli.watch import BLOCKS, WIDTH, Followed, curve, view
from langue.files.claim import is_held, locked
from langue.files.metric_rows import read_lines, write_line
from langue.report.live import share_done, standing
from langue.report.record import read_record
from ready_python import ready_python

REFRESH = '<meta http-equiv="refresh"'


def written_run(folder: Path) -> Path:
    folder.mkdir()
    (folder / "recipe.yaml").write_text("task: classify\ntraining: {steps: 40, seconds: 1000}\n")
    (folder / "environment.json").write_text(json.dumps({"torch": "2.13.0"}))
    rows = [{"step": step, "split": split, "loss": 1 / step, "tokens": step, "seconds": step * 0.5,
             **({"accuracy": step / 40, "best": True} if split == "dev" else {})}
            for step in (10, 20) for split in ("train", "dev")]  # fmt: skip
    (folder / "metrics.jsonl").write_bytes(b"".join(map(write_line, rows)))
    return folder


def test_the_share_that_is_over_is_that_of_the_nearest_bound(tmp_path):
    run = written_run(tmp_path / "run")
    record = read_record(run)
    assert share_done(record) == 0.5
    assert standing(record, True) == "Step 20, after 10 s: 50%, about 10 s left."
    assert standing(record, False) == "Step 20, after 10 s: 50% of its budget, and it has ended."
    (run / "recipe.yaml").write_text("task: classify\ntraining: {steps: null, epochs: 3}\n")
    assert share_done(read_record(run)) is None
    assert standing(read_record(run), True) == standing(read_record(run), False) == "Step 20, after 10 s."


def test_a_page_reads_itself_anew_as_long_as_the_training_goes_on(tmp_path, capsys):
    run = written_run(tmp_path / "run")
    with locked(run, "busy"):
        assert is_held(run)
        assert cli.run(["watch", str(run), "--once", "--every", "7"]) == 0
        page = (run / "report.html").read_text()
        assert f'{REFRESH} content="7">' in page
        assert "about 10 s left" in page
    assert not is_held(run)
    assert cli.run(["watch", str(run)]) == 0
    assert REFRESH not in (run / "report.html").read_text()
    out, said = capsys.readouterr()
    assert f"if it was interrupted, go on with: langue train {run / 'recipe.yaml'} --out {run} --resume" in said
    assert "step 10: dev loss 0.1000, accuracy 0.2500\nstep 20: dev loss 0.0500, accuracy 0.5000\n" in out
    assert "run: Step 20" in out


def test_what_was_measured_is_json_where_that_is_wanted(tmp_path, capsys):
    assert cli.run(["watch", str(written_run(tmp_path / "run")), "--no-page", "--json"]) == 0
    *rows, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(row["step"], row["split"], row["accuracy"]) for row in rows] == [(10, "dev", 0.25), (20, "dev", 0.5)]
    assert end == {"run": "run", "step": 20, "seconds": 10.0, "share": 0.5, "goes_on": False}


def test_nothing_is_drawn_or_told_twice(tmp_path):
    run = written_run(tmp_path / "run")
    followed = Followed(run, None)
    assert followed.look(True) is not None
    assert followed.look(True) is None
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(write_line({"step": 30, "split": "train", "loss": 0.1}))
    record = followed.look(True)
    assert record is not None
    assert record.step == 30
    assert not (run / "report.html").exists()


def test_a_terminal_shows_curves_and_the_last_evaluations(tmp_path):
    console = Console(record=True, width=100, force_terminal=True)
    console.print(view(read_record(written_run(tmp_path / "run")), True))
    text = console.export_text()
    assert "run: Step 20, after 10 s: 50%" in text
    assert f"train loss    {BLOCKS[-1]}{BLOCKS[0]}  0.05" in text
    assert f"dev accuracy  {BLOCKS[0]}{BLOCKS[-1]}  0.5" in text


@pytest.mark.parametrize("count", [1, WIDTH, WIDTH + 1, 1000])
def test_a_curve_is_never_wider_than_there_is_room(count):
    drawn = curve([float(place) for place in range(count)])
    assert 1 <= len(drawn) <= WIDTH
    assert list(drawn) == sorted(drawn)


def test_a_folder_without_a_run_is_a_sentence(tmp_path, capsys):
    assert cli.run(["watch", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (f"langue: {tmp_path / 'none'} is no run folder: it holds no recipe.yaml\n")


def test_a_training_is_followed_from_before_it_is_set_up_to_its_end(tmp_path, capsys):
    recipe, run = write_recipe(tmp_path), tmp_path / "run"
    command = [*ready_python(), "-m", "langue", "train", str(recipe), "--out", str(run), "--no-report"]
    training = subprocess.Popen([*command, "--training.steps", "60"], stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while not is_held(run) and training.poll() is None and time.monotonic() < begun + 60:
        training.poll()
    assert cli.run(["watch", str(run), "--every", "0.2"]) == 0
    assert training.wait(60) == 0
    steps = [line.values["step"] for line in read_lines(run / "metrics.jsonl") if line.values["split"] == "dev"]
    out = capsys.readouterr().out
    assert [line.partition(":")[0] for line in out.splitlines()[:-1]] == [f"step {step}" for step in steps]
    assert out.splitlines()[-1].startswith("run: Step 60")
    assert REFRESH not in (run / "report.html").read_text()
