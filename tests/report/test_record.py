import json

import pytest

from langue.errors import LangueError
from langue.report.record import count_parameters, read_record


def append(run, *rows, end="\n"):
    with (run / "metrics.jsonl").open("a") as file:
        file.write("\n".join(json.dumps(row) for row in rows) + end)


def test_reads_splits_and_counts_weights(run):
    record = read_record(run)
    assert record.name == "my-run"
    assert [row["step"] for row in record.train] == list(range(1, 41))
    assert [row["step"] for row in record.dev] == list(range(4, 41, 4))
    assert record.parameters == 3 * 5 + 7
    assert record.last()["step"] == 40
    assert len(record.samples()) == 10


def test_a_line_cut_off_by_a_sudden_end_is_left_out(run):
    append(run, {"step": 41, "split": "train", "loss": 1.0}, end="")
    assert read_record(run).last()["step"] == 40


def test_a_resumed_run_counts_the_later_line_of_a_step(run):
    append(run, {"step": 39, "split": "train", "loss": 9.0})
    assert [row["loss"] for row in read_record(run).train if row["step"] == 39] == [9.0]


def test_the_best_row_is_the_lowest_finite_dev_loss(run):
    append(run, {"step": 44, "split": "dev", "loss": float("nan")}, {"step": 48, "split": "dev", "loss": 0.5})
    best = read_record(run).best()
    assert best is not None
    assert best["step"] == 48


def test_without_dev_data_the_last_training_row_stands_in(run):
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(line for line in lines if '"train"' in line))
    best = read_record(run).best()
    assert best is not None
    assert (best["step"], best["split"]) == (40, "train")


def test_damage_is_named(run):
    (run / "metrics.jsonl").write_text('{"step": 1}\n{oops\n{"step": 2}\n')
    with pytest.raises(LangueError, match=r"metrics\.jsonl, line 2 is damaged"):
        read_record(run)


def test_a_folder_without_recipe_is_no_run(tmp_path):
    with pytest.raises(LangueError, match="is no run folder"):
        read_record(tmp_path)


def test_a_damaged_header_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(LangueError, match="header cannot be read"):
        count_parameters(tmp_path / "model.safetensors")
