"""metrics.jsonl: lines that tell whether their bytes are those that were written."""

import json
import warnings
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langue.files.metric_rows import read_lines, write_line

ROWS = [
    {"step": 1, "split": "train", "loss": 2.5},
    {"step": 2, "split": "dev", "sample": "one\u2028two\u2029three\x85four\x0bfive\x1cé"},
    {"step": 3, "split": "train", "loss": 2.25},
]

texts = st.text(st.characters(codec=None))  # lone surrogates too
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(map(write_line, ROWS)))
    return path


def read(path):
    """The rows, where nothing is damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return [line.values for line in read_lines(path)]


def test_the_checksum_is_of_the_line_without_it():
    assert write_line({"step": 1}) == b'{"step": 1, "crc32": "3a87913d"}\n'
    line = write_line({"step": 1, "text": "é"})
    assert line == f'{{"step": 1, "text": "é", "crc32": "{zlib.crc32(b"{" + line[1:24] + b"}"):08x}"}}\n'.encode()
    assert list(json.loads(line)) == ["step", "text", "crc32"]


@given(st.dictionaries(texts.filter(lambda name: name != "step"), values), st.integers())
def test_whatever_a_row_holds_comes_back(tmp_path_factory, row, step):
    path = tmp_path_factory.getbasetemp() / "row.jsonl"
    path.write_bytes(write_line({**row, "step": step}))
    assert read(path) == [{**row, "step": step}]


def test_text_with_any_line_end_comes_back(path):
    assert read(path) == ROWS


def test_every_flipped_bit_is_noticed_and_spoils_its_own_line_alone(path):
    whole = path.read_bytes()
    first, second = len(write_line(ROWS[0])), len(write_line(ROWS[0]) + write_line(ROWS[1]))
    for place in range(first, second - 1):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with pytest.warns(UserWarning, match="damaged and left out"):
                assert [line.values for line in read_lines(path)] == [ROWS[0], ROWS[2]]


def test_damaged_lines_are_named_by_number(path):
    path.write_bytes(path.read_bytes() + b'{"step": 4}\nnonsense\n17\n\xff\n\n')
    with pytest.warns(UserWarning, match=r"metrics\.jsonl: lines 4, 5, 6, 7, 8 are damaged and left out"):
        assert [line.values for line in read_lines(path)] == ROWS


def test_a_last_line_that_was_cut_short_is_told(path):
    for cut in range(1, len(write_line(ROWS[2]))):
        path.write_bytes(b"".join(map(write_line, ROWS))[:-cut])
        with pytest.warns(UserWarning, match="line 3, the last, was cut short by a sudden end and is left out"):
            assert [line.values for line in read_lines(path)] == ROWS[:2]


def test_there_are_no_lines_without_a_file(tmp_path):
    assert read(tmp_path / "metrics.jsonl") == []
