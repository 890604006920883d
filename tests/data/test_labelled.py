"""Labelled rows: from every kind of table, under other names, and split the same way for every seed."""

from __future__ import annotations

import csv
import json

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from langue.data import TableDataSettings
from langue.data.conll import read_conll
from langue.data.examples import EncodedExample, Examples
from langue.data.labelled import read_labelled, read_split
from langue.errors import LangueError

ROWS = [{"review": f'text {number}, "quoted"', "stars": number % 3} for number in range(20)]
COLUMNS = {"text": "review", "label": "stars"}


def write(folder, kind):
    path = folder / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif kind == "folder":
        datasets.Dataset.from_list(ROWS).save_to_disk(folder / "saved")
        return str(folder / "saved")
    else:
        with path.open("w", newline="") as file:
            options = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None} if kind == "tsv" else {}
            writer = csv.DictWriter(file, ["review", "stars"], **options)
            writer.writeheader()
            writer.writerows(ROWS)
    return str(path)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet", "folder"])
def test_every_table_gives_the_same_rows(tmp_path, kind):
    found = list(read_labelled(write(tmp_path, kind), TableDataSettings(train="", columns=COLUMNS)))
    assert [row.values["text"] for row in found] == [row["review"] for row in ROWS]
    assert [int(row.values["label"]) for row in found] == [row["stars"] for row in ROWS]
    first = {"jsonl": "line 1", "csv": "line 2", "tsv": "line 2"}.get(kind, "row 1")
    assert found[0].place.endswith(first)


def test_datasets_and_plain_rows_can_be_handed_over():
    settings = TableDataSettings(train="", columns=COLUMNS)
    for source in (
        datasets.Dataset.from_list(ROWS),
        iter(ROWS),
        datasets.Dataset.from_list(ROWS).to_iterable_dataset(),
    ):
        assert [row.values["label"] for row in read_labelled(source, settings)] == [row["stars"] for row in ROWS]


def test_a_share_is_set_aside_from_all_over(tmp_path):
    settings = TableDataSettings(train=write(tmp_path, "jsonl"), dev=0.25)
    parts = {split: [row.values["review"] for row in read_split(settings, split)] for split in ("train", "dev", "test")}
    assert sorted(parts["train"] + parts["dev"]) == sorted(row["review"] for row in ROWS)
    assert len(parts["dev"]) == 5
    assert parts["dev"] != [row["review"] for row in ROWS[-5:]]
    assert parts["test"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text\tlabel\na\t1\nb\n", r"rows\.tsv, line 3: wrong number of columns"),
        ("text\tlabel\na\0\t1\n", "is not a text file: it holds NUL bytes"),
        ("text\tlabel\ttext\na\t1\tb\n", r"rows\.tsv: its header has the name 'text' more than once"),
    ],
)
def test_a_broken_row_is_named(tmp_path, content, said):
    (tmp_path / "rows.tsv").write_text(content)
    with pytest.raises(LangueError, match=said):
        list(read_labelled(str(tmp_path / "rows.tsv"), TableDataSettings(train="")))


def test_white_space_inside_a_word_of_conll_is_part_of_it(tmp_path):
    path = tmp_path / "rows.conll"
    path.write_bytes("10\u00a0000 B-N\nJohn\u3000Smith\tB-PER\ncr\rhere O\n\u00a0\nNew York\tO\n".encode())
    with pytest.raises(LangueError, match=r"rows\.conll, line 5: wrong number of columns"):
        list(read_conll(path, 1 << 20))
    path.write_bytes(path.read_bytes().replace(b" ", b"\t", 1).replace(b"here O", b"here\tO"))
    assert [row for _, row in read_conll(path, 1 << 20)] == [
        {"tokens": ["10\u00a0000", "John\u3000Smith", "cr\rhere"], "tags": ["B-N", "B-PER", "O"]},
        {"tokens": ["New York"], "tags": ["O"]},
    ]


def test_running_text_is_no_table(tmp_path):
    (tmp_path / "rows.txt").write_text("a\n")
    with pytest.raises(LangueError, match="is no table"):
        list(read_labelled(str(tmp_path / "rows.txt"), TableDataSettings(train="")))


def test_a_benchmark_needs_its_folder():
    with pytest.raises(ValueError, match="folder must say where the files of glue/CoLA are"):
        TableDataSettings(benchmark="glue/CoLA")
    assert TableDataSettings(benchmark="glue/CoLA", folder="here").dev == "here"


def test_examples_come_back_as_they_went_in():
    one = Examples([EncodedExample([5, 6, 7], [0, 0, 1], 2), EncodedExample([9], [0], 0)])
    assert [list(example["ids"]) for example in one] == [[5, 6, 7], [9]]
    assert [list(example["segments"]) for example in one] == [[0, 0, 1], [0]]
    assert (one.lengths.tolist(), one.tokens, one[1]["target"]) == ([3, 1], 4, 0)
    several = Examples(
        [EncodedExample([[1], [2, 3]], [[0], [0, 0]], 1), EncodedExample([[4], [5], [6]], [[0]] * 3, 0)], several=True
    )
    assert [[list(ids) for ids in example["ids"]] for example in several] == [[[1], [2, 3]], [[4], [5], [6]]]
    assert several.lengths.tolist() == [4, 3]
