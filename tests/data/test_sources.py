"""From what a user names to the files that are read."""

import os
from pathlib import Path

import pytest

from langue.data import DataSettings, TextDataSettings, find_sources
from langue.data.records import Dropped
from langue.errors import LangueError
from langue.settings import parse

OTHER = "neither a file nor a folder"


def names(given) -> list[str]:
    return [origin.name for origin in find_sources(given)]


def test_folders_give_their_files_in_order(write, tmp_path):
    for name in ["b.txt", "a/z.jsonl", "a.md", "skip.bin", ".hidden/x.txt", "C.TXT"]:
        write(f"data/{name}", "x")
    folder = tmp_path / "data"
    assert names(folder) == [str(folder / name) for name in ["C.TXT", "a/z.jsonl", "a.md", "b.txt"]]


def test_links_are_followed_and_nothing_is_read_twice(write, tmp_path):
    for name in ("data/a.txt", "data/b/c.txt", "away/d.txt", "away/deep/e.txt", "f.txt"):
        write(name, name)
    data = tmp_path / "data"
    for name, target in {"z": tmp_path / "away", "b/up": data, "again": data / "b", "f.txt": tmp_path / "f.txt",
                         "same.txt": data / "a.txt", "gone": tmp_path / "nowhere"}.items():  # fmt: skip
        (data / name).symlink_to(target)
    assert names(data) == [str(data / name) for name in ("a.txt", "b/c.txt", "f.txt", "z/d.txt", "z/deep/e.txt")]
    assert names(f"{data}/**/*.txt") == names(data)
    assert names(f"{data}/**/deep/*.txt") == [str(data / "z/deep/e.txt")]
    assert names(f"{tmp_path}/d*/**/c*") == [str(data / "b/c.txt")]


def test_what_a_folder_holds_beside_text_is_counted_and_named(write, tmp_path, capsys):
    write("data/a.txt", "x")
    for name in ("b.log", "c.log", "d/e.srt", "f.py", "g.xml", "h.ipynb", "i.json"):
        write(f"data/{name}", "x")
    write("data/store/manifest.json", '{"format": "langue-tokens"}')
    write("data/store/quarantine.jsonl", "{}")
    write("data/saved/dataset_info.json", "{}")
    write("data/site/manifest.json", '{"name": "an app"}')
    (tmp_path / "data" / "gone").symlink_to(tmp_path / "nowhere")
    passed: list[Dropped] = []
    assert [origin.name for origin in find_sources(tmp_path / "data", (), passed)] == [str(tmp_path / "data" / "a.txt")]
    assert {(each.origin.removeprefix(f"{tmp_path}/data/"), each.reason) for each in passed} == {
        *((name, "kind of file that is not read") for name in ("b.log", "c.log", "d/e.srt", "f.py", "g.xml", "h.ipynb",
                                                               "i.json", "site/manifest.json")),
        ("gone", "broken link"), ("saved", "saved dataset"),
    }  # fmt: skip
    assert capsys.readouterr().err == ""
    for _ in range(2):
        find_sources(tmp_path / "data")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "data: 10 not read (2 .log, 2 .json, " in said
    assert "1 broken link" in said
    assert "): b.log, c.log, " in said


@pytest.mark.parametrize("pattern", ["*.txt", "**/*.txt", "**/*", "**"])
def test_what_a_pattern_matches_and_is_no_file_is_counted_and_named(pattern, write, tmp_path, capsys):
    read = str(write("data/a.txt", "x"))
    os.mkfifo(tmp_path / "data" / "pipe.txt")
    (tmp_path / "data" / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "data" / "led.txt").symlink_to(tmp_path / "data" / "pipe.txt")
    passed: list[Dropped] = []
    assert [origin.name for origin in find_sources(f"{tmp_path}/data/{pattern}", (), passed)] == [read]
    assert {(Path(each.origin).name, each.reason) for each in passed} == {
        ("gone.txt", "broken link"), ("pipe.txt", OTHER), ("led.txt", OTHER)
    }  # fmt: skip
    find_sources(f"{tmp_path}/data/{pattern}")
    said = capsys.readouterr().err
    assert f"{tmp_path}/data: 3 not read (2 neither a file nor a folder, 1 broken link): gone.txt, " in said


def test_a_folder_that_a_pattern_matches_is_read(write, tmp_path):
    paths = [str(write(name, "x")) for name in ("in/a/b.txt", "in/c.txt")]
    assert names(str(tmp_path / "in" / "*")) == paths
    assert names(str(tmp_path / "in" / "**")) == paths


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
        parse(TextDataSettings, fields, "recipe.yaml")


def test_no_dev_text_may_be_wanted():
    assert DataSettings(train="a", dev=None).dev is None
    assert DataSettings(train="a", dev=0).dev is None
    assert DataSettings(train="a").dev == 0.1
