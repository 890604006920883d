import pytest

from langue.errors import LangueError
from langue.files.metric_rows import write_line
from langue.report.record import count_parameters, read_record


def append(run, *rows):
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b"".join(map(write_line, rows)))


def test_reads_splits_and_counts_weights(run):
    record = read_record(run)
    assert record.name == "my-run"
    assert [row["step"] for row in record.train] == list(range(1, 41))
    assert [row["step"] for row in record.dev] == list(range(4, 41, 4))
    assert record.parameters == 3 * 5 + 7
    assert record.step == 40
    assert len(record.samples()) == 10


def test_a_line_cut_off_by_a_sudden_end_is_left_out(run):
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(write_line({"step": 41, "split": "train", "loss": 1.0})[:-1])
    with pytest.warns(UserWarning, match=r"metrics\.jsonl: line 51, the last, was cut short"):
        assert read_record(run).step == 40


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
    lines = (run / "metrics.jsonl").read_bytes().replace(b'"step": 1,', b'"step": 3,', 1)
    (run / "metrics.jsonl").write_bytes(lines)
    with pytest.warns(UserWarning, match=r"metrics\.jsonl: line 1 is damaged and left out"):
        assert [row["step"] for row in read_record(run).train] == list(range(2, 41))


def test_a_folder_without_recipe_is_no_run(tmp_path):
    with pytest.raises(LangueError, match="is no run folder"):
        read_record(tmp_path)


def test_a_damaged_header_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(LangueError, match="header cannot be read"):
        count_parameters(tmp_path / "model.safetensors")
