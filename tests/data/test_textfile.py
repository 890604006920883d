"""Text files: exactly the lines that `wc -l` counts, however they are cut, and each fault by itself."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langue.data import ReadSettings, Tally, find_sources, read_documents
from langue.data.documents import read_events
from langue.data.lines import read_lines
from langue.data.records import DocumentPiece, Dropped
from langue.errors import LangueError

LINES = st.lists(
    st.tuples(st.text(st.characters(exclude_characters="\n\r\0\ufeff", exclude_categories=["Cs"]), max_size=12),
              st.sampled_from(["\n", "\r\n", "\r"])),
    max_size=30,
)  # fmt: skip


def documents(path, **chosen) -> list[str]:
    found, text = [], ""
    for piece in read_documents(find_sources(path), ReadSettings(max_dropped=1, **chosen), Tally()):
        text += piece.text
        if piece.ends:
            found.append(text)
            text = ""
    assert text == ""
    return found


def dropped(path, **chosen) -> list[tuple[str, int, int]]:
    events = read_events(find_sources(path), ReadSettings(**chosen))
    return [(event.reason, event.number, event.size) for event in events if isinstance(event, Dropped)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, block=st.sampled_from([1, 2, 3, 7, 64, 1 << 16]), bom=st.booleans())
def test_a_line_ends_at_lf_or_cr_lf_and_at_cr_where_there_is_no_lf(write, lines, block, bom):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("langue.data.lines.BLOCK_BYTES", block)
        content = "".join(line + end for line, end in lines)
        path = write("text.txt", "\ufeff" * (bom and bool(lines)) + content)
        text = content.replace("\r\n", "\n") if "\n" in content else content.replace("\r", "\n")
        assert documents(path) == ([text] if text.strip() else [])
        # str.splitlines would break at more than line ends.
        rows = text.removesuffix("\n").split("\n") if text else []
        assert [line.text for line in read_lines(path, 1 << 20)] == rows
        assert documents(path, documents="line") == [row for row in rows if row.strip()]
        assert sum(line.size for line in read_lines(path, 1 << 20)) == path.stat().st_size


@pytest.mark.parametrize("block", [1, 4, 1 << 16])
@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("a\rb\nc\r\nd\r\r\n", ["a\rb", "c", "d\r"]),
        ("a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\nj", ["a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i", "j"]),
        ("\n\r\n\r", ["", "", "\r"]),
        ("one\rtwo\r", ["one", "two"]),
    ],
)
def test_nothing_else_ends_a_line(write, monkeypatch, block, content, lines):
    monkeypatch.setattr("langue.data.lines.BLOCK_BYTES", block)
    path = write("text.txt", content)
    assert [line.text for line in read_lines(path, 1 << 20)] == lines


@pytest.mark.parametrize("block", [1, 5, 64, 1 << 16])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_paragraphs_end_at_blank_lines(write, monkeypatch, block, end):
    monkeypatch.setattr("langue.data.lines.BLOCK_BYTES", block)
    lines = ["", "one", "two", "", " ", "three", "", "four", "five", "", ""]
    path = write("text.txt", end.join(lines))
    assert documents(path, documents="paragraph") == ["one\ntwo", "three", "four\nfive"]


def test_a_paragraph_without_end_is_handed_on_in_pieces(write):
    text = "a line of text\n" * 20_000
    path = write("text.txt", text + "\nlast")
    pieces = list(read_events(find_sources(path), ReadSettings(documents="paragraph")))
    assert len(pieces) > 4
    assert max(len(piece.text) for piece in pieces) < 1 << 17
    assert documents(path, documents="paragraph") == [text.removesuffix("\n"), "last"]


@pytest.mark.parametrize("block", [1, 2, 3, 8, 20, 1 << 16])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("unit", ["file", "line"])
def test_faults_are_found_by_line(write, monkeypatch, block, end, unit):
    monkeypatch.setattr("langue.data.lines.BLOCK_BYTES", block)
    lines = [b"one", b"\xc3(", b"three", b"x" * 30, b"y" * 12, b"six", b"z" * 13, b"eight"]
    path = write("text.txt", end.join(lines))
    wide = len(end)
    assert dropped(path, documents=unit, max_line_bytes=12) == [
        ("invalid UTF-8", 2, 2 + wide),
        ("line too long", 4, 30 + wide),
        ("line too long", 7, 13 + wide),
    ]
    kept = ["one", "three", "y" * 12, "six", "eight"]
    assert documents(path, documents=unit, max_line_bytes=12) == (["\n".join(kept)] if unit == "file" else kept)


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(("last", "kept"), [(b"  three", "one\n\n  three"), (b"  \xff", "one\n\n")])
def test_a_fault_changes_nothing_of_how_a_file_ends(write, end, last, kept):
    path = write("text.txt", b"one\n\xff\n\n" + last + end.encode())
    assert documents(path) == [kept + (end if last.isascii() else "")]


def test_a_nul_byte_further_down_spoils_its_line_only(write):
    path = write("text.txt", b"a line\n" * 10_000 + b"with \0 in it\n" + b"last\n")
    assert dropped(path) == [("NUL byte", 10_001, 13)]
    assert documents(path) == ["a line\n" * 10_000 + "last\n"]


def test_long_files_come_in_bounded_pieces_cut_between_visible_characters(write):
    path = write("text.txt", "a word\n\n  and more\n" * 30_000)
    pieces = [event for event in read_events(find_sources(path), ReadSettings()) if isinstance(event, DocumentPiece)]
    assert len(pieces) > 7
    assert max(piece.size for piece in pieces) <= 2 << 16
    for one, two in pairwise(pieces):
        assert one.text.endswith("\n")
        assert not one.text[-2].isspace()
        assert not two.text[0].isspace()
    assert [piece.ends for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_a_line_of_any_length_is_never_held_whole(write):
    import tracemalloc

    path = write("long.txt", b"first\n" + b"x" * (40 << 20) + b"\nlast\n")
    tracemalloc.start()
    assert dropped(path) == [("line too long", 2, (40 << 20) + 1)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ab\0cd", "is not a text file: it holds NUL bytes"),
        *[
            ("\ufefftext".encode(f"utf-{bits}-{end}"), f"is in UTF-{bits}; .*iconv -f UTF-{bits} ")
            for bits in (16, 32)
            for end in ("le", "be")
        ],
    ],
)
def test_what_is_no_text_at_all_is_refused(write, content, said):
    with pytest.raises(LangueError, match=said):
        documents(write("text.txt", content))


@pytest.mark.parametrize("unit", ["file", "line", "paragraph"])
@pytest.mark.parametrize("content", ["", "\n", " \n\t\n\n"])
def test_files_of_white_space_are_empty_documents(write, unit, content):
    path = write("text.txt", content)
    assert documents(path, documents=unit) == []
    found = dropped(path, documents=unit)
    assert {reason for reason, *_ in found} == {"empty"}
    assert sum(size for *_, size in found) == len(content)
