"""What documents can be filtered by: kinds found out by column, the same answers of every back end."""

import datetime
import decimal
import json
import uuid
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from langue.errors import LangueError
from langue.search import Index, IndexSettings
from langue.search.where import holds, read_where, typed

TABLE = """id,text,year,price,done,zip,published,seen,mixed,empty,first name,version
a,the sun,2019,1.50,true,01234,2020-05-01,2020-05-01T23:30:00+02:00,1,,Ann Lee,1.10
b,the moon,2020,2,False,99999,2020-05-31,2020-05-01T23:30:00Z,x,,Bo,1.2.3
c,the star,2021,-3e1,,00001,2021-01-01,2020-05-02T00:30:00+02:00,,,,2.0
d,the sky,,10,TRUE,12,,,2,,"O'Neil ""Q"" x",1.1
"""

FROM_TABLE = [
    ("year>=2020", "bc"), ("year=2019", "a"), ("year!=2019", "bc"), ("year in 2019,2021", "ac"), ("year<2020.5", "ab"),
    ({"year": "2020"}, "b"), ({"year": np.int64(2020)}, "b"), ({"year": decimal.Decimal("2020.0")}, "b"),
    ("price<=2", "abc"), ("price=1.5", "a"), ("price>9", "d"),
    ("done=true", "ad"), ("done=FALSE", "b"), ("done!=true", "b"), ({"done": True}, "ad"), ("done=1", "ad"),
    ("zip=01234", "a"), ("zip=12", "d"), ({"zip": 12}, "d"), ("zip in 00001,12", "cd"), ("zip>5", "b"),
    ("published>=2020-05-31", "bc"), ("published=2020-05", "ab"), ("published<=2020", "ab"), ("published>2020-05", "c"),
    ("published in 2020-05-01,2021", "ac"), ("published!=2020-05-01", "bc"), ("published<2021-01-01", "ab"),
    ({"published": datetime.date(2020, 5, 1)}, "a"), ({"published": {">": datetime.datetime(2020, 5, 1, 12)}}, "bc"),
    ("seen=2020-05-01", "abc"), ("seen>=2020-05-01T22:00", "bc"), ("seen=2020-05-01T21:30:00", "a"),
    ('seen="2020-05-02 00:30+02:00"', "c"), ("seen<=2020-05-01T22:30", "ac"), ("seen<2020-05-01T22:30", "a"),
    ("mixed=1", "a"), ("mixed=x", "b"), ('"first name"="Ann Lee"', "a"), ('"first name" != Bo', "ad"),
    ("\"first name\" = \"O'Neil \\\"Q\\\" x\"", "d"),
    ("version=1.10", "a"), ("version=1.1", "d"), ("source!=x", "abcd"),
]  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return {}


@pytest.fixture
def table(tables, kind, tmp_path_factory, request):
    """An index of the table, of each kind, made once."""
    if kind not in tables:
        folder = tmp_path_factory.mktemp("table")
        (folder / "t.csv").write_text(TABLE)
        place = f"{request.getfixturevalue('server')}#table" if kind == "postgres" else folder / "index"
        tables[kind] = Index.build(folder / "t.csv", place, settings=IndexSettings(kind=kind))
    return tables[kind]


def met(index, where) -> str:
    return "".join(sorted(hit.document for hit in index.search("the", 100, where=where)))


@pytest.mark.parametrize(("where", "expected"), FROM_TABLE, ids=str)
def test_a_table_of_text_is_filtered_by_what_its_columns_mean(table, where, expected):
    assert met(table, where) == expected
    known = {hit.document: hit.metadata for hit in table.search("the", 100)}
    conditions = typed(read_where(where), table.manifest.fields, "")
    assert {name for name in known if holds(conditions, known[name])} == set(expected)


