"""Tables of every kind give the same documents, and each broken row is named."""

import json

import pytest

from langue.data import ReadSettings, Tally, find_sources, read_documents
from langue.data.documents import read_events
from langue.data.records import Dropped, Row
from langue.data.tables import parse_name, rows
from langue.errors import LangueError

TEXTS = ["plain", 'with "quotes", and comma', "two\nlines", "ünïcödé 🙂", "  spaces  "]


def documents(source, column: str = "text") -> list[str]:
    found, text = [], ""
    for piece in read_documents(find_sources(source), ReadSettings(text=column, max_dropped=1), Tally()):
        text += piece.text
        if piece.ends:
            found.append(text)
            text = ""
    return found


def dropped(source, **chosen) -> list[tuple[str, int]]:
    events = read_events(find_sources(source), ReadSettings(**chosen))
    return [(event.reason, event.number) for event in events if isinstance(event, Dropped)]


def test_jsonl(write):
    path = write("t.jsonl", "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in TEXTS))
    assert documents(path) == TEXTS


def test_csv_with_line_ends_in_quotes(write):
    import csv
    import io

    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerows([["label", "text"], *([["x", text] for text in TEXTS])])
    path = write("t.csv", "\ufeff" + file.getvalue())
    assert documents(path) == TEXTS


def test_tsv_takes_quotes_as_they_are(write):
    path = write("t.tsv", 'text\tlabel\n"open\tx\nit\'s "so"\ty\n')
    assert documents(path) == ['"open', 'it\'s "so"']


@pytest.mark.parametrize(("ending", "mark"), [("csv", ","), ("tsv", "\t")])
def test_a_stray_carriage_return_is_text(write, ending, mark):
    path = write(f"t.{ending}", f"n{mark}text\r\n1{mark}one\rhalf\r\n2{mark}two\n")
    assert documents(path) == ["one\rhalf", "two"]
    assert dropped(path) == []


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_header_that_repeats_a_name_is_refused(tmp_path, ending):
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        columns = [pyarrow.array(["a"]), pyarrow.array(["b"]), pyarrow.array([1])]
        pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=["text", "text", "n"]), path)
    else:
        path.write_text("text,n,text\na,1,b\n".replace(",", "," if ending == "csv" else "\t"))
    with pytest.raises(LangueError, match=rf"t\.{ending}: its header has the name 'text' more than once"):
        documents(path)


def test_an_object_that_repeats_a_key_is_left_out(write):
    path = write("t.jsonl", '{"text": "a", "text": "b"}\n{"text": "c", "more": {"x": 1, "x": 2}}\n{"text": "d"}\n')
    assert dropped(path) == [("repeated key", 1), ("repeated key", 2)]


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "1e999", "Infinity"])
def test_a_number_that_nobody_can_hold_is_infinite(write, number):
    path = write("t.jsonl", f'{{"text": "a", "n": {number}}}\n{{"text": "b", "n": NaN}}\n')
    found = [row.values for row in rows(find_sources(path)[0], 1 << 20) if isinstance(row, Row)]
    assert found == [{"text": "a", "n": float("inf")}, {"text": "b", "n": None}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('a,"text\n' + "x,y\n" * 20, "line 1: misplaced quote in the header"),
        ('a,"text\n' + "x,y\n" * 2_000, "line 1: field too long in the header"),
        (b"\xff,text\nx,y\n", "line 1: invalid UTF-8 in the header"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused(write, content, said):
    with pytest.raises(LangueError, match=rf"t\.csv, {said}"):
        list(rows(find_sources(write("t.csv", content))[0], 1000))


def test_a_quote_that_is_never_closed_takes_no_rows_along_in_silence(write):
    path = write("t.csv", 'n,text\n1,one\n2,"two\n3,three\n4,four\n')
    events = list(read_events(find_sources(path), ReadSettings()))
    assert [(e.reason, e.number, e.records) for e in events if isinstance(e, Dropped)] == [("misplaced quote", 3, 3)]


def test_parquet_with_values_that_python_cannot_hold_names_the_column(tmp_path):
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    text = pyarrow.array([b"ok", b"\xff"], pyarrow.binary()).view(pyarrow.string())
    when = pyarrow.array([1, 1 << 62], pyarrow.timestamp("us"))
    for name, column in (("text", text), ("when", when)):
        pyarrow.parquet.write_table(pyarrow.table({name: column, "n": [1, 2]}), path)
        with pytest.raises(LangueError, match=rf"t\.parquet, column '{name}' cannot be read: "):
            list(rows(find_sources(path)[0], 1 << 20))
    whole = path.read_bytes()
    for size in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(LangueError, match=r"t\.parquet cannot be read: "):
            list(rows(find_sources(path)[0], 1 << 20))


def test_nothing_is_the_same_in_every_format(tmp_path):
    import numpy
    import pandas

    frame = pandas.DataFrame({"text": ["a", None], "label": [1.0, float("nan")]})
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (tmp_path / "t.parquet", frame.to_dict("records"), [{"text": "a", "label": 1.0},
                   {"text": pandas.NA, "label": numpy.float32("nan")}]):  # fmt: skip
        found = [row.values for row in rows(find_sources(source)[0], 1 << 20) if isinstance(row, Row)]
        assert found == [{"text": "a", "label": 1.0}, {"text": None, "label": None}]


def test_parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"n": list(range(5)), "text": TEXTS}), path, row_group_size=2)
    assert documents(path) == TEXTS
    assert [row.values for row in rows(find_sources(path)[0], 1 << 20) if isinstance(row, Row)][1] == {
        "n": 1,
        "text": TEXTS[1],
    }


