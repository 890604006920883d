"""Reading in a process of its own: no file stops those that come after it."""

import pytest

from langue.pages import reader
from langue.pages.reader import PageError, PageReader


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.html"
    path.write_text("<title>T</title><p>Sound.")
    return path


def fault(pages, path):
    with pytest.raises(PageError) as error:
        list(pages.read(path))
    return str(error.value)


def test_a_page_that_takes_too_long_is_left_and_the_next_is_read(tmp_path, good, monkeypatch):
    monkeypatch.setattr(reader, "PAGE_SECONDS", 1.0)
    slow = tmp_path / "slow.html"
    slow.write_text("<span>" * 9_000 + "<div></div>" * 400_000)
    with PageReader() as pages:
        assert [page.text for page in pages.read(good)] == ["Sound."]
        assert fault(pages, slow) == "takes too long"
        assert [page.known for page in pages.read(good)] == [{"title": "T"}]


def test_a_page_that_takes_too_much_memory_is_left(tmp_path, good, monkeypatch):
    monkeypatch.setattr(reader, "MEMORY", 1 << 28)
    huge = tmp_path / "huge.html"
    with huge.open("wb") as file:
        file.truncate(1 << 29)
    with PageReader() as pages:
        assert fault(pages, huge) == "takes too much memory"
        assert [page.text for page in pages.read(good)] == ["Sound."]


def test_faults_are_named_in_a_few_words(tmp_path, good):
    (tmp_path / "deep.html").write_text("<div>" * 400_000)
    with PageReader() as pages:
        assert fault(pages, tmp_path / "deep.html") == "nested too deeply"
    names = {"a.html": b"\xff\xfe\x00", "b.html": b"<p>\xff", "c.pdf": b"%PDF-1.7\n", "d.pdf": b"PK\x03", "e.pdf": b""}
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
    with PageReader() as pages:
        assert [fault(pages, tmp_path / name) for name in names] == [
            "invalid utf-16le", "invalid UTF-8", "unreadable PDF", "unreadable PDF", "unreadable PDF",
        ]  # fmt: skip
        assert fault(pages, tmp_path / "missing.html") == "unreadable file"
        assert [page.text for page in pages.read(good)] == ["Sound."]


def test_a_file_that_was_not_read_to_its_end_is_not_taken_for_the_next(tmp_path, good):
    other = tmp_path / "other.htm"
    other.write_text("Other.")
    with PageReader() as pages:
        begun = pages.read(other)
        assert next(begun).text == "Other."
        begun.close()
        assert [page.text for page in pages.read(good)] == ["Sound."]