def test_kinds_stand_in_the_manifest(table):
    kinds = {name: field.kind for name, field in table.manifest.fields.items()}
    assert kinds == {
        "source": "text", "year": "number", "price": "number", "done": "boolean", "zip": "text", "published": "date",
        "seen": "date", "mixed": "text", "first name": "text", "version": "text",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("yaer>=2020", "no field|has a field 'yaer'; did you mean 'year'"), ("Year=1", "did you mean 'year'"),
        ("empty=1", "has a field 'empty'; known are"), ("nothing=1", "known are 'source', 'year'"),
        ("year>=soon", "'year' is a number, and 'soon' is none"), ("done=perhaps", "is a boolean, and 'perhaps'"),
        ("published>=soon", "is a date, and 'soon'"), ("published=2020-13-01", "is a date"),
        ("year=true", "is a number"),
        ("first name=Bo", "double quotes"), ("year=" + "9" * 400, "beyond"), ("year=" + "9" * 5000, "is a number"),
        ("year in " + "[" * 100_000, "is a number"), ({"year": {">": {"a": 1}}}, "give texts"),
        ({"year": [[1]]}, "give texts"), ({"zip": "\ud800"}, "surrogate"), ("zip=\ud800", "surrogate"),
        ({"z\0": 1}, "NUL"), ([f"year>{n}" for n in range(200)], "200 conditions are too many"),
        ("year = " + "x" * 100_000, "is a number"), ({"year": float("nan")}, "give texts"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_what_no_document_could_meet_is_a_sentence(table, where, said):
    with pytest.raises(LangueError, match=said) as error:
        table.search("the", where=where)
    assert len(str(error.value)) < 500


def test_many_values_are_looked_for_at_once(table):
    assert met(table, {"year": {"in": list(range(20_000))}}) == "abc"


ZONE = ZoneInfo("Europe/Berlin")
ROWS = [
    {
        "id": "a", "text": "the one", "n": np.float32(1.5), "big": decimal.Decimal("12.50"), "tags": ["x", "y z"],
        "when": datetime.datetime(2020, 5, 1, 0, 30, tzinfo=ZONE), "took": datetime.timedelta(minutes=2),
        "key": uuid.UUID(int=1), "counts": np.array([1, 5]), "seen": np.datetime64("2021-02-03T04:05:06", "ns"),
    },
    {
        "id": "b", "text": "the two", "n": 2, "big": decimal.Decimal("7"), "tags": "x",
        "when": datetime.date(2020, 5, 1), "took": np.timedelta64(90, "s"), "counts": (3,),
        "seen": np.datetime64("NaT"), "n2": float("nan"),
    },
    {"id": "c", "text": "the three", "n": np.int16(3), "tags": {"z"}, "when": "2020-06-01", "counts": [], "big": None},
]  # fmt: skip


def test_values_of_python_and_numpy_are_kept(place, settings):
    index = Index.build(ROWS, place, settings=settings)
    for where, expected in [
        ("n>=2", "bc"), ("n=1.5", "a"), ("big>7", "a"), ("big=12.5", "a"), ("tags=x", "ab"), ("tags!=x", "c"),
        ("tags in z,w", "c"), ("tags='y z'", ""), ('tags="y z"', "a"), ("tags=y", ""), ("tags>y", "ac"),
        ("tags<y", "ab"),
        ("when=2020-04-30", "a"), ("when>=2020-05-01", "bc"), ("when=2020", "abc"), ("took>100", "a"), ("took=90", "b"),
        (f"key={uuid.UUID(int=1)}", "a"), ("counts=5", "a"), ("counts>2", "ab"), ("counts<=1", "a"), ("counts!=1", "b"),
        ("seen=2021-02-03", "a"), ("seen>2021-02-03T04:05:05", "a"),
    ]:  # fmt: skip
        assert met(index, where) == expected, where
        assert met(Index.open(place), where) == expected, where


def test_values_of_arrow_are_kept(tmp_path):
    table = pyarrow.table(
        {
            "text": ["the one", "the two"],
            "when": pyarrow.array([0, 10**15], pyarrow.timestamp("us", "UTC")),
            "took": pyarrow.array([1, 2], pyarrow.duration("s")),
            "price": pyarrow.array([decimal.Decimal("1.10"), None], pyarrow.decimal128(5, 2)),
            "tags": [["a"], ["b", "c"]],
            "at": pyarrow.array([1, 2], pyarrow.time32("s")),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    index = Index.build(tmp_path / "t.parquet", tmp_path / "index", settings=IndexSettings(kind="memory"))
    [one] = index.search("one", where=["when<2000", "took=1", "price<2", "tags=a", 'at="00:00:01"'])
    assert one.metadata["when"] == "1970-01-01T00:00:00"
    assert [hit.text for hit in index.search("the", where={"when": {">=": "2001"}, "tags": "c"})] == ["the two"]


def test_what_cannot_be_kept_is_counted_by_field(tmp_path):
    rows = [
        {"text": "x", "nested": {"a": 1}, "long": "y" * 500, "huge": 10**400, "grid": [[1]], "raw": b"a", "inf": 1e999},
        {"text": "z", "nested": {}, "id64": 2**60},
    ]
    index = Index.build(rows, tmp_path / "index", settings=IndexSettings(kind="memory"))
    assert index.change.added == 2
    assert index.change.unkept == {
        ("nested", "a value of the type dict"): 2, ("long", "a text of more than 400 characters"): 1,
        ("huge", "a number beyond those that are compared exactly"): 1, ("grid", "a list of lists"): 1,
        ("raw", "a value of the type bytes"): 1, ("inf", "a number beyond those that are compared exactly"): 1,
        ("id64", "a number beyond those that are compared exactly"): 1,
    }  # fmt: skip
    assert json.loads(json.dumps(index.change.as_json()))["unkept"][0] == ["nested", "a value of the type dict", 2]


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([{"x": 1}, {"x": "soon"}], "number .* text"), ([{"x": "a"}, {"x": 1.5}], "text .* number"),
        ([{"x": True}, {"x": 1}], "boolean .* number"),
        ([{"x": datetime.date(2020, 1, 1)}, {"x": "soon"}], "date .* text"),
        ([{"x": 1}, {"x": [2, "b"]}], "number .* text"), ([{"x": [1]}, {"x": "01"}], "number .* text"),
    ],
)  # fmt: skip
def test_a_field_of_two_kinds_is_refused_and_nothing_is_changed(place, settings, rows, kinds):
    rows = [{"id": f"row{number}", "text": "the", **row} for number, row in enumerate(rows)]
    with pytest.raises(LangueError, match=f"the field 'x' is a {kinds} in row1"):
        Index.build(rows, place, settings=settings)
    index = Index.build(rows[:1], place, settings=settings)
    with pytest.raises(LangueError, match=f"the field 'x' is a {kinds} in row1"):
        index.add(rows[1:])
    assert met(Index.open(place), None) == "row0"


def test_a_second_table_goes_by_what_the_index_knows(tmp_path, place, settings):
    for name, text in {"a": "zip,n\nA1,1\n", "b": "zip,n\n12,2\n", "c": "zip,n\nB2,many\n"}.items():
        header, row, _ = text.split("\n")
        (tmp_path / f"{name}.csv").write_text(f"id,text,{header}\n{name},the,{row}\n")
    index = Index.build(tmp_path / "a.csv", place, settings=settings)
    index.add(tmp_path / "b.csv")
    assert met(index, "zip=12") == "b"
    assert met(index, "n>=1") == "ab"
    with pytest.raises(LangueError, match="'n' is a number in other documents and a text in c: 'many'"):
        index.add(tmp_path / "c.csv")
    # Built at once, a column of numbers and words is a column of words.
    index = Index.build([str(tmp_path / f"{name}.csv") for name in "abc"], place, settings=settings)
    assert index.manifest.fields["n"].kind == "text"
    assert met(index, "n=2") == "b"
    # And what has been taken out by a later building says no more of what a field is.
    Index.build([str(tmp_path / f"{name}.csv") for name in "ab"], place, settings=settings)
    assert met(Index.open(place), "n>1") == "b"


def test_fields_are_bounded(tmp_path):
    rows = [{"text": "x", **{f"f{number}": 1 for number in range(300)}}]
    with pytest.raises(LangueError, match="more than 200 different fields"):
        Index.build(rows, tmp_path / "index", settings=IndexSettings(kind="memory"))
