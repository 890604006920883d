"""From what a user names to the files that are read."""

import pytest

from langue.data import DataSettings, find_sources
from langue.errors import LangueError
from langue.settings import parse


def names(given) -> list[str]:
    return [origin.name for origin in find_sources(given)]


def test_folders_give_their_files_in_order(write, tmp_path):
    for name in ["b.txt", "a/z.jsonl", "a.md", "skip.bin", ".hidden/x.txt", "C.TXT"]:
        write(f"data/{name}", "x")
    folder = tmp_path / "data"
    assert names(folder) == [str(folder / name) for name in ["C.TXT", "a/z.jsonl", "a.md", "b.txt"]]


def test_globs_give_their_files_in_order(write, tmp_path):
    paths = [str(write(f"part-{number}.txt", "x")) for number in (2, 0, 1)]
    write("other.txt", "x")
    assert names(str(tmp_path / "part-*.txt")) == sorted(paths)
    write("deep/er/part-9.txt", "x")
    assert len(names(str(tmp_path / "**" / "part-*.txt"))) == 4


@pytest.mark.parametrize("form", [list, tuple, lambda paths: dict.fromkeys(paths, 1.0)])
def test_lists_and_tables_keep_their_order(write, form):
    paths = [str(write(f"{name}.txt", "x")) for name in "cab"]
    assert names(form(paths)) == paths


def test_kinds_and_sizes(write):
    kinds = {"a.txt": "text", "b.jsonl": "jsonl", "c.CSV": "csv", "d.tsv": "tsv", "e.parquet": "parquet", "f": "text"}
    for name, kind in kinds.items():
        (origin,) = find_sources(write(name, "1234"))
        assert (origin.kind, origin.size) == (kind, 4)
    assert [find_sources(name)[0].kind for name in ("embedded", "hf:some/name")] == ["embedded", "hf"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.txt", "there is no file .*missing.txt"),
        ("missing-*.txt", "no file matches .*missing-"),
        ("paper.pdf", r"paper\.pdf is of a kind that is not read; known are \.txt"),
        ("empty", "holds no .txt"),
        ("store", "is prepared already"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(write, tmp_path, name, said):
    write("paper.pdf", "%PDF")
    write("store/manifest.json", "{}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LangueError, match=said):
        find_sources(str(tmp_path / name))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "train is missing"),
        ({"train": "a", "dev": 1.0}, "at least 0 and below 1"),
        ({"train": "a", "documents": "page"}, "documents: input should be 'file', 'line' or 'paragraph'"),
        ({"train": "a", "temperature": 0}, "temperature: input should be greater than 0"),
        ({"train": "a", "max_lines": 1}, "unknown key max_lines; did you mean max_line_bytes"),
    ],
)
def test_wrong_settings_are_a_sentence(fields, said):
    with pytest.raises(LangueError, match=said):
        parse(DataSettings, fields, "recipe.yaml")


def test_no_dev_text_may_be_wanted():
    assert DataSettings(train="a", dev=None).dev is None
    assert DataSettings(train="a", dev=0).dev is None
    assert DataSettings(train="a").dev == 0.1