@pytest.mark.parametrize(
    "given",
    [
        [{"text": text} for text in TEXTS],
        ({"text": text} for text in TEXTS),
        iter(TEXTS),
    ],
    ids=["list of mappings", "generator of mappings", "iterator of texts"],
)
def test_iterables(given):
    assert documents(given) == TEXTS


def test_datasets_of_hugging_face(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    found = datasets.Dataset.from_dict({"text": TEXTS})
    assert documents(found) == TEXTS
    assert documents(found.to_iterable_dataset()) == TEXTS
    found.save_to_disk(str(tmp_path / "saved"))
    assert documents(tmp_path / "saved") == TEXTS
    folder = tmp_path / "repository"
    folder.mkdir()
    for split in ("train", "test"):
        lines = [json.dumps({"text": text + split}) for text in TEXTS]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert documents(f"hf:{folder}") == [text + "train" for text in TEXTS]
    assert documents(f"hf:{folder}:test") == [text + "test" for text in TEXTS]
    with pytest.raises(LangueError, match=r"^hf:.* cannot be loaded: [^\n]*$"):
        documents(f"hf:{folder}:missing")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("hf:name", ("name", None, "train")),
        ("hf:name:test", ("name", None, "test")),
        ("hf:owner/name", ("owner/name", None, "train")),
        ("hf:owner/name/config", ("owner/name", "config", "train")),
        ("hf:owner/name/config:train[:10%]", ("owner/name", "config", "train[:10%]")),
    ],
)
def test_names_of_hugging_face(name, parts):
    assert parse_name(name) == parts


def test_another_column_may_hold_the_text(write):
    path = write("t.jsonl", '{"body": "a"}\n{"body": "b"}\n')
    assert documents(path, "body") == ["a", "b"]
    with pytest.raises(LangueError, match=r"t\.jsonl has no column 'text'; it has body"):
        documents(path)


def test_broken_lines_of_jsonl_are_named(write):
    path = write(
        "t.jsonl",
        b'{"text": "ok"}\n{"text": \n\n{"text": null}\n{"text": 5}\n{"text": " "}\n\xff\n{"text": "\\ud800"}\n'
        b'{"text": "a\\u0000b"}\n{"other": 1}\n' + b"[" * 5000 + b"\n" + b'{"text": "' + b"x" * 6000 + b'"}\n"alone"\n',
    )
    assert dropped(path, max_line_bytes=5500) == [
        ("invalid JSON", 2),
        ("empty", 3),
        ("missing", 4),
        ("not text", 5),
        ("empty", 6),
        ("invalid UTF-8", 7),
        ("invalid UTF-8", 8),
        ("NUL byte", 9),
        ("missing", 10),
        ("invalid JSON", 11),
        ("line too long", 12),
    ]
    assert documents(path) == ["ok", "x" * 6000, "alone"]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_broken_lines_of_delimited_files_are_named(write, ending):
    mark = {"csv": b",", "tsv": b"\t"}[ending]
    lines = [b"text|n", b"ok|1", b"short", b"one|too|many", b"|4", b"\xff|5", b"fine|6", b"", b"x" * 300 + b"|7"]
    path = write(f"t.{ending}", b"\n".join(line.replace(b"|", mark) for line in lines))
    assert dropped(path, max_line_bytes=200) == [
        ("wrong number of columns", 3),
        ("wrong number of columns", 4),
        ("empty", 5),
        ("invalid UTF-8", 6),
        ("empty", 8),
        ("line too long", 9),
    ]
    size = path.stat().st_size - len(lines[0]) - 1
    events = list(read_events(find_sources(path), ReadSettings(max_line_bytes=200)))
    assert sum(event.size for event in events) == size


def test_a_forgotten_quote_swallows_no_more_than_a_line_may_hold(write):
    path = write(
        "t.csv", 'text\nfirst\n"never closed\n' + "swallowed\n" * 30 + "".join(f"row{n}\n" for n in range(100))
    )
    found = dropped(path, max_line_bytes=200)
    assert found[0] == ("field too long", 3)
    assert "row99" in documents_with(path, 200)


def documents_with(path, limit: int) -> list[str]:
    settings = ReadSettings(max_line_bytes=limit, max_dropped=1)
    return [piece.text for piece in read_documents(find_sources(path), settings, Tally())]


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_garbage_is_refused_by_name(write, ending):
    path = write(f"t.{ending}", b"\x00\x01garbage\xff" * 50)
    with pytest.raises(LangueError, match=rf"t\.{ending}"):
        documents(path)


def test_long_texts_come_in_pieces():
    text = "a line of some length\n" * 20_000
    pieces = list(read_documents(find_sources([{"text": text}]), ReadSettings(), Tally()))
    assert len(pieces) > 5
    assert max(len(piece.text) for piece in pieces) <= 1 << 16
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.ends for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (sum(piece.records for piece in pieces), sum(piece.size for piece in pieces)) == (1, len(text))


@pytest.mark.parametrize("text", ["x" * 200_000, "x" * 200_000 + "\n", "x" * 100_000 + "\n" + "y" * 100_000])
def test_long_texts_without_line_ends_stay_whole(text):
    pieces = list(read_documents(find_sources([{"text": text}]), ReadSettings(), Tally()))
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
